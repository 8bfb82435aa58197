"""Fewer returned values."""

from __future__ import annotations

from collections.abc import Iterator

from misfold.programs.case import Case

from ..cuts import keep_returns
from ..surgery import attempt


def half_of_the_outputs(case: Case) -> Iterator[Case]:
    """The last half of the returned values, or the first."""
    names = list(dict.fromkeys(case.graph.returns))
    if len(names) > 1:
        middle = len(names) // 2
        for half in (names[middle:], names[:middle]):
            yield from attempt(keep_returns, case, set(half))


def only(case: Case, name: str | None) -> Iterator[Case]:
    """One returned value, as a verdict names it: ``out3``."""
    if name is not None and name.startswith("out") and name[3:].isdigit() and int(name[3:]) < len(case.graph.returns):
        yield from attempt(keep_returns, case, {case.graph.returns[int(name[3:])]})


def needed(case: Case) -> Iterator[Case]:
    """The same returned values, without nodes that they do not need."""
    yield from attempt(keep_returns, case, set(case.graph.returns))


def fewer_outputs(case: Case) -> Iterator[Case]:
    """One returned value less."""
    names = dict.fromkeys(case.graph.returns)
    if len(names) > 1:
        for name in names:
            yield from attempt(keep_returns, case, set(names) - {name})
