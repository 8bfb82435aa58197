"""A support table is measured in isolated workers: what is taken, refused, and what fails by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from misfold.fuzz import probe

OPERATORS = ("torch.add", "torch.tanh", "torch.sigmoid", "torch.exp")


@pytest.mark.usefixtures("plugin")
def test_what_a_target_takes_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    every = probe.plan
    wanted = {(name, "float32") for name in OPERATORS}
    monkeypatch.setattr(probe, "plan", lambda records: {key: every(records)[key] for key in sorted(wanted)})
    seen: list[tuple[int, int]] = []
    data = probe.probe("planted", 2, lambda done, total: seen.append((done, total)))
    states = {name: classes["float32"] for name, classes in data["operators"].items()}
    assert states == {
        "torch.add": probe.TAKEN,
        "torch.tanh": probe.REFUSED,
        "torch.sigmoid": probe.FAILING,
        "torch.exp": probe.FAILING,
    }
    assert list(data["operators"]) == sorted(OPERATORS)
    assert seen == [(done, len(OPERATORS)) for done in range(1, len(OPERATORS) + 1)]
    probe.write_table(data, tmp_path / "table.json")
    assert json.loads((tmp_path / "table.json").read_text()) == data
