"""The self-check raises no alarm over honest evaluations, and would raise one over a dishonest one."""

from __future__ import annotations

import pytest

from misfold.fuzz.selfcheck import self_check, serve
from misfold.oracles import selfcheck


def test_a_few_cases_are_clean() -> None:
    result = serve({"seed": 3, "indices": list(range(8)), "options": {"min_nodes": 2, "max_nodes": 5}})
    assert result["cases"] == 8
    assert result["evaluations"] > 8
    assert not result["findings"]


def test_a_dishonest_variant_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = selfcheck.VARIANTS["float64 throughout"]

    def dishonest(graph, inputs):  # type: ignore[no-untyped-def]
        return [value + 1 if value.dtype.is_floating_point else value for value in honest(graph, inputs)]

    monkeypatch.setitem(selfcheck.VARIANTS, "dishonest", dishonest)
    result = serve({"seed": 3, "indices": list(range(8)), "options": {"min_nodes": 2, "max_nodes": 5}})
    assert {finding["variant"] for finding in result["findings"]} == {"dishonest"}


@pytest.mark.slow
def test_many_cases_are_clean() -> None:
    result = self_check(1000, seed=17, jobs=2)
    assert result["cases"] == 1000
    assert result["findings"] == []
