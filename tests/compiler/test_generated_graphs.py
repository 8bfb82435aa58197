"""Graphs of misfold's own generator through its own compiler, judged by its own oracles: none is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from misfold.targets.misfold_pipelines import PIPELINES

from .generated import BAD, random_order

PARTS, PER_PART = 10, 300


def generated(*arguments: str, seconds: float = 300) -> Counter[str]:
    """Run ``tests.compiler.generated`` in a fresh process; how often each verdict was given. Nothing may be wrong."""
    command = [sys.executable, "-m", "tests.compiler.generated", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows and isinstance(rows[-1], dict), result.stderr
    wrong = [f"{row[2]} at {row[1]}, case {row[0]}: {row[3]}\n{row[4]}" for row in rows[:-1]]
    assert not wrong, "\n\n".join(wrong)
    assert result.returncode == 0, result.stderr
    return sum((Counter(counts) for counts in rows[-1].values()), Counter())


def test_a_few_graphs():
    counts = generated("--seed", "5", "--count", "6", "--nodes", "4", "O2", "random:3")
    assert counts.total() >= 12 and counts["ok"] >= 4


def test_random_orders_are_pipelines():
    assert random_order(4).data() == random_order(4).data()
    assert len({str(random_order(seed).data()) for seed in range(20)}) == 20


def test_what_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch):
    from misfold.compiler.frontend.executable import Executable

    from . import generated as module

    original = Executable.__call__
    monkeypatch.setattr(Executable, "__call__", lambda self, *given: [one * 0 + 7 for one in original(self, *given)])
    found = list(module.judged([module.pipeline_of("O1")], 5, range(6), 4))
    assert {row[2] for row in found} & set(BAD)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_three_thousand_graphs_at_every_level(part):
    counts = generated(
        "--seed", "71", "--first", str(part * PER_PART), "--count", str(PER_PART), "O0", "O1", "O2", "O3", seconds=7000
    )  # fmt: skip
    assert counts["ok"] > 0.5 * 4 * PER_PART


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(20))
def test_random_orders_of_passes(seed):
    counts = generated("--seed", str(1000 + seed), "--count", "150", f"random:{seed}", seconds=7000)
    assert counts["ok"] > 0.5 * 150


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_pipeline_of_the_target():
    counts = generated("--seed", "72", "--count", "50", *(one.name for one in PIPELINES), seconds=7000)
    assert counts["ok"] > 0.5 * 50 * len(PIPELINES)
