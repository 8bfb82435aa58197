"""Coverage of compilers written in Python, line by line, by coverage.py's tracer."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from .protocol import CoverageUnavailable, Place, Source


class PythonSource(Source):
    """The lines of a package's Python files, in order of the files' names.

    Start it after what a process does only once: imports would count as reached by whatever runs first.

    Raises:
        CoverageUnavailable: the package or coverage.py is not installed.
    """

    def __init__(self, package: str):
        if find_spec("coverage") is None:
            raise CoverageUnavailable(
                "Python coverage needs coverage.py; install it with: pip install misfold[coverage]"
            )
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:
            spec = None
        folders = list(spec.submodule_search_locations or []) if spec else []
        if not folders:
            raise CoverageUnavailable(f"there is no installed package {package}")
        self.package = package
        self._folder = Path(folders[0]).resolve()
        self._files = sorted(self._folder.rglob("*.py"))
        digest = hashlib.sha256()
        lengths = []
        for file in self._files:
            text = file.read_bytes()
            digest.update(text)
            lengths.append(text.count(b"\n") + 2)  # lines count from 1, and the last may lack its end
        self._first = [0, *accumulate(lengths)]
        self._number = {str(file): number for number, file in enumerate(self._files)}
        self.name = f"{package}-lines"
        self.key = f"{self.name}-{digest.hexdigest()[:16]}"
        self.size = self._first[-1]
        self._coverage: Any = None
        self._known: set[int] = set()
        self._lengths: dict[str, int] = {}

    def arm(self, seen: Sequence[int] = ()) -> None:
        import coverage

        self._known.update(seen)
        # The fastest core that measures lines: sys.monitoring where the interpreter has it, else the C tracer.
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, branch=False, include=[f"{self._folder}/*"], messages=False
        )
        self._coverage.start()

    def new_since(self) -> list[int]:
        if self._coverage is None:
            return []
        found = []
        for name, lines in self._collected():
            # The collector's sets only grow: one of the same size has nothing new.
            if self._lengths.get(name) == len(lines):
                continue
            self._lengths[name] = len(lines)
            number = self._number.get(name)
            if number is not None:
                first = self._first[number]
                found += [first + line for line in list(lines) if first + line not in self._known]
        self._known.update(found)
        return sorted(found)

    def _collected(self) -> list[tuple[str, Any]]:
        """Lines reached by file, all since the beginning.

        The collector's own table is read where it is as expected: ``get_data`` empties it into a database, which takes
        a hundred times as long.
        """
        table = getattr(getattr(self._coverage, "_collector", None), "data", None)
        if isinstance(table, dict):
            return [(name, lines) for name, lines in list(table.items()) if isinstance(lines, set)]
        data = self._coverage.get_data()
        return [(name, data.lines(name) or []) for name in data.measured_files()]

    def forget(self, points: Sequence[int]) -> None:
        self._known.update(points)

    def describe(self, points: Sequence[int]) -> list[Place]:
        places = []
        for point in points:
            number = bisect.bisect_right(self._first, point) - 1
            file = self._files[number].relative_to(self._folder)
            inside = ".".join([self.package, *file.parts[:-1][:1]])
            places.append(Place(inside, f"{self.package.replace('.', '/')}/{file}:{point - self._first[number]}"))
        return places

    def close(self) -> None:
        """Stop tracing."""
        if self._coverage is not None:
            self._coverage.stop()
            self._coverage = None
