"""Facts of a made-up bug, for tests to change one thing of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.programs.case import parse_case
from misfold.programs.pipeline import Pipeline
from misfold.programs.printer import print_graph
from misfold.triage.localise.blame import FAILS, PASSES, Blame, Mitigation
from misfold.triage.report.facts import Facts, Origin, Trial
from misfold.triage.report.measures import Measure
from misfold.triage.script import Ran

CASE = parse_case(
    """# misfold case, version 1
def program(x0: "float32[4, 6]", x1: "float32[6]"):
    v0: "float32[4, 6]" = torch.mul(x0, 2.0)
    v1: "float32[4, 6]" = torch.add(v0, x1)
    v2: "float32[4]" = torch.sum(v1, 1)
    return v2, v0
INPUTS = {"x0": {"draw": "normal", "seed": 1}, "x1": {"draw": "normal", "seed": 2}}
"""
)
FACTS = Facts(
    name="B7",
    title="wrong values from sum",
    target="inductor",
    pipeline=Pipeline("default"),
    kind="values",
    verdict="proved",
    oracle="values",
    explanation="out0[1]: target 3, eager 4",
    program=print_graph(CASE.graph),
    case=CASE,
    script="import torch\nprint('the script')\n",
    ran=Ran("reproduces", "out0: 1 of 4 elements are wrong\nFAILS: inductor differs from eager\n", "", 3.0),
    trials=(Trial("same", "proved"),) * 3,
    supports="eager",
    blame=Blame(
        "inductor", "post-grad", ("stages",), mitigations=(Mitigation("eager", PASSES), Mitigation("b", FAILS))
    ),
    versions={"torch": "2.13.0", "onnxruntime": "1.31"},
    system={"platform": "Linux", "system": "Debian 12", "machine": "x86_64", "python": "3.11.7"},
    environment="PyTorch version: 2.13.0",
    measures=(Measure("out0", "float32[4]", 1, 4, 1e-8, 1.0, True, False),),
    origin=Origin(("Case 3 of a campaign.",), True),
)


def but(**changes: Any) -> Facts:
    """The facts with some changed."""
    return replace(FACTS, **changes)
