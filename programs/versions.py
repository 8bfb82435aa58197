"""Versions of installed distributions and ranges of them, in one reading for expectations, known issues and states."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version


def version_of(text: str) -> Version | None:
    """A version as PEP 440 has it, without its local build tag (``2.13.0+cpu``), which says nothing about what is in
    it; None where the text is none."""
    try:
        return Version(text.partition("+")[0])
    except InvalidVersion:
        return None


def is_range(text: object) -> bool:
    """Whether this is a version range, as ``">=2.13,<2.14"``."""
    if not isinstance(text, str):
        return False
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def within(ranges: Mapping[str, str], installed: Mapping[str, str]) -> bool:
    """Whether every distribution that ``ranges`` names is installed in a version of its range.

    What is not installed, or has a version that is none, is in no range. Pre-releases count as what they are.
    """
    for package, text in ranges.items():
        version = version_of(installed.get(package, ""))
        if version is None or not SpecifierSet(text).contains(version, prereleases=True):
            return False
    return True
