"""Memory at its peak and instructions of a block."""

from __future__ import annotations

import os

import numpy as np
import pytest

from misfold.targets import measuring

#: PERF_TYPE_SOFTWARE and PERF_COUNT_SW_TASK_CLOCK, which needs no hardware.
CLOCK = (1, 1)


def test_memory_that_is_given_back_counts_at_its_peak() -> None:
    with measuring.measured() as nothing:
        pass
    with measuring.measured() as spent:
        block = np.ones(48 << 20, np.uint8)
        del block
    if "memory" not in spent:
        pytest.skip("this system does not tell the peak")
    assert 40 << 20 < spent["memory"] < 80 << 20
    assert nothing["memory"] < 8 << 20


def test_counters_count_or_say_why_not() -> None:
    assert measuring.no_counter() is None or len(str(measuring.no_counter())) > 20
    with measuring.measured() as spent:
        sum(range(10_000))
    assert ("instructions" in spent) == (measuring.no_counter() is None)
    assert spent.get("instructions", 10_000) >= 10_000


def test_the_mechanism_with_an_event_that_every_kernel_has() -> None:
    try:
        counter = measuring.open_counter(CLOCK)
    except measuring.NoCounter as refused:
        pytest.skip(str(refused))
    sum(range(100_000))
    assert int.from_bytes(os.read(counter, 8), "little") > 0
    os.close(counter)


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring.platform, "machine", lambda: "vax")
    with pytest.raises(measuring.NoCounter, match="x86-64"):
        measuring.open_counter()
