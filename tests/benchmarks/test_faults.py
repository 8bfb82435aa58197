"""The seeded faults: each shows on its witness, and leaves nothing behind when it is off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from benchmarks.faults import CLASSES, catalogue, fault, workers
from benchmarks.faults.__main__ import configurations, listed, sample
from benchmarks.faults.places import replace_at
from benchmarks.faults.targets import registered, target_name
from benchmarks.faults.triggers import _case, scan
from benchmarks.faults.truth import _truth, faults_of, ground_truth
from benchmarks.faults.witnesses import Shown, graph, kernel, show, warm_up

from .conftest import ROOT

NAMES = list(catalogue())
# One of each class is tried every time, the others with -m slow: each takes half a second, graphs more than kernels.
_FIRST = {one.kind: name for name, one in sorted(catalogue().items(), key=lambda item: item[1].is_kernel)}
ALL = [name if name in _FIRST.values() else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


@cache
def warm() -> None:
    warm_up(True)


def test_there_are_faults_of_every_class():
    counts = Counter(one.kind for one in catalogue().values())
    assert sum(counts.values()) >= 60
    assert set(counts) == set(CLASSES)
    assert sum(one.is_kernel for one in catalogue().values()) >= 30
    assert sum(not one.is_kernel for one in catalogue().values()) >= 30


def test_faults_sit_in_all_parts_of_the_compiler():
    parts = Counter(".".join(one.where.split(":")[0].split(".")[:2]) for one in catalogue().values())
    for part in (
        "passes.graph",
        "passes.loops",
        "codegen.integers",
        "codegen.math",
        "loops.ranges",
        "loops.dependence",
    ):
        assert parts[part], parts
    assert any(part.startswith("lowering.") for part in parts)
    assert any(part.startswith("frontend.") for part in parts)


@pytest.mark.parametrize("name", ALL)
def test_a_witness_fails_with_its_fault_and_passes_without(name):
    warm()
    one = catalogue()[name]
    off = show(one.witness.case, [])
    assert not off.bad, off
    on = show(one.witness.case, [name], seconds=4.0)
    assert on.bad
    assert on.outcome == one.shows, on


def _functions() -> dict[int, Any]:
    """The code of all functions of the compiler."""
    found = {}
    for module in [one for key, one in sys.modules.items() if key.startswith("misfold.compiler")]:
        for value in list(vars(module).values()):
            members = vars(value).values() if isinstance(value, type) else (value,)
            for member in members:
                member = getattr(member, "fget", member)
                if isinstance(member, FunctionType):
                    found[id(member)] = member.__code__
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_a_fault_changes_it_puts_back(name):
    before = _functions()
    with fault(name):
        pass
    after = _functions()
    assert all(after[key] is code for key, code in before.items())


def test_a_fault_is_on_within_its_block_only():
    from misfold.compiler.passes.loops.tiling import permutable

    everything: list[Any] = [type("D", (), {"kind": "flow", "loops": ("i", "j"), "interval": lambda *_: (-1, 1)})()]
    everything[0].may = lambda _: True
    assert not permutable(["i", "j"], everything)
    with fault("tiling-of-diagonals"):
        assert permutable(["i", "j"], everything)
    assert not permutable(["i", "j"], everything)


def test_a_fault_is_taken_back_when_its_block_fails():
    from misfold.compiler.codegen.floats import _EXACT

    with pytest.raises(RuntimeError, match="in the block"), fault("halves-rounded-away"):
        assert _EXACT["round"] == "round"
        raise RuntimeError("in the block")
    assert _EXACT["round"] == "roundeven"


def test_two_faults_in_one_place_are_both_on():
    case = kernel(
        "",
        "function f(x: in i64[24], y: out i64[24]) {\n  for i in 0..24 {\n    let d: i64 = i % 5 - 7\n"
        "    y[i] = euclidmod(x[i], d)\n  }\n}\n",
    ).case
    assert show(case, ["floormod-keeps-the-sign", "euclidmod-adds-the-divisor"]).bad
    assert not show(case, ["floormod-keeps-the-sign", "floordiv-truncates"]).bad


@pytest.mark.parametrize(
    "place",
    [
        "rule:no-such-rule",
        "passes.loops.tiling:nothing",
        "passes.loops.tiling:=nothing",
        "codegen.floats:_EXACT[nothing]",
        "codegen.floats:_EXACT",
    ],
)
def test_a_place_that_is_gone_is_an_error(place):
    with pytest.raises(LookupError):
        replace_at(place, lambda original: original)


def test_traceback_names_stay_those_of_the_compiler():
    from misfold.compiler.codegen.integers import _shift

    with fault("no-such-type-in-the-table"):
        assert _shift.__code__.co_name == "_shift"
        assert _shift.__code__.co_filename.endswith("compiler/codegen/integers.py")


def _shown(bad_with: Any) -> Any:
    return lambda names: Shown("values", "proved" if bad_with(set(names)) else "ok", "")


@pytest.mark.parametrize(
    ("bad_with", "faults", "reproduced", "without"),
    [
        (lambda on: "a" in on, ("a",), True, False),
        (lambda on: "a" in on or "c" in on, ("a", "c"), True, False),
        (lambda on: {"a", "b"} <= on, ("a", "b"), True, False),
        (lambda on: True, (), True, True),
        (lambda on: False, (), False, False),
    ],
)
def test_the_truth_is_what_the_failure_goes_away_without(bad_with, faults, reproduced, without):
    found = _truth(_shown(bad_with), ("a", "b", "c"))
    assert (found.faults, found.reproduced, found.without) == (faults, reproduced, without)


def test_ground_truth_of_a_finding():
    from dataclasses import replace
    from types import SimpleNamespace

    warm()
    case = catalogue()["tile-not-loaded"].witness.case
    case = replace(case, pipelines={"a target": case.pipelines["misfold"]})
    finding = SimpleNamespace(reduced=None, text=case.text, target="a target")
    assert ground_truth(finding, ["forwarded-past-a-loop", "tile-not-loaded", "shift-beyond-the-width"]).faults == (
        "tile-not-loaded",
    )
    assert not ground_truth(finding, ["forwarded-past-a-loop"]).reproduced
    together = SimpleNamespace(**vars(finding), versions={"faults": "tile-not-loaded,forwarded-past-a-loop"})
    assert ground_truth(together).faults == ("tile-not-loaded",)


def test_findings_say_which_faults_were_on():
    from types import SimpleNamespace

    alone = SimpleNamespace(target=target_name("tile-not-loaded"), versions={})
    assert faults_of(alone) == ("tile-not-loaded",)
    assert faults_of(SimpleNamespace(target="misfold", versions={"faults": "a,b"})) == ("a", "b")
    assert faults_of(SimpleNamespace(target="misfold", versions={"torch": "2"})) == ()


def test_faulty_targets_are_registered_only_as_long_as_asked():
    from misfold.programs.errors import TargetError
    from misfold.targets import registry
    from misfold.targets.kernels import registry as kernels

    name = target_name("shr-of-signed-is-logical")
    path = os.environ.get("PYTHONPATH")
    with registered():
        assert registry.get(name).faults == ("shr-of-signed-is-logical",)
        assert kernels.get(name).name == name
        assert len([one for one in registry.targets() if one.startswith("misfold-fault-")]) == len(NAMES)
    with pytest.raises(TargetError):
        registry.get(name)
    assert os.environ.get("PYTHONPATH") == path


def test_a_faulty_target_is_wrong_where_the_compiler_is_right():
    from misfold.targets.kernels.running import run_kernel

    one = catalogue()["shift-beyond-the-width"]
    with registered():
        from misfold.targets.kernels import registry as kernels

        faulty, sound = kernels.get(target_name(one.name)), kernels.get("misfold")
        pipeline = one.witness.pipeline
        wrong, right = (run_kernel(target, one.witness.case, pipeline) for target in (faulty, sound))
    assert wrong.kind == right.kind == "values"
    assert wrong.values != right.values


def test_samples_are_spread_over_classes():
    chosen = sample(8, 1, True)
    assert len(set(chosen)) == 8
    assert len({catalogue()[name].kind for name in chosen}) == 8
    assert all(catalogue()[name].is_kernel for name in chosen)
    assert not any(catalogue()[name].is_kernel for name in sample(200, 1, False))
    assert sample(5, 2, False) == sample(5, 2, False)


def test_configurations():
    assert list(configurations(None, [], True)) == ["guided"]
    assert configurations("unguided", ['mine={"jobs": 1, "pipelines": ["O2"]}'], True) == {
        "unguided": {"loop": {"guided": False}},
        "mine": {"jobs": 1, "pipelines": ("O2",)},
    }
    with pytest.raises(SystemExit, match="no configuration 'nothing'"):
        configurations("nothing", [], False)


def test_the_catalogue_is_data():
    data = json.loads(json.dumps(listed()))
    assert set(data["faults"]) == set(NAMES)
    for row in data["faults"].values():
        assert all(row[key] for key in ("class", "project", "models", "where", "trigger", "witness", "shows"))


def test_hangs_and_crashes_of_a_case_are_told():
    warm()
    case = catalogue()["power-never-ends"].witness.case
    assert show(case, ["power-never-ends"], seconds=1.0).outcome == "hang"
    crash = show(catalogue()["vectors-taken-for-aligned"].witness.case, ["vectors-taken-for-aligned"])
    assert (crash.outcome, crash.explanation) == ("crash", "SIGSEGV")


def test_a_broken_case_is_an_error_and_no_verdict():
    case = graph('def program(x: "float32[3]"):\n    v0 = torch.neg(x)\n    return (v0,)\n', options={"no": 1}).case
    with pytest.raises(RuntimeError, match="could not be examined"):
        show(case, [])


@pytest.mark.slow
@pytest.mark.parametrize("together", [[], ["--together"]])
def test_a_campaign_against_a_fault(together):
    command = [sys.executable, "-m", "benchmarks.faults", "--kernels", "--minutes", "0.5", *together]
    names = "shr-of-signed-is-logical,vector-tail-lost"
    result = subprocess.run([*command, "--faults", names], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout.splitlines()[-1])["configurations"]["guided"]
    assert data["found"] >= 1
    assert not data["false_alarms"]
    assert not data["unexplained"]


def test_the_documentation_counts_them():
    text = (Path(ROOT) / "docs" / "faults.md").read_text(encoding="utf-8")
    assert f"{len(NAMES)} faults that can be switched on" in " ".join(text.split())
    counts = Counter(one.kind for one in catalogue().values())
    for kind, what in CLASSES.items():
        assert f"| {kind} | {counts[kind]} | {what} |" in text


def test_servers_keep_their_faults():
    code = (
        "import gc\nfrom benchmarks.faults import workers\nworkers._switch_on()\ngc.collect()\n"
        "from misfold.compiler.codegen.floats import _EXACT\nprint(_EXACT['round'])\n"
    )
    environment = {**os.environ, workers.VARIABLE: "halves-rounded-away"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )
    assert result.stdout == "round\n", result.stderr


def _prepared(on: dict[str, Any], plain: tuple[str, str, bool] = ("right", "values", False)) -> Any:
    def run(names: Any) -> Any:
        if not names:
            return plain
        made = on[names[0]]
        return made() if callable(made) else made

    return lambda: run


def _die() -> None:
    os.kill(os.getpid(), 11)


def test_what_faults_change_and_what_the_oracles_see_of_it():
    on = {
        "seen": ("wrong", "values", True),
        "unseen": ("slightly wrong", "values", False),
        "deadly": _die,
        "harmless": ("right", "values", False),
    }
    assert _case(list(on), _prepared(on)) == {
        "seen": (True, "values", True),
        "unseen": (True, "values", False),
        "deadly": (True, "crash", True),
        "harmless": (False, "values", False),
    }


def test_cases_that_fail_without_a_fault_say_nothing():
    on = {"a": ("wrong", "values", True)}
    assert _case(["a"], _prepared(on, ("wrong", "values", True))) is None
    assert _case(["a"], _prepared(on, ("error", "compile-error", True))) is None
    assert _case(["a"], lambda: None) is None
    assert _case(["a"], _die) is None


def test_a_scan_of_kernels():
    rows = scan(["scan-excludes-its-element", "unrolling-without-rest"], 3, 1, True)
    assert rows.pop("")["broken"] <= 3
    assert rows["scan-excludes-its-element"]["changed"] == 0  # no kernel is lowered
    assert all(row["judged"] <= row["changed"] <= row["cases"] <= 3 for row in rows.values())
