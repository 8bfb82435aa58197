"""What may be reported: each rule of thumb refuses what it is there for, and nothing else."""

from __future__ import annotations

import pytest

from misfold.triage.report.facts import Origin, Similar, Trial
from misfold.triage.report.measures import Measure
from misfold.triage.report.readiness import RULES, objections
from misfold.triage.script import Ran

from .made import FACTS, but

FAILED, PASSED = Trial("k", "proved"), Trial("", "ok")
WITHIN = Measure("out0", "float32[4]", 1, 4, 1e-8, 2e-8, True, True)


def test_a_sound_finding_is_ready() -> None:
    assert objections(FACTS) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("not reproducing", {"trials": (PASSED,) * 3}),
        ("not reproducing", {"ran": Ran("passes", "", "", 1.0)}),
        ("not reproducing", {"ran": Ran("reproduces", "FAILS: no result after 60 seconds\n", "", 61.0)}),
        ("not reproducing", {"kind": "hang", "ran": Ran("reproduces", "FAILS: the process died of SIGBUS\n", "", 1.0)}),
        ("flaky", {"trials": (FAILED, PASSED, FAILED)}),
        ("flaky", {"trials": (FAILED, FAILED, Trial("other", "proved"))}),
        ("flaky", {"oracle": "nondeterminism"}),
        ("flaky", {"status": "flaky"}),
        ("undefined behaviour", {"undefined": "index_put with indices twice"}),
        ("no reference", {"eager": "RuntimeError: no"}),
        ("non-finite", {"finite": False}),
        ("non-finite", {"oracle": "nonfinite"}),
        ("rounding only", {"verdict": "suspect", "measures": (WITHIN,)}),
        ("float64 disagrees", {"supports": "target"}),
        ("not reduced", {"origin": Origin((), False)}),
        ("known", {"status": "known"}),
        ("known", {"similar": (Similar("known issue", "it", "https://example.org/1", True),)}),
    ],
)
def test_each_rule_refuses(rule: str, changes: dict) -> None:
    assert {one.rule for one in objections(but(**changes))} == {rule}


@pytest.mark.parametrize(
    "changes",
    [
        # A proof stands whatever another comparison's tolerance says.
        {"measures": (WITHIN,)},
        # A wrong shape of infinities is a wrong shape.
        {"finite": False, "oracle": "shape"},
        {"kind": "crash", "finite": False, "ran": Ran("reproduces", "FAILS: the process died of SIGSEGV\n", "", 1.0)},
        {"kind": "hang", "ran": Ran("reproduces", "FAILS: no result after 60 seconds\n", "", 61.0)},
        {"similar": (Similar("corpus", "looks alike"),)},
    ],
)
def test_what_is_no_objection(changes: dict) -> None:
    assert objections(but(**changes)) == []


def test_rules_are_named_once() -> None:
    assert len(RULES) == len(set(RULES.values()))
