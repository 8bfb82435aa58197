"""Lines of Python packages."""

import subprocess
import sys
from importlib import import_module

import pytest

from misfold.fuzz.coverage.protocol import CoverageUnavailable
from misfold.fuzz.coverage.python import caches
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

    source = PythonSource(package, "tracer")
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
    source = PythonSource(package, "tracer")
    line = next(p for p in range(source.size) if numbering.describe([p])[0].name.endswith("work.py:2"))
    source.arm(seen=[line])
    try:
        work.f(1)
        told = source.new_since()
    finally:
        source.close()
    assert [place.name for place in source.describe(told)] == ["covered_package/deep/work.py:3"]


BRANCHES = """
def f(x, y=None):
    if x > 2:
        return abs(x)
    try:
        return g(y)
    except TypeError:
        return [len(str(one)) for one in (x, x)]


def g(y):
    return y.bit_length()


def h(y):
    def inner():
        return y + 1
    return inner()
"""


@pytest.fixture
def branches(package, tmp_path):
    (tmp_path / package / "branches.py").write_text(BRANCHES)
    return import_module(f"{package}.branches")


@pytest.mark.skipif(not caches.available(), reason="there are inline caches of this layout in CPython 3.11 only")
class TestCaches:
    def told(self, source):
        return [place.name.rpartition(":")[2] for place in source.describe(source.new_since())]

    def test_what_was_executed_is_told_once_and_what_was_not_is_not(self, package, branches):
        source = PythonSource(package, "caches")
        source.arm()
        assert self.told(source) == []
        branches.f(3)
        assert self.told(source) == ["2", "3", "4"]
        for _ in range(20):
            branches.f(3)
        assert self.told(source) == []
        branches.f(1, 8)
        assert self.told(source) == ["6", "11", "12"]
        with pytest.raises(AttributeError):
            branches.f(1, "x")
        assert self.told(source) == ["7"]
        branches.h(1)
        assert self.told(source) == ["15", "16", "17", "18"]

    def test_what_was_executed_before_is_not_told(self, package, branches):
        for _ in range(20):
            branches.f(3)
        source = PythonSource(package, "caches")
        source.arm()
        branches.f(3)
        assert self.told(source) == []
        branches.f(1, 8)
        assert self.told(source) == ["6", "11", "12"]

    def test_modules_that_come_later_are_watched_too(self, package, tmp_path):
        (tmp_path / package / "late.py").write_text(BRANCHES)
        source = PythonSource(package, "caches")
        source.arm()
        late = import_module(f"{package}.late")
        assert self.told(source) == []
        late.g(1)
        assert self.told(source) == ["11", "12"]

    def test_it_sees_what_the_tracer_sees_of_a_real_package(self):
        seen = {}
        for core in ("caches", "tracer"):
            # In a process of its own: what ran before is not told.
            script = (
                "import json, json.tool\n"
                "from misfold.fuzz.coverage.python_source import PythonSource\n"
                f"source = PythonSource('json', {core!r})\n"
                "source.arm()\n"
                "json.dumps({'a': [1, {'b': None}], 'c': 1.5}, indent=2)\n"
                "json.loads('{\"a\": [1, 2.5]}')\n"
                "print(*[f'{p.component} {p.name}' for p in source.describe(source.new_since())], sep='\\n')\n"
            )
            run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            seen[core] = set(run.stdout.splitlines())
        both = seen["caches"] & seen["tracer"]
        # Entering a function is told as its first line, which the tracer does not see.
        assert len(both) >= 0.5 * len(seen["tracer"])
        assert len(both) >= 0.75 * len(seen["caches"])


def test_without_caches_the_tracer_is_taken(package, monkeypatch):
    monkeypatch.setattr(caches, "available", lambda: False)
    other = PythonSource(package)
    assert "tracer" in other.key
    assert other.size == PythonSource(package, "tracer").size


def test_numbering_is_the_same_until_the_package_changes(package, tmp_path):
    first, second = PythonSource(package), PythonSource(package)
    assert (first.key, first.size) == (second.key, second.size)
    (tmp_path / "covered_package" / "deep" / "work.py").write_text("def f(x):\n    return 3\n")
    assert PythonSource(package).key != first.key


def test_a_package_that_is_not_there():
    with pytest.raises(CoverageUnavailable, match="no_such_package"):
        PythonSource("no_such_package")
