"""What CPython 3.11 has executed of a package, from the inline caches of its byte code (see ``_caches.c``).

Coverage.py's tracer makes a compiler written in Python take two to three times as long on 3.11. The interpreter's own
caches hold nearly the same for nothing: which instructions that call, compare, compute, or look something up have been
executed at least once. Lines that only move local values about are not seen by themselves.
"""

from __future__ import annotations

import bisect
import gc
import opcode
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ..protocol import CoverageUnavailable


def available() -> bool:
    """Whether this interpreter has such caches, and misfold was built for it."""
    try:
        _extension()
    except CoverageUnavailable:
        return False
    return True


class Caches:
    """Watches the functions of the Python files in a folder.

    Raises:
        CoverageUnavailable: the interpreter is another one than CPython 3.11, or the extension was not built.
    """

    def __init__(self, folder: str, package: str):
        self._extension = _extension()
        self._folder, self._package = folder.rstrip("/") + "/", package
        self._parts: list[tuple[Any, list[CodeType]]] = []
        self._modules: set[str] = set()
        self._lines: dict[int, tuple[list[int], list[int]]] = {}

    def watch(self) -> None:
        """Watch all functions that there are now."""
        self._modules = self._imported()
        # Equal code objects need not be the same one: by identity, and kept alive by the extension.
        found, known = [], {id(code) for _, codes in self._parts for code in codes}
        for code in self._codes():
            if id(code) not in known:
                known.add(id(code))
                found.append(code)
        if found:
            self._parts.append((self._extension.watch(found, *_tables()), found))

    def take(self) -> dict[str, set[int]]:
        """Lines by file that were executed since the last call; each is told once, or a few times."""
        lines: dict[str, set[int]] = {}
        for watch, codes in self._parts:
            pairs = np.frombuffer(self._extension.take(watch), np.uint32).reshape(-1, 2).tolist()
            for number, offset in pairs:
                code = codes[number]
                lines.setdefault(code.co_filename, set()).add(self._line(code, offset))
        if self._imported() != self._modules:
            self.watch()
        return lines

    def stop(self) -> None:
        """Forget what is watched."""
        self._parts.clear()

    def _line(self, code: CodeType, offset: int) -> int:
        if id(code) not in self._lines:
            known = [(start, line) for start, _, line in code.co_lines() if line is not None]
            self._lines[id(code)] = [start for start, _ in known], [line for _, line in known]
        starts, numbers = self._lines[id(code)]
        return numbers[max(bisect.bisect_right(starts, offset) - 1, 0)] if numbers else code.co_firstlineno

    def _imported(self) -> set[str]:
        first = self._package + "."
        return {name for name in list(sys.modules) if name == self._package or name.startswith(first)}

    def _codes(self) -> Iterator[CodeType]:
        """Code of all functions of the package, inner ones included."""
        waiting = [one.__code__ for one in gc.get_objects() if type(one) is FunctionType]
        seen: set[int] = set()
        while waiting:
            code = waiting.pop()
            if id(code) in seen or not code.co_filename.startswith(self._folder):
                continue
            seen.add(id(code))
            yield code
            waiting += [item for item in code.co_consts if isinstance(item, CodeType)]


def _tables() -> tuple[bytes, bytes]:
    """For each operation the number of its cache entries, and what tells that it has been executed."""
    caches, kinds = bytearray(256), bytearray(256)
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    numbers = {name: number for number, name in enumerate(_all_names())}
    for base, forms in opcode._specializations.items():  # type: ignore[attr-defined]
        count = entries[opcode.opmap[base]]
        if not count:
            continue
        for form in (base, *forms):
            number = numbers[form]
            caches[number] = count
            kinds[number] = 1 if form == base or form.endswith("_ADAPTIVE") else 2
    # Some have a cache that only their specialised successor uses; they must be stepped over all the same.
    for number, count in enumerate(entries):
        caches[number] = caches[number] or count
    return bytes(caches), bytes(kinds)


def _all_names() -> list[str]:
    import dis

    return list(dis._all_opname)  # type: ignore[attr-defined]


def _extension() -> Any:
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11):
        raise CoverageUnavailable("inline caches tell what was executed in CPython 3.11 only")
    try:
        from . import _caches  # type: ignore[attr-defined]
    except ImportError as error:
        raise CoverageUnavailable(
            f"misfold's C extension for Python coverage was not built here ({error}); "
            "install a C compiler and reinstall misfold"
        ) from error
    return _caches
