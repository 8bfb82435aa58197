"""What passes need, out of what they did after each prefix of the default order."""

from __future__ import annotations

import os
import signal

from misfold.fuzz.kernels.prerequisites import _in_children, relations
from misfold.targets.kernels.tvm_pipelines import DEFAULT

PLACES = len(DEFAULT) + 1


def row(fails: range) -> list[int]:
    return [int(place not in fails) for place in range(PLACES)]


def test_a_pass_needs_the_one_that_makes_it_work():
    results = [{"tirx.StorageRewrite": row(range(5))}, {"tirx.StorageRewrite": row(range(5))}]
    found = relations(results)["tirx.StorageRewrite"]
    assert found["after"] == {"pass": DEFAULT[4], "programs": 2}
    assert "not_after" not in found


def test_a_pass_must_not_follow_the_one_that_breaks_it():
    results = [{"LowerInitBlock": row(range(7, PLACES))}] * 3
    found = relations(results)["LowerInitBlock"]
    assert found["not_after"] == {"pass": DEFAULT[6], "programs": 3}


def test_one_program_alone_says_nothing():
    assert relations([{"LowerInitBlock": row(range(3))}, {"LowerInitBlock": row(range(0))}]) == {}


def test_children_that_die_count_as_failures():
    def work(number: int) -> int:
        if number in (1, 4):
            os.kill(os.getpid(), signal.SIGKILL)
        return 1

    assert _in_children(6, work) == [1, 0, 1, 1, 0, 1]
