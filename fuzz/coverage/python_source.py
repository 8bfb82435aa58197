"""Coverage of compilers written in Python, line by line."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Literal

from .protocol import CoverageUnavailable, Place, Source
from .python import caches
from .python.caches import Caches
from .python.tracer import Tracer

#: ``caches``: the interpreter's own inline caches, where it is CPython 3.11; ``tracer``: coverage.py.
Core = Literal["caches", "tracer"]


class PythonSource(Source):
    """The lines of a package's Python files, in order of the files' names.

    Start it after what a process does only once: imports would count as reached by whatever runs first. The core is the
    cheapest that works here unless one is asked for.

    Raises:
        CoverageUnavailable: the package, or what the core needs, is not installed.
    """

    def __init__(self, package: str, core: Core | None = None):
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:
            spec = None
        folders = list(spec.submodule_search_locations or []) if spec else []
        if not folders:
            raise CoverageUnavailable(f"there is no installed package {package}")
        self.package = package
        self._folder = Path(folders[0]).resolve()
        core = core or ("caches" if caches.available() else "tracer")
        self._core = Caches(str(self._folder), package) if core == "caches" else Tracer(str(self._folder))
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
        # What one core sees cannot be compared with what another does.
        self.key = f"{self.name}-{core}-{digest.hexdigest()[:16]}"
        self.size = self._first[-1]
        self._armed = False
        self._known: set[int] = set()

    def arm(self, seen: Sequence[int] = ()) -> None:
        self._known.update(seen)
        self._core.watch()
        self._armed = True

    def new_since(self) -> list[int]:
        if not self._armed:
            return []
        found = set()
        for name, lines in self._core.take().items():
            number = self._number.get(name)
            if number is not None:
                found |= {self._first[number] + line for line in lines}
        found -= self._known
        self._known |= found
        return sorted(found)

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
        """Stop watching."""
        if self._armed:
            self._armed = False
            self._core.stop()
