"""Lines of Python packages."""

import sys

import pytest

from misfold.fuzz.coverage.protocol import CoverageUnavailable
from misfold.fuzz.coverage.python_source import PythonSource


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "covered_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").write_text("")
    (folder / "deep" / "work.py").write_text("def f(x):\n    if x:\n        return 1\n    return 2")
    monkeypatch.syspath_prepend(tmp_path)
    yield "covered_package"
    for name in [name for name in sys.modules if name.startswith("covered_package")]:
        del sys.modules[name]


def test_lines_are_told_once_and_by_name(package):
    from covered_package.deep import work

    source = PythonSource(package)
    source.arm()
    try:
        work.f(1)
        first = source.new_since()
        work.f(1)
        again = source.new_since()
        work.f(0)
        second = source.new_since()
    finally:
        source.close()
    assert [place.name for place in source.describe(first)] == [f"covered_package/deep/work.py:{n}" for n in (2, 3)]
    assert [place.component for place in source.describe(first)] == ["covered_package.deep"] * 2
    assert not again
    assert [place.name for place in source.describe(second)] == ["covered_package/deep/work.py:4"]


def test_what_is_known_is_not_told(package):
    from covered_package.deep import work

    numbering = PythonSource(package)
    source = PythonSource(package)
    line = next(p for p in range(source.size) if numbering.describe([p])[0].name.endswith("work.py:2"))
    source.arm(seen=[line])
    try:
        work.f(1)
        told = source.new_since()
    finally:
        source.close()
    assert [place.name for place in source.describe(told)] == ["covered_package/deep/work.py:3"]


def test_numbering_is_the_same_until_the_package_changes(package, tmp_path):
    first, second = PythonSource(package), PythonSource(package)
    assert (first.key, first.size) == (second.key, second.size)
    (tmp_path / "covered_package" / "deep" / "work.py").write_text("def f(x):\n    return 3\n")
    assert PythonSource(package).key != first.key


def test_a_package_that_is_not_there():
    with pytest.raises(CoverageUnavailable, match="no_such_package"):
        PythonSource("no_such_package")
