"""Choosing among a campaign's bugs, and what lists show of one beside its row in the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from misfold.programs.case import parse_case
from misfold.programs.errors import UsageError
from misfold.programs.kernel import is_kernel_case
from misfold.programs.kernel_tvmscript import is_tvmscript_case

from .lifecycle import STATES, State, state_of
from .settings import parse_duration
from .store import Bug, Finding, Store


@dataclass(frozen=True)
class Listed:
    """A bug with its representative, its state, and the operators of its reduced program (none of a kernel)."""

    bug: Bug
    finding: Finding
    state: State
    operators: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        return f"B{self.bug.id}"


def listed(store: Store) -> list[Listed]:
    """All bugs of a store, oldest first."""
    members: dict[int | None, list[Finding]] = {}
    by_number = {}
    for item in store.findings():
        members.setdefault(item.bug_id, []).append(item)
        by_number[item.id] = item
    return [
        Listed(bug, by_number[bug.finding_id], state_of(store, bug), operators_of(by_number[bug.finding_id]),
               tuple(members.get(bug.id, ())))
        for bug in store.bugs()
    ]  # fmt: skip


def operators_of(finding: Finding) -> tuple[str, ...]:
    """The operators that a finding's program calls, as small as it is known; none of a kernel."""
    text = finding.reduced or finding.text
    if is_kernel_case(text) or is_tvmscript_case(text):
        return ()
    return tuple(dict.fromkeys(parse_case(text).graph.operators))


@dataclass(frozen=True)
class Wish:
    """Which bugs are wanted: each entry names what is allowed, an empty one allows all.

    ``operators`` are patterns as of ``fnmatch``, with or without ``torch.``; one of them has to match an operator.
    ``since`` is seconds since the epoch, or None.
    """

    targets: Sequence[str] = ()
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    operators: Sequence[str] = ()
    since: float | None = None

    def __post_init__(self) -> None:
        odd = next((one for one in self.states if one not in STATES), None)
        if odd is not None:
            raise UsageError(f"no bug is ever {odd!r}; states are: {', '.join(STATES)}")

    def takes(self, one: Listed) -> bool:
        """Whether a bug is wanted. ``wrong`` is another word for the kind ``values``."""
        kinds = ["values" if kind in ("wrong", "wrong result") else kind for kind in self.kinds]
        return (
            (not self.targets or one.bug.target in self.targets)
            and (not kinds or one.bug.kind in kinds)
            and (not self.states or one.state.word in self.states)
            and (self.since is None or one.finding.at >= self.since)
            and (not self.operators or any(_matches(name, self.operators) for name in one.operators))
        )


def _matches(operator: str, patterns: Sequence[str]) -> bool:
    names = {operator, operator.removeprefix("torch."), operator.rpartition(".")[2]}
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def parse_since(text: str) -> float:
    """The moment of ``2h`` (so long ago) or ``2026-05-01`` or ``2026-05-01T12:30`` (local time), as seconds.

    Raises:
        UsageError: the text is none of these.
    """
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass
    try:
        return time.time() - parse_duration(text)
    except UsageError:
        raise UsageError(f"neither a date nor a duration: {text!r} (write for example 2026-05-01, or 12h)") from None
