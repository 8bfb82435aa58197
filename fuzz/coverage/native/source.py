"""Native coverage as a source: the functions or basic blocks of a region, by traps."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..protocol import CoverageUnavailable, Place, Source
from .blocks import blocks
from .demangle import demangle, namespace_of
from .elf import Library, LibraryError
from .regions import REGIONS

Granularity = Literal["functions", "blocks"]


class NativeSource(Source):
    """The functions or basic blocks of one of ``regions.REGIONS`` in the installed library.

    Raises:
        CoverageUnavailable: there is no such library here, or its tables cannot be read.
    """

    def __init__(self, region: str, granularity: Granularity = "functions", cache: Path | None = None):
        try:
            self._library = Library(REGIONS[region].path())
            low, high = REGIONS[region].bounds(self._library)
            if granularity == "blocks":
                self._points = blocks(self._library, low, high, cache or Path.cwd())
            else:
                start = self._library.functions.start
                self._points = start[(start >= low) & (start < high)]
        except LibraryError as error:
            raise CoverageUnavailable(str(error)) from error
        self.region = region
        self.name = f"{region}-{granularity}"
        self.key = f"{self.name}-{self._library.build_id}"
        self.size = len(self._points)
        self._first: int | None = None

    def arm(self, seen: Sequence[int] = ()) -> None:
        traps = _traps()
        base = self._library.load_address()
        if base is None:
            raise CoverageUnavailable(f"{self.name}: {self._library.path} is not loaded in this process")
        skip = np.zeros(self.size, np.uint8)
        skip[np.asarray(seen, np.int64)] = 1
        try:
            self._first = traps.arm((self._points + np.uint64(base)).tobytes(), skip.tobytes())
        except (OSError, NotImplementedError, RuntimeError) as error:
            raise CoverageUnavailable(
                f"{self.name}: cannot put traps into {self._library.path.name}: {error}; "
                "a kernel or container that forbids writable code does this"
            ) from error

    def new_since(self) -> list[int]:
        first = self._first
        return [] if first is None else take(first, self.size)

    def forget(self, points: Sequence[int]) -> None:
        if self._first is not None:
            _traps().disarm((np.asarray(points, np.uint32) + np.uint32(self._first)).tobytes())

    def describe(self, points: Sequence[int]) -> list[Place]:
        return [self._place(int(self._points[point])) for point in points]

    def _place(self, address: int) -> Place:
        functions = self._library.functions.start
        function = int(functions[max(int(np.searchsorted(functions, address, "right")) - 1, 0)])
        addresses, names = self._names
        at = bisect.bisect_right(addresses, function) - 1
        if at < 0:
            return Place(self.region, f"{self.region}+{function:#x}")
        # One at a time: demangling all the names of a library takes a minute.
        name, distance = _readable(names[at]), function - addresses[at]
        # What no name is known of lies, as a rule, near its neighbours' source file.
        return Place(namespace_of(name), name if distance == 0 else f"near {name} +{distance:#x}")

    @cached_property
    def _names(self) -> tuple[list[int], list[str]]:
        """Addresses in order, and the name at each as the library has it; virtual functions have their class's."""
        known = {address: name + _VIRTUAL for address, name in self._library.classes.items()}
        addresses, names = self._library.symbols
        known |= zip(addresses.tolist(), names)
        ordered = sorted(known)
        return ordered, [known[address] for address in ordered]


_VIRTUAL = " (virtual)"


def _readable(name: str) -> str:
    return demangle(name.removesuffix(_VIRTUAL)) + (_VIRTUAL if name.endswith(_VIRTUAL) else "")


#: Places reached that belong to other sources than the one that asked.
_pending: set[int] = set()


def take(first: int, size: int) -> list[int]:
    """Places reached among ``size`` from ``first`` on. The extension tells of all regions at once: others' are kept."""
    _pending.update(np.frombuffer(_traps().take(), np.uint32).tolist())
    found = {place for place in _pending if first <= place < first + size}
    _pending.difference_update(found)
    return sorted(place - first for place in found)


def _traps():  # type: ignore[no-untyped-def]
    try:
        from . import _traps as extension  # type: ignore[attr-defined]
    except ImportError as error:
        raise CoverageUnavailable(
            f"native coverage needs misfold's C extension, which was not built here ({error}); "
            "install a C compiler and reinstall misfold"
        ) from error
    return extension
