"""What a campaign asks of the known issues: is a finding one of them, and will a program only hit one of them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache

from misfold.programs.graph import Graph

from .issues import Call, Failing, Issue


def calls_of(graph: Graph) -> tuple[Call, ...]:
    """A graph's calls as issues look at them."""
    found = []
    for node in graph.nodes:
        types = (graph.values[ref.name].type for ref in node.references())
        found.append(Call(node.op, frozenset(one.dtype.name for one in types if one is not None)))
    return tuple(found)


class Knowledge:
    """The issues that are current for the installed versions, with counts of what they explained and kept away."""

    def __init__(
        self, issues: Iterable[Issue] = (), versions: Mapping[str, str] | None = None, today: date | None = None
    ):
        day = today or date.today()
        self.issues: Sequence[Issue] = [one for one in issues if one.current(day, versions or {})]
        #: by title: findings that are the issue, and programs that a target was spared
        self.explained: Counter[str] = Counter()
        self.spared: Counter[str] = Counter()

    def explain(self, found: Failing) -> Issue | None:
        """The issue that a finding is, the file's first if several know it; counted."""
        issue = next((one for one in self.issues if one.knows(found)), None)
        if issue is not None:
            self.explained[issue.title] += 1
        return issue

    def spare(self, target: str, graph: Graph) -> Issue | None:
        """The issue that a program would hit on a target; counted."""
        if not any(one.steer and one.operators for one in self.issues):
            return None
        calls = calls_of(graph)
        issue = next((one for one in self.issues if one.foresees(target, calls)), None)
        if issue is not None:
            self.spared[issue.title] += 1
        return issue


@lru_cache(maxsize=1)
def today() -> date:
    """The day a process began to ask: a campaign's decisions do not change at midnight."""
    return date.today()
