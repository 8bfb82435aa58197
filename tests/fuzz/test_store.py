"""The store: what is committed stays, nothing is there twice, trouble is one clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
    assert store.finished_blocks(campaign) == {0}
    assert store.number_of_cases(campaign) == 1
    assert store.counts(campaign) == {"tvm": {"values": 1, "verdict:ok": 1}}


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
