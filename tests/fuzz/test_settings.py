"""Durations, ranges and settings."""

from __future__ import annotations

import pytest

from misfold.fuzz.campaign import resumed
from misfold.fuzz.commands.run import span, split, weights
from misfold.fuzz.settings import Settings, generator_options, parse_duration
from misfold.programs.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("45s", 45), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("0.5h", 1800), (" 1M ", 60)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "five", "-5m", "0", "5x", "1m1h", "1e3"])
def test_bad_durations_are_one_clear_error(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        parse_duration(text)


def test_spans_lists_and_weights() -> None:
    assert span("5-15") == (5, 15)
    assert span("7") == (7, 7)
    assert split(" a, b ,,") == ("a", "b")
    assert weights("float32=4, int64") == {"float32": 4.0, "int64": 1.0}
    for bad in ("x", "15-5", "0", "1-1000"):
        with pytest.raises(UsageError):
            span(bad)
    with pytest.raises(UsageError):
        weights("float32=much")


def test_settings_survive_the_store() -> None:
    settings = Settings(7, ("tvm",), None, 100, generator={"min_nodes": 3})
    assert Settings.from_data(settings.to_data()) == settings
    with pytest.raises(UsageError, match="another version"):
        Settings.from_data({**settings.to_data(), "colour": "red"})


def test_generator_options_are_checked() -> None:
    assert generator_options({"min_nodes": 2, "max_nodes": 3, "include": ["torch.add"]}).include == ("torch.add",)
    with pytest.raises(UsageError, match="colour"):
        generator_options({"colour": 1})
    with pytest.raises(UsageError):
        generator_options({"min_nodes": 9, "max_nodes": 3})


def test_a_resumed_run_may_change_its_length_but_not_its_cases(tmp_path) -> None:
    old = Settings(7, ("tvm",), 60.0)
    assert resumed(old, Settings(7, ("tvm",), 5.0, jobs=1), tmp_path).time == 5.0
    for other in (Settings(8, ("tvm",)), Settings(7, ("inductor",)), Settings(7, ("tvm",), generator={"exact": 1.0})):
        with pytest.raises(UsageError, match="holds a campaign"):
            resumed(old, other, tmp_path)
