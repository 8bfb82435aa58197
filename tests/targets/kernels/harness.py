"""Runs kernel targets on random kernels, each in a process of its own."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import replace

from misfold.generators.kernels import Options, generate
from misfold.oracles.kernels import expect, judge_kernel
from misfold.oracles.verdict import Verdict
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.protocol import KernelTarget
from misfold.targets.kernels.running import run_kernel
from misfold.targets.outcome import Outcome


def made(seed: int, options: Options = Options()) -> KernelCase:  # noqa: B008
    return KernelCase(generate(random.Random(f"kernel {seed}"), options), seed)


def outcome_in_child(target: KernelTarget, case: KernelCase, pipeline: Pipeline | None = None) -> Outcome:
    """What a target does with a case, in a forked process that ends after two minutes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # The test runner's own time limit came along, and would look like an exception of the target.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        # A kernel takes a second at most on an idle machine.
        signal.alarm(120)
        try:
            os.write(writing, run_kernel(target, case, pipeline, 2).pack())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if data:
        return Outcome.unpack(data)
    return Outcome("hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash")


def verdict(target: KernelTarget, case: KernelCase, pipeline: Pipeline | None = None, exact: bool = False) -> Verdict:
    """The verdict on what a target does; ``exact``: every operation is rounded alone, so bits count everywhere."""
    outcome = outcome_in_child(target, case, pipeline)
    expected = expect(case)
    if exact:
        expected = replace(expected, approximate=frozenset())
    return judge_kernel(case, expected, outcome, exact_overflow=target.wraps)
