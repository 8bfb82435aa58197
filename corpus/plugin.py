"""The pytest plug-in: ``pytest path/to/cases`` runs the case files that it finds there.

A known failure that is still there counts as xfailed, one that is gone as passed, and is named in the summary. Nothing
is imported beyond pytest itself before a case file is met: a test suite without case files pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .checking import Checked
    from .entries import Entry

# As in entries.SUFFIXES and the headers of case files, which cannot be imported here.
_SUFFIXES = (".py", ".kernel")
_STARTS = (b"# misfold case", b"# misfold kernel", b"# misfold TVMScript kernel")
_LABORATORY = pytest.StashKey[Any]()
_FIXED = "misfold-fixed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plug-in."""
    group = parser.getgroup("misfold", "case files of tensor programs")
    group.addoption(
        "--misfold-targets",
        metavar="NAMES",
        help="Check case files on these targets only, separated by commas; all: on every installed target.",
    )
    group.addoption(
        "--misfold-strict",
        action="store_true",
        help="A known failure that no longer fails is an error.",
    )
    group.addoption(
        "--misfold-seconds",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="Time limit for a case on a target (default: 60).",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a case file, whatever it is called."""
    if is_case(file_path):
        return CaseFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> Any:
    """Keep pytest from importing, and so executing, a case file whose name looks like a test's."""
    return _NoModule.from_parent(parent, path=module_path) if is_case(module_path) else None


def is_case(path: Path) -> bool:
    """Whether a file says in its first bytes that it is a case."""
    if path.suffix not in _SUFFIXES:
        return False
    try:
        with open(path, "rb") as file:
            return file.read(max(map(len, _STARTS))).startswith(_STARTS)
    except OSError:
        return False


class _NoModule(pytest.Module):
    """In the place of a module that is a case file."""

    def collect(self) -> Iterable[pytest.Item]:
        return ()


class CaseFile(pytest.File):
    """A case file: one item per target."""

    def collect(self) -> Iterator[pytest.Item]:
        from misfold.programs.errors import MisfoldError

        from .checking import targets_of
        from .entries import read_entry

        try:
            entry = read_entry(self.path)
        except MisfoldError as error:
            raise self.CollectError(str(error)) from None
        chosen = self.config.getoption("--misfold-targets")
        if chosen == "all":
            targets = _all_targets(entry.kernel)
        else:
            wanted = None if chosen is None else [name.strip() for name in chosen.split(",")]
            targets = targets_of(entry, wanted)
        for target in targets:
            yield CaseItem.from_parent(self, name=target, entry=entry)


def _all_targets(kernel: bool) -> tuple[str, ...]:
    from misfold.targets import registry
    from misfold.targets.kernels import registry as kernel_registry

    found: Any = kernel_registry.targets() if kernel else registry.targets()
    return tuple(found)


class CaseItem(pytest.Item):
    """A case on a target."""

    def __init__(self, *, entry: Entry, **others: Any):
        super().__init__(**others)
        self.entry = entry

    def runtest(self) -> None:
        from misfold.programs.errors import MisfoldError

        from .checking import check
        from .laboratory import Laboratory

        stash = self.config.stash
        if _LABORATORY not in stash:
            stash[_LABORATORY] = Laboratory(self.config.getoption("--misfold-seconds"))
        try:
            checked = check(self.entry, self.name, stash[_LABORATORY])
        except MisfoldError as error:
            raise CaseFailure(str(error)) from None
        self._report(checked)

    def _report(self, checked: Checked) -> None:
        self.user_properties.append(("misfold", checked.status))
        match checked.status:
            case "known":
                pytest.xfail(f"{self.entry.title}: {checked.detail}")
            case "skipped" | "undecided":
                pytest.skip(checked.detail)
            case "fixed":
                self.user_properties.append((_FIXED, self.entry.title))
        if checked.bad(strict=self.config.getoption("--misfold-strict")):
            raise CaseFailure(f"{self.entry.title}\n{checked.status}: {checked.detail}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailure):
            return f"{self.path}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.entry.name} on {self.name}"


class CaseFailure(Exception):
    """A target does not do with a case what is expected."""


class _Fixed:
    """Known failures that are gone, in the process that reports them (which xdist's workers are not)."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            found = (value for key, value in report.user_properties if key == _FIXED)
            self.lines.extend(f"{report.nodeid}: {value}" for value in found)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.lines:
            terminalreporter.section("misfold: known failures that no longer fail")
            for line in self.lines:
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Have what is fixed named at the end."""
    config.pluginmanager.register(_Fixed(), "misfold-fixed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the workers."""
    laboratory = session.config.stash.get(_LABORATORY, None)
    if laboratory is not None:
        laboratory.close()
