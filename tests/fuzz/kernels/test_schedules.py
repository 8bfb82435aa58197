"""Seeds whose schedule changed their meaning are findings with the pipeline that shows it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("tvm")

from misfold.fuzz.kernels import seeds
from misfold.fuzz.kernels.examine import KernelExaminer
from misfold.generators.tvm_seeds.draw import Seed, normal_text
from misfold.programs.kernel_tvmscript import parse_tvmscript_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.tvm import parse_script
from misfold.targets.kernels.tvm_schedules import PRIMITIVES
from tests.oracles.padded_minimum import SCRIPT, pad


@pytest.fixture
def item(monkeypatch):
    """What is made of a seed that was padded, which TVM 0.27 does with zeros even for a minimum."""

    monkeypatch.setitem(PRIMITIVES, "pad", (pad, 1))
    text = normal_text(parse_script(SCRIPT))
    found = seeds._changed(Seed("", "test", text, (("annotate", 6), ("pad", 1), ("unroll", 2))), 3)
    if found is None:
        pytest.skip("the installed TVM pads a minimum as it must")
    return found


def test_the_program_before_the_primitive_and_the_primitive_as_pipeline(item):
    assert item["pipeline"] == {"name": "schedule", "options": {"schedule": [["pad", 1]]}}
    case = parse_tvmscript_case(item["text"])
    assert case.about["primitive"] == "pad" and "pragma" in case.script
    told = seeds.schedule({"case": item["text"], "steps": [["pad", 1]]})
    assert told["changed"][:2] == [0, "pad"]
    assert seeds.schedule({"case": item["text"], "steps": [["split", 1]]}) == {"changed": None}


def test_the_verdict_names_the_primitive(item):
    asked = []

    def call(server, service, request, seconds):
        asked.append(service)
        return SimpleNamespace(data=seeds.schedule(request))

    examiner = SimpleNamespace(call=call, seconds=1.0)
    case = parse_tvmscript_case(item["text"])
    steps = Pipeline.from_data(item["pipeline"]).options["schedule"]
    verdict = KernelExaminer._schedule(examiner, case, steps)
    assert asked == [seeds.SCHEDULE]
    assert (verdict.kind, verdict.oracle) == ("proved", "schedule")
    assert verdict.explanation.startswith("the primitive pad changed the meaning")
    assert KernelExaminer._schedule(examiner, case, [["split", 1]]) is None
