"""Findings that wait to be looked into, and which of them is next."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator

from misfold.targets.outcome import normalise

from .store import Finding

_Key = tuple[str, ...]


class Pending:
    """A queue that lanes share. What looks least like what was taken before comes first.

    Looking into one finding takes up to a minute, and a campaign's first minutes bring hundreds, most of them of a few
    bugs: taken in the order in which they came, the second bug of a target would wait behind all of the first one. Of
    those that look equally new, the target that had its turn least often comes first, then the oldest finding.
    """

    def __init__(self, findings: Iterable[Finding] = ()):
        self._lock = threading.Lock()
        self._waiting: list[tuple[_Key, Finding]] = []
        self.extend(findings)
        self._taken: Counter[_Key] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Finding]:
        return iter([finding for _, finding in self._waiting])

    def append(self, finding: Finding) -> None:
        """Add a finding."""
        self.extend([finding])

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        waiting = [(looks(finding), finding) for finding in findings]
        with self._lock:
            self._waiting.extend(waiting)

    def popleft(self) -> Finding:
        """The next one.

        Raises:
            IndexError: there is none.
        """
        with self._lock:
            if not self._waiting:
                raise IndexError("nothing waits")
            # min takes the first of several: the oldest.
            place = min(range(len(self._waiting)), key=lambda place: self._turns(self._waiting[place][0]))
            key, finding = self._waiting.pop(place)
            self._taken.update([key, key[:1]])
            return finding

    def _turns(self, key: _Key) -> tuple[int, int]:
        return self._taken[key], self._taken[key[:1]]


def looks(finding: Finding) -> _Key:
    """What can be told of a finding without running anything: its target, and what went wrong there in words, or which
    oracle saw it."""
    if finding.failure is not None:
        return finding.target, finding.kind, finding.failure["type"], normalise(finding.failure["message"])
    return finding.target, finding.kind, finding.oracle, normalise(finding.explanation.partition("\n")[0])
