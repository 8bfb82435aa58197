"""Whole pipelines: what machine code computes is what the graph means, for random graphs, the named pipelines and
random orders of passes with random parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from misfold.compiler.driver import compile_graph
from misfold.compiler.graph.arithmetic import NUMPY
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.ir import Graph, Node
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.passes.base import GraphPass, registry
from misfold.compiler.pipelines import NAMED, Pipeline, from_data, named
from tests.compiler.graph.graphs import random_graph, random_inputs
from tests.compiler.lowering.harness import close, laid_out

#: Operators on floats that are as exact in machine code as they are in numpy.
_EXACT = {"add", "sub", "mul", "div", "min", "max", "copysign", "neg", "abs", "sqrt", "select", "cast", "relu"} | {
    *("floor", "ceil", "trunc", "round", "hardtanh", "sort", "argreduce", "argscan", "argwindow", "gather"),
    *(name for name, rule in BINARY.items() if rule.compares),
}
#: Operators that turn small errors into small errors.
_SMOOTH = {
    "add",
    "sub",
    "mul",
    "min",
    "max",
    "neg",
    "abs",
    "relu",
    "hardtanh",
    "sigmoid",
    "tanh",
    "softmax",
    "silu",
} | {
    *("sin", "cos", "atan", "erf", "expit", "gather", "sort", "mean"),
}
_ROUNDS_AS_NUMPY = ("min", "max", "and", "or", "xor")


def _kinds(graph: Graph) -> dict[str, str]:
    """How well each value is known: ``exact``; ``near``, up to rounding; ``unknown``, as that decides it all."""
    kinds = {value.name: "exact" for value in graph.inputs}
    for node in graph.nodes:
        given = {kinds[value.name] for value in node.inputs}
        if "unknown" in given:
            kind = "unknown"
        elif "near" in given:
            kind = "near" if _is_smooth(node) else "unknown"
        else:
            kind = "exact" if _is_exact(node) else "near"
        kinds.update({value.name: kind for value in node.outputs})
    return kinds


def _moves(node: Node) -> bool:
    return operators()[node.operator].family in ("movement", "creation")


def _is_exact(node: Node) -> bool:
    if not any(value.type.dtype.is_float for value in (*node.inputs, *node.outputs)):
        return True
    attributes: dict[str, Any] = dict(node.attributes)
    return _moves(node) or node.operator in _EXACT or attributes.get("op") in _ROUNDS_AS_NUMPY


def _is_smooth(node: Node) -> bool:
    attributes: dict[str, Any] = dict(node.attributes)
    if node.operator == "cast":
        return node.output.type.dtype.is_float
    return _moves(node) or node.operator in _SMOOTH or attributes.get("op") in ("min", "max")


def _check(graph: Graph, pipelines: Iterable[Pipeline], seed: int, verify: bool = False) -> int:
    """Compare the outputs that are known; their number."""
    arrays = random_inputs(graph, seed)
    kinds = _kinds(graph)
    with np.errstate(all="ignore"):
        wanted = evaluate(graph, arrays)
    known = 0
    for pipeline in pipelines:
        compiled = compile_graph(graph, pipeline, verify=verify)
        outputs = [
            laid_out(np.ones(value.type.shape, NUMPY[value.type.dtype.name]), value.type) for value in graph.outputs
        ]
        compiled.call_pointers([one.ctypes.data for one in (*arrays, *outputs)])
        for value, expected, found in zip(graph.outputs, wanted, outputs):
            if kinds[value.name] == "unknown":
                continue
            known += 1
            assert close(expected, found, value.type.dtype), (
                f"seed {seed}, {pipeline.name} {pipeline.data()}, {value.name} ({kinds[value.name]}):\n"
                f"{expected}\nexpected, but found\n{found}"
            )
    return known


@cache
def _random_pipeline(seed: int) -> Pipeline:
    """Decomposition, which all need; then graph passes and loop passes in any order, some of them twice."""
    chance = Random(seed)
    passes: list[list[Any]] = [["decomposition"]]
    for level in (True, False):
        names = sorted(name for name, kind in registry().items() if issubclass(kind, GraphPass) == level)
        for name in chance.choices(names, k=chance.randint(3, 10)):
            parameters = {one.name: chance.choice(one.metadata["values"]) for one in fields(registry()[name])}
            passes.append([name, parameters])
    codegen = {"level": chance.choice((0, 1, 2, 3)), "contract": chance.random() < 0.5}
    return from_data(f"random-{seed}", passes, codegen)


def _random_pipelines(count: int) -> list[Pipeline]:
    return [_random_pipeline(seed) for seed in range(count)]


@pytest.mark.parametrize("seed", range(60))
def test_named_pipelines(seed):
    _check(random_graph(seed), map(named, NAMED), seed)


def test_most_outputs_are_known():
    graphs = [random_graph(seed) for seed in range(60)]
    known = [_kinds(graph)[value.name] != "unknown" for graph in graphs for value in graph.outputs]
    assert sum(known) > 0.8 * len(known)


@pytest.mark.parametrize("pipeline", _random_pipelines(3), ids=lambda one: one.name)
def test_random_pipelines(pipeline):
    for seed in range(100, 110):
        _check(random_graph(seed), [pipeline], seed, verify=True)


_TWICE_ROUNDED = """graph twice(x: f64[10]) -> (v1, v2) {
  v0: f32[10] = cast[dtype=f32](x)
  v1: f16[10] = cast[dtype=f16](v0)
  v2: f16[10] = exp(v1)
}
"""


@pytest.mark.parametrize("name", NAMED)
def test_a_number_that_is_rounded_twice_is_not_rounded_once(name):
    graph = parse_graph(_TWICE_ROUNDED)
    # To binary32 it is a tie between two of binary16, of which 1 is even; in one step it is nearer to the other.
    x = np.full(10, 1 + 2.0**-11 + 2.0**-30)
    compiled = compile_graph(graph, named(name))
    once, power = np.zeros(10, np.float16), np.zeros(10, np.float16)
    compiled.call_pointers([x.ctypes.data, once.ctypes.data, power.ctypes.data])
    assert (once == x.astype(np.float32).astype(np.float16)).all() and (once != x.astype(np.float16)).all()


@pytest.mark.parametrize("name", NAMED)
def test_code_calls_nothing_that_the_process_may_not_have(name):
    text = "graph g(x: f16[10]) -> (v0, v1) {\n  v0: f16[10] = cos(x)\n  v1: f16[10] = atanh(v0)\n}\n"
    # The cosine is made in binary64. Out of its two roundings LLVM once made a call of compiler-rt's.
    assert "__trunc" not in compile_graph(parse_graph(text), named(name)).assembly()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_named_pipelines_on_many_graphs(seed):
    _check(random_graph(seed), map(named, NAMED), seed)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", _random_pipelines(20), ids=lambda one: one.name)
def test_random_pipelines_on_many_graphs(pipeline):
    for seed in range(3000, 3050):
        _check(random_graph(seed), [pipeline], seed, verify=True)
