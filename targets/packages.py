"""What is installed: looked up by name, imported never."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def missing_packages(modules: Iterable[str], install: str) -> str | None:
    """Why a target that needs ``modules`` cannot run, or None. ``install`` is what to type to get them."""
    absent = [module for module in modules if find_spec(module) is None]
    if not absent:
        return None
    verb = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {verb} not installed (try: {install})"


def package_versions(distributions: Iterable[str]) -> Mapping[str, str]:
    """Version of each distribution that is installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
