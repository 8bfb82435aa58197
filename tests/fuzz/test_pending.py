"""Which finding is looked into next."""

from __future__ import annotations

import pytest

from misfold.fuzz.pending import Pending, looks
from misfold.fuzz.tables import Finding


def finding(target: str, message: str = "", explanation: str = "", index: int = 0) -> Finding:
    failure = {"type": "RuntimeError", "message": message} if message else None
    kind, oracle = ("compile-error", "crash") if message else ("values", "values")
    return Finding(target=target, kind=kind, oracle=oracle, explanation=explanation, failure=failure, index=index)


def order(findings: list[Finding]) -> list[int]:
    queue = Pending(findings)
    return [queue.popleft().index for _ in range(len(findings))]


def test_what_looks_new_comes_before_more_of_the_same():
    many = [finding("a", "check failed at 0x7f12", index=place) for place in range(5)]
    assert order([*many, finding("a", "another", index=9)]) == [0, 9, 1, 2, 3, 4]


def test_targets_take_turns():
    one = [finding("a", f"message of {word}", index=place) for place, word in enumerate(("red", "green", "blue"))]
    two = [finding("b", f"message of {word}", index=place + 10) for place, word in enumerate(("red", "green"))]
    assert order([*one, *two]) == [0, 10, 1, 11, 2]


def test_what_was_taken_is_remembered_when_more_comes():
    queue = Pending([finding("a", "slow", index=1)])
    assert queue.popleft().index == 1
    queue.append(finding("a", "slow", index=2))
    queue.extend([finding("a", "fast", index=3)])
    assert [one.index for one in queue] == [2, 3] and len(queue) == 2
    assert [queue.popleft().index, queue.popleft().index] == [3, 2]
    assert not queue
    with pytest.raises(IndexError):
        queue.popleft()


def test_numbers_and_addresses_make_no_difference():
    assert looks(finding("a", "index 3 at 0x7f12")) == looks(finding("a", "index 4 at 0x8f12"))
    assert looks(finding("a", explanation="out0: 3 of 5\nmore")) == looks(
        finding("a", explanation="out0: 4 of 5\nless")
    )
    assert looks(finding("a", explanation="out0: 3 of 5")) != looks(finding("b", explanation="out0: 3 of 5"))
    assert looks(finding("a", explanation="wrong shape")) != looks(finding("a", explanation="wrong strides"))
