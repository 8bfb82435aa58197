"""Graph campaigns that are steered by coverage, as a user runs them, over the plug-in target with planted bugs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from misfold.fuzz.coverage.reached import histories
from misfold.fuzz.joint import rows
from misfold.fuzz.store import CaseRow, Store
from misfold.fuzz.texts import case_text
from misfold.programs.case import parse_case

from ..conftest import plugin  # noqa: F401 - a fixture
from ..test_campaign import misfold

OPERATORS = "torch.add,torch.mul,torch.neg,torch.abs,torch.maximum,torch.sub"
BASE = [
    "--targets", "planted", "--seed", "5", "--nodes", "1-4", "--case-seconds", "5", "--gradients", "0",
    "--operators", OPERATORS,
]  # fmt: skip


def case_rows(store: Store) -> list[CaseRow]:
    with store.session() as session:
        return list(session.scalars(select(CaseRow).order_by(CaseRow.index)))


@pytest.mark.usefixtures("plugin")
def test_mutants_and_evolved_pipelines_are_run_kept_and_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    result = misfold("run", *BASE, "--loop", "stalls=2", "--jobs", "1", "--count", "60", "--folder", str(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "% mutated" in result.stdout and "corpus:" in result.stdout
    store = Store(folder)
    known = store.campaign()
    assert known is not None
    kept = rows.load(store, known)[0]
    assert kept and all(entry.target == "planted" and entry.earned for entry in kept)
    made = [row for row in case_rows(store) if row.hash]
    how = {row.note for row in made}
    assert {"generate", "pipeline"} < how and len(how) > 4
    for row in made:
        case = parse_case(case_text(store, known, row.index) or "")
        assert set(case.pipelines) == {"planted"}
        assert set(case.graph.operators) <= {*OPERATORS.split(",")}
        assert len(case.graph.nodes) <= 4
    assert {source.name for source in histories(store, known)} == {"misfold.programs-lines"}
    shown = misfold("coverage", "--folder", str(folder), "--json")
    assert json.loads(shown.stdout)[0]["reached"] > 0

    again = misfold("run", "--folder", str(folder), "--count", "85", "--jobs", "1", "--case-seconds", "5")
    assert again.returncode == 0, again.stdout + again.stderr
    indices = [row.index for row in case_rows(store)]
    assert indices == list(range(85))
    assert len(rows.load(store, known)[0]) >= len(kept)
    # What a resumed campaign generates is not what it began with.
    hashes = {False: set(), True: set()}
    for row in case_rows(store):
        if row.note == "generate":
            hashes[row.index < 60].add(row.hash)
    assert hashes[False] - hashes[True]

    one = misfold("corpus", "case", str(made[-1].index), "--folder", str(folder))
    assert one.returncode == 0 and parse_case(one.stdout).pipelines
    small = misfold("corpus", "minimise", str(folder), "--json", "--output", str(tmp_path / "cases"))
    assert small.returncode == 0, small.stderr
    found = json.loads(small.stdout)
    assert found["points"] == found["kept_points"] > 0
    assert 0 < found["kept"] <= found["entries"]
    left = rows.load(store, known)[0]
    assert len(left) == found["kept"] == len(list((tmp_path / "cases").iterdir()))


@pytest.mark.usefixtures("plugin")
def test_where_nothing_can_be_watched_the_campaign_goes_on_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    result = misfold("run", *BASE, "--count", "20", "--coverage", "tvm-functions", "--folder", str(folder))
    assert result.returncode == 0, result.stderr
    assert "20 cases" in result.stdout
    missing = misfold("corpus", "minimise", str(folder))
    assert missing.returncode == 1
    assert "has no corpus" in missing.stderr and "Traceback" not in missing.stderr


def test_options_that_exclude_each_other() -> None:
    result = misfold("run", "--coverage", "tvm-functions", "--no-coverage")
    assert result.returncode == 2
    assert "exclude each other" in result.stderr
