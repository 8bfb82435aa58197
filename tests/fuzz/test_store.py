"""The store: what is committed stays, nothing is there twice, trouble is one clear error."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from sqlalchemy import event

from misfold.fuzz.blocks import BLOCK
from misfold.fuzz.store import FILE, Campaign, Store
from misfold.programs.errors import StoreError

FINDING: dict[str, Any] = {
    "index": 3, "target": "tvm", "pipeline": "O0", "kind": "values", "verdict": "proved", "oracle": "values",
    "explanation": "out0 is wrong", "text": "# case", "versions": {}, "at": 1.0,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "campaign", create=True)


@pytest.fixture
def campaign(store: Store) -> Campaign:
    return store.begin(7, {"seed": 7}, {"torch": "2"}, 1.0)


def test_a_campaign_is_found_again(store: Store, campaign: Campaign) -> None:
    store.add_seconds(campaign, 2.5)
    store.add_seconds(campaign, 1.0)
    store.close()
    again = Store(store.folder).campaign()
    assert again is not None
    assert (again.seed, again.settings, again.seconds) == (7, {"seed": 7}, 3.5)


def test_the_journal_is_a_write_ahead_log(store: Store) -> None:
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_the_same_finding_is_not_added_twice(store: Store, campaign: Campaign) -> None:
    first, fresh = store.add_finding(campaign, **FINDING)
    second, again = store.add_finding(campaign, **{**FINDING, "explanation": "other"})
    assert (fresh, again, first.id, second.explanation) == (True, False, second.id, "out0 is wrong")
    assert len(store.findings()) == 1


def test_bugs_collect_findings_of_one_signature(store: Store, campaign: Campaign) -> None:
    for index, signature in enumerate(["a", "b", "a"]):
        finding, _ = store.add_finding(campaign, **{**FINDING, "index": index})
        _, new = store.file_under_bug(finding, signature, "title", 2.0)
        assert new == (index < 2)
    assert [(bug.signature, bug.occurrences) for bug in store.bugs()] == [("a", 2), ("b", 1)]
    assert [finding.index for finding in store.findings(bug=1)] == [0, 2]


def test_a_block_counts_whole_or_not_at_all(store: Store, campaign: Campaign) -> None:
    case = {"index": 0, "hash": "h", "nodes": 1, "exact": False, "gradient": False}
    outcome = {"index": 0, "target": "tvm", "pipeline": "O0", "kind": "values", "verdict": "ok", "seconds": 0.1}
    store.finish_block(campaign, 0, [case], [outcome])
    with pytest.raises(StoreError):
        store.finish_block(campaign, 1, [{**case, "index": 20}, {**case, "index": 20}], [{**outcome, "index": 20}])
    assert store.blocks(campaign) == {0: 1}
    assert store.number_of_cases(campaign) == 1
    assert store.counts(campaign) == {"tvm": {"values": 1, "verdict:ok": 1}}


def test_the_rest_of_a_block_is_committed_later(store: Store, campaign: Campaign) -> None:
    case = {"hash": "h", "nodes": 1, "exact": False, "gradient": False}
    store.finish_block(campaign, 1, [{**case, "index": BLOCK}], [])
    store.finish_block(campaign, 3, [], [])
    assert store.blocks(campaign) == {1: 1, 3: 0}
    store.finish_block(campaign, 1, [{**case, "index": BLOCK + 1}, {**case, "index": 2 * BLOCK - 1}], [])
    assert store.blocks(campaign) == {1: 3, 3: 0}


def test_missing_and_broken_stores_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no campaign here"):
        Store(tmp_path)
    (tmp_path / FILE).write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Store(tmp_path / "file" / "below", create=True)


def test_a_finding_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="no finding 5"):
        store.finding(5)


def test_a_store_of_another_version_is_one_clear_error_and_left_as_it_is(store: Store, campaign: Campaign) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE campaigns SET schema = 1")
        connection.exec_driver_sql("DROP TABLE bug_patterns")
    store.close()
    for create in (False, True):
        with pytest.raises(StoreError, match="another version of misfold"):
            Store(store.folder, create=create)
    with closing(connect(store.folder / FILE)) as connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'bug_patterns'").fetchall()


# -- looking bugs up --------------------------------------------------------------------------------------------------


def file_bug(store: Store, campaign: Campaign, index: int, signature: str, patterns: list[str], **columns: str) -> None:
    finding, _ = store.add_finding(campaign, **{**FINDING, **columns, "index": index})
    store.settle_finding(finding, status="confirmed")
    store.file_under_bug(finding, signature, "title", 2.0, patterns)


def found(store: Store, target: str, kind: str, patterns: list[str]) -> str | None:
    bug = store.bug_within(target, kind, patterns)
    return None if bug is None else bug.signature


def test_a_bug_is_found_within_a_program_that_holds_its_operators(store: Store, campaign: Campaign) -> None:
    file_bug(store, campaign, 1, "twice", ["add(float)", "add(float)"])
    file_bug(store, campaign, 2, "both", ["add(float)", "mul(float)"])
    file_bug(store, campaign, 3, "one", ["mul(float)"])
    assert found(store, "tvm", "values", ["mul(float)", "exp(float)"]) == "one"
    assert found(store, "tvm", "values", ["mul(float)", "exp(float)", "add(float)"]) == "both"
    assert found(store, "tvm", "values", ["add(float)", "mul(float)", "add(float)"]) == "twice"
    assert found(store, "tvm", "values", ["add(float)", "exp(float)"]) is None
    assert found(store, "tvm", "crash", ["mul(float)"]) is None
    assert found(store, "inductor", "values", ["mul(float)"]) is None
    assert found(store, "tvm", "values", []) is None


def test_one_more_of_a_bug_does_not_change_what_it_is_known_by(store: Store, campaign: Campaign) -> None:
    file_bug(store, campaign, 1, "a", ["add(float)"])
    file_bug(store, campaign, 2, "a", ["add(float)", "exp(float)"])
    assert found(store, "tvm", "values", ["add(float)"]) == "a"


def test_a_bug_is_found_by_its_signature_with_its_count_of_findings(store: Store, campaign: Campaign) -> None:
    for index, signature in enumerate(["a", "b", "a"]):
        file_bug(store, campaign, index, signature, [])
    bug = store.bug_of_signature("a")
    assert bug is not None
    assert (store.count_findings(bug, "confirmed"), store.count_findings(bug, "flaky")) == (2, 0)
    assert store.bug_of_signature("c") is None


def test_looking_up_reads_no_table_as_a_whole(store: Store, campaign: Campaign) -> None:
    file_bug(store, campaign, 1, "a", ["add(float)"])
    bug = store.bug_of_signature("a")
    assert bug is not None
    statements: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", keep)
    store.bug_of_signature("a")
    store.bug_within("tvm", "values", ["add(float)"])
    store.count_findings(bug, "confirmed")
    event.remove(store.engine, "before_cursor_execute", keep)
    assert len(statements) == 3
    with store.engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            steps = [row[-1] for row in plan]
            assert not [step for step in steps if step.startswith(("SCAN bugs", "SCAN bug_patterns", "SCAN findings"))]
            assert any("INDEX" in step or "PRIMARY KEY" in step for step in steps)
