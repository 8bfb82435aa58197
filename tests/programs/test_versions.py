"""Versions and ranges of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfold.programs.versions import is_range, version_of, within


@pytest.mark.parametrize(
    ("installed", "inside"),
    [("2.13.0", True), ("2.13.0+cpu", True), ("2.13.1rc1", True), ("2.14", False), ("2.12.9", False), ("", False),
     ("nightly", False)],
)  # fmt: skip
def test_a_range_takes_versions_without_their_build_tag(installed: str, inside: bool) -> None:
    assert within({"torch": ">=2.13,<2.14"}, {"torch": installed, "other": "1"}) is inside


def test_every_package_has_to_be_in_its_range() -> None:
    ranges = {"torch": ">=2.13", "onnx": "<2"}
    assert within({}, {})
    assert within(ranges, {"torch": "3", "onnx": "1.23"})
    assert not within(ranges, {"torch": "3", "onnx": "2.0"})
    assert not within(ranges, {"torch": "3"})


@pytest.mark.parametrize("text", [">=2.13,<2.14", "==1.0", ""])
def test_ranges(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize("text", ["2.13", "newer", None, 2.13, ["<1"]])
def test_what_is_no_range(text: object) -> None:
    assert not is_range(text)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=3), st.sampled_from(["", "+cpu", "+cu130.1"]))
def test_versions_compare_by_their_numbers(numbers: list[int], tag: str) -> None:
    text = ".".join(map(str, numbers))
    found = version_of(text + tag)
    assert found is not None
    assert found == version_of(text)
    assert version_of("no version") is None
