"""misfold's own compiler as a kernel target: as the interpreter, bit by bit."""

from __future__ import annotations

import pytest

from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.misfold import Misfold

from .harness import made, verdict


def test_kernels_come_out_as_the_interpreter_has_them():
    target = Misfold()
    pipelines = target.pipelines()
    for seed in range(20):
        found = verdict(target, made(seed), pipelines[seed % len(pipelines)])
        assert not found.bad, (seed, pipelines[seed % len(pipelines)].name, found)


@pytest.mark.slow
def test_many_kernels_come_out_as_the_interpreter_has_them():
    target = Misfold()
    pipelines = target.pipelines()
    for seed in range(20, 240):
        found = verdict(target, made(seed), pipelines[seed % len(pipelines)])
        assert not found.bad, (seed, pipelines[seed % len(pipelines)].name, found)


def test_pass_space_and_pipelines_agree():
    target = Misfold()
    space = target.pass_space()
    assert set(space.default) <= set(space.passes)
    for pipeline in target.pipelines():
        assert {name for name, _ in pipeline.passes or ()} <= set(space.passes)
    with pytest.raises(TargetError):
        target.compile(made(0).function, Pipeline("p", {}, (("no-such-pass", {}),)))
