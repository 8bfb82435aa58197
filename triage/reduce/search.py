"""The search that every reduction is: candidates tried in order, the first that fails in the same way becomes current.

What a candidate is, and in which order candidates come, is the tiers' business. The search bounds tests and time, tries
several candidates at once where it has several testers, never tests one content twice, keeps the history, and hands
over other failures that it meets. The result depends on the answers of the tests alone, not on which of them was
faster: of the candidates that are tried side by side, the first in order wins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from .history import History

#: What a test of a candidate says: it fails in the same way, in another way, not at all, or is no valid program.
SAME, OTHER, PASSES, INVALID = "same", "other", "passes", "invalid"


class Reducible(Protocol):
    """A case of any kind of program."""

    @property
    def hash(self) -> str:
        """Of its content: equal for cases that need not both be tested."""

    @property
    def text(self) -> str:
        """The case file."""


C = TypeVar("C", bound=Reducible)


@dataclass(frozen=True)
class Answer:
    """What came of testing a candidate; ``what`` describes another failure, ``detail`` is for who receives that."""

    kind: str
    what: str = ""
    detail: Any = None


@dataclass(frozen=True)
class Bounds:
    """When to stop: after so many tests, after so many seconds."""

    tests: int = 500
    seconds: float = 120.0


class Search(Generic[C]):
    """A reduction under way.

    Args:
        start: fails; what is reduced.
        testers: each answers for one candidate at a time; as many candidates are tried side by side.
        weight: a candidate counts only if it weighs less than the current case, so that every reduction ends.
        settle: makes the accepted candidate presentable (states the types of its values) without changing what it is.
        other: called, in the searching thread, with candidates that fail in another way.
        stopping: asked before every test.
    """

    def __init__(
        self,
        start: C,
        testers: Sequence[Callable[[C], Answer]],
        weight: Callable[[C], Any],
        bounds: Bounds | None = None,
        *,
        history: History | None = None,
        settle: Callable[[C], C] = lambda case: case,
        other: Callable[[C, Answer], None] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ):
        self.case, self.testers, self.weight = start, list(testers), weight
        self.bounds, self.settle, self.other, self.stopping = bounds or Bounds(), settle, other, stopping
        self.history = history
        #: Tests made, and answers that were known from before.
        self.tests = self.known = 0
        self._answers: dict[str, str] = dict(history.answers) if history is not None else {}
        self._end = time.monotonic() + self.bounds.seconds
        if history is not None:
            history.step("start", start)

    @property
    def over(self) -> bool:
        """Whether a bound is reached."""
        return self.tests >= self.bounds.tests or time.monotonic() > self._end or self.stopping()

    def extend(self, seconds: float) -> None:
        """Go on for so many seconds from now."""
        self._end = time.monotonic() + seconds

    def first(self, tier: str, candidates: Iterable[C]) -> bool:
        """Take the first candidate that is lighter and fails in the same way; whether there was one."""
        heavy = self.weight(self.case)
        fresh = self._untested(candidates, heavy)
        while not self.over:
            some = list(islice(fresh, max(1, min(len(self.testers), self.bounds.tests - self.tests))))
            if not some:
                return False
            for candidate, answer in zip(some, self._test(some), strict=True):
                self._note(tier, candidate, answer)
            for candidate in some:
                if self._answers.get(candidate.hash) == SAME:
                    self._take(tier, candidate)
                    return True
        return False

    def exhaust(self, tier: str, candidates: Callable[[C], Iterable[C]]) -> bool:
        """Take candidates, made anew from each current case, until none is left; whether there was any."""
        progress = False
        while not self.over and self.first(tier, candidates(self.case)):
            progress = True
        return progress

    def sweep(self, tier: str, changes: Callable[[C, int], Iterable[C]], count: Callable[[C], int]) -> bool:
        """Go through positions from the last to the first, taking at each what can be taken; whether anything was."""
        progress = False
        position = count(self.case) - 1
        while position >= 0 and not self.over:
            if position < count(self.case):
                progress |= self.first(tier, changes(self.case, position))
            position -= 1
        return progress

    def _untested(self, candidates: Iterable[C], heavy: Any) -> Iterator[C]:
        seen: set[str] = set()
        for candidate in candidates:
            if self.stopping() or not self.weight(candidate) < heavy:
                continue
            key = candidate.hash
            if key in seen:
                continue
            seen.add(key)
            known = self._answers.get(key)
            if known is None or known == SAME:
                yield candidate
            else:
                self.known += 1

    def _test(self, candidates: list[C]) -> list[Answer]:
        missing = [one for one in candidates if one.hash not in self._answers]
        self.known += len(candidates) - len(missing)
        self.tests += len(missing)
        if len(missing) <= 1 or len(self.testers) == 1:
            fresh = {one.hash: self.testers[0](one) for one in missing}
        else:
            with ThreadPoolExecutor(len(missing)) as pool:
                answers = pool.map(lambda pair: pair[0](pair[1]), zip(self.testers, missing))
                fresh = dict(zip([one.hash for one in missing], answers, strict=True))
        return [fresh.get(one.hash) or Answer(self._answers[one.hash]) for one in candidates]

    def _note(self, tier: str, candidate: C, answer: Answer) -> None:
        if candidate.hash in self._answers:
            return
        if self.stopping() and answer.kind != SAME:
            return  # A worker that was ended by the campaign says nothing about the candidate.
        self._answers[candidate.hash] = answer.kind
        if self.history is not None:
            self.history.test(tier, candidate.hash, answer.kind, answer.what)
        if answer.kind == OTHER and self.other is not None:
            self.other(candidate, answer)

    def _take(self, tier: str, candidate: C) -> None:
        self.case = self.settle(candidate)
        self._answers[self.case.hash] = SAME
        if self.history is not None:
            self.history.step(tier, self.case)
