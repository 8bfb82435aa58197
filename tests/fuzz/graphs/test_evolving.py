"""Pipelines of graph targets as sets of changes."""

from __future__ import annotations

import random

import pytest

from misfold.fuzz.graphs.evolving import MOST, Space, draw, evolve, shrunk
from misfold.programs.pipeline import Pipeline
from misfold.targets.inductor_pipelines import PIPELINES as INDUCTOR
from misfold.targets.misfold_pipelines import PIPELINES as MISFOLD
from misfold.targets.onnxruntime_pipelines import PIPELINES as ONNXRUNTIME
from misfold.targets.tvm_pipelines import DEFAULT_PASSES
from misfold.targets.tvm_pipelines import PIPELINES as TVM

TARGETS = {"inductor": INDUCTOR, "tvm": TVM, "onnxruntime": ONNXRUNTIME, "misfold": MISFOLD}


def meaning(pipeline: Pipeline) -> dict:
    return {key: value for key, value in pipeline.to_data().items() if key != "name"}


@pytest.mark.parametrize("name", TARGETS)
def test_named_pipelines_come_back_from_their_changes(name):
    space = Space.of(TARGETS[name])
    for pipeline in TARGETS[name]:
        again = space.pipeline(space.changes(pipeline))
        assert again.name == pipeline.name
        # "dynamic" of misfold leaves its passes to the default, which lists them
        if pipeline.passes is not None or space.default.passes is None:
            assert meaning(again) == meaning(pipeline)


def test_the_passes_of_a_default_that_lists_none_are_found():
    assert tuple(name for name, _ in Space.of(TVM).base) == DEFAULT_PASSES


@pytest.mark.parametrize("name", TARGETS)
def test_evolved_pipelines_are_made_of_what_the_named_ones_have(name):
    space, pipelines = Space.of(TARGETS[name]), TARGETS[name]

    def words(changes):
        # where exactly a pass was put in depends on what was left out beside it
        return {repr((slot[0], slot[2]) if slot[0] == "add" else (slot, value)) for slot, value in changes.items()}

    allowed = set().union(*map(words, space.bundles.values()))
    source = random.Random(4)
    pipeline, seen = pipelines[0], set()
    for _ in range(150):
        new = evolve(pipeline, source, space, [source.choice(pipelines)])
        changes = space.changes(new)
        assert len(changes) <= MOST
        assert words(changes) <= allowed
        assert Pipeline.from_data(new.to_data()) == new
        seen.add(repr(new.to_data()))
        pipeline = new if source.random() < 0.9 else pipelines[0]
    assert len(seen) > 20


def test_the_name_tells_what_it_is_made_of():
    space = Space.of(INDUCTOR)
    both = space.bundles["scalar"] | space.bundles["no-pattern-matcher"]
    pipeline = space.pipeline(both)
    assert pipeline.name == "scalar+no-pattern-matcher"
    assert pipeline.options["config"] == {"cpp.simdlen": 1, "pattern_matcher": False}
    assert {one.name for one in shrunk(pipeline, space)} == {"scalar", "no-pattern-matcher"}
    assert space.pipeline({}) == INDUCTOR[0]


def test_passes_are_left_out_and_put_in():
    space = Space.of(MISFOLD)
    changes = space.bundles["without-fusion"] | space.bundles["with-tiling"]
    names = [name for name, _ in space.pipeline(changes).passes or ()]
    usual = [name for name, _ in space.base]
    assert "fusion" not in names and "tiling" in names
    assert [name for name in names if name != "tiling"] == [name for name in usual if name != "fusion"]


def test_random_pipelines_combine_named_ones():
    space = Space.of(ONNXRUNTIME)
    drawn = {draw(random.Random(number), space).name for number in range(40)}
    assert len(drawn) > 20 and any("+" in name for name in drawn)


def test_a_target_with_one_pipeline_stays_as_it_is():
    only = Pipeline("default")
    assert evolve(only, random.Random(0), Space.of([only])) == only
