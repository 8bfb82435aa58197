"""Random graphs of all operators, with and without fusion."""

from __future__ import annotations

from random import Random

import pytest

from tests.compiler.graph.graphs import random_graph, random_inputs

from .harness import check, fused_at_random


def _check(seed):
    graph = random_graph(seed)
    arrays = random_inputs(graph, seed)
    check(graph, arrays)
    together = fused_at_random(graph, Random(seed))
    check(together, arrays)
    check(graph if seed % 2 else together, arrays, flat_parameters=True)


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    _check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_many_random_graphs(seed):
    _check(seed)
