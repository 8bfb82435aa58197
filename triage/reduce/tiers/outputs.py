"""Fewer returned values."""

from __future__ import annotations

from collections.abc import Iterator

from misfold.programs.case import Case

from ..cuts import keep_returns, live_nodes
from ..surgery import attempt


def one_output(case: Case) -> Iterator[Case]:
    """Each returned value alone, the one that needs the fewest nodes first; with one value, without what it lacks."""
    names = dict.fromkeys(case.graph.returns)
    for name in sorted(names, key=lambda name: len(live_nodes(case.graph, [name]))):
        if live_nodes(case.graph, [name]):
            yield from attempt(keep_returns, case, {name})


def fewer_outputs(case: Case) -> Iterator[Case]:
    """One returned value less."""
    names = dict.fromkeys(case.graph.returns)
    if len(names) > 1:
        for name in names:
            yield from attempt(keep_returns, case, set(names) - {name})
