"""What Python has executed of a package, by coverage.py."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from ..protocol import CoverageUnavailable


class Tracer:
    """Watches the Python files in a folder with coverage.py's fastest core that measures lines: ``sys.monitoring``
    where the interpreter has it, else the C tracer.

    Raises:
        CoverageUnavailable: coverage.py is not installed.
    """

    def __init__(self, folder: str):
        if find_spec("coverage") is None:
            raise CoverageUnavailable(
                "Python coverage needs coverage.py here; install it with: pip install misfold[coverage]"
            )
        self._folder = folder
        self._coverage: Any = None
        self._lengths: dict[str, int] = {}

    def watch(self) -> None:
        """Begin."""
        import coverage

        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, branch=False, include=[f"{self._folder}/*"], messages=False
        )
        if sys.version_info >= (3, 12):
            # coverage.py chooses it by itself from 3.14 on.
            self._coverage.set_option("run:core", "sysmon")
        self._coverage.start()

    def take(self) -> dict[str, set[int]]:
        """Lines by file, all that were executed since the beginning, of the files in which there are new ones."""
        found = {}
        for name, lines in self._collected():
            # The collector's sets only grow: one of the same size has nothing new.
            if self._lengths.get(name) != len(lines):
                self._lengths[name] = len(lines)
                found[name] = set(lines)
        return found

    def _collected(self) -> list[tuple[str, Any]]:
        """The collector's own table is read where it is as expected: ``get_data`` empties it into a database, which
        takes a hundred times as long."""
        table = getattr(getattr(self._coverage, "_collector", None), "data", None)
        if isinstance(table, dict):
            return [(name, list(lines)) for name, lines in list(table.items()) if isinstance(lines, set)]
        data = self._coverage.get_data()
        return [(name, data.lines(name) or []) for name in data.measured_files()]

    def stop(self) -> None:
        """End tracing."""
        self._coverage.stop()
