"""The files of a regression corpus: case files whose ``about`` says what targets are expected to do with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from misfold.programs.case import HEADER as GRAPH_HEADER
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import TextError, UsageError
from misfold.programs.files import decode
from misfold.programs.kernel import HEADER as KERNEL_HEADER
from misfold.programs.kernel import KernelCase, is_kernel_case
from misfold.programs.kernel_tvmscript import HEADER as TVMSCRIPT_HEADER
from misfold.programs.kernel_tvmscript import TVMScriptCase, is_tvmscript_case, parse_any_kernel
from misfold.programs.parser import MAX_TEXT

from .expectations import Expectation

#: Suffixes of the files that a corpus is made of.
SUFFIXES = (".case.py", ".kernel")
AnyCase = Case | KernelCase | TVMScriptCase
_STARTS = tuple(header.rpartition(",")[0].encode() for header in (GRAPH_HEADER, KERNEL_HEADER, TVMSCRIPT_HEADER))


@dataclass(frozen=True)
class Entry:
    """A case of a regression corpus, with what is expected of targets; ``about`` holds ``title`` and ``expect``."""

    path: Path
    case: AnyCase
    expectations: tuple[Expectation, ...] = ()

    @property
    def title(self) -> str:
        """One line that says what is wrong; the file's name where it says nothing."""
        return str(self.case.about.get("title", "")) or self.name

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        suffix = next((one for one in SUFFIXES if self.path.name.endswith(one)), self.path.suffix)
        return self.path.name.removesuffix(suffix)

    @property
    def kernel(self) -> bool:
        return not isinstance(self.case, Case)

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that it speaks of: those with an expectation, then those with a pipeline."""
        return tuple(dict.fromkeys([*(one.target for one in self.expectations), *self.case.pipelines]))

    def with_expectations(self, expectations: Iterable[Expectation]) -> Entry:
        """The same case with other expectations, in its ``about`` too."""
        kept = tuple(expectations)
        about = {**self.case.about, "expect": [one.to_data() for one in kept]}
        return replace(self, case=replace(self.case, about=about), expectations=kept)


def is_case_file(path: Path) -> bool:
    """Whether a file says in its first bytes that it is a case; reads no more of it."""
    try:
        with open(path, "rb") as file:
            return file.read(max(map(len, _STARTS))).startswith(_STARTS)
    except OSError:
        return False


def read_entry(path: Path) -> Entry:
    """Read a case file with its expectations. Nothing in it is executed.

    Raises:
        TextError: it cannot be read, is no case, or what it expects is not understood; the message names the file.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_TEXT + 1)
    except OSError as error:
        raise TextError(f"cannot be read: {error.strerror}", source=str(path)) from None
    if len(data) > MAX_TEXT:
        raise TextError("the file is too large", allowed=f"at most {MAX_TEXT} bytes", source=str(path))
    return entry_of(decode(data, str(path)), path)


def entry_of(text: str, path: Path) -> Entry:
    """As ``read_entry``, for text that is or would be in ``path``."""
    source = str(path)
    kernel = is_kernel_case(text) or is_tvmscript_case(text)
    case: AnyCase = parse_any_kernel(text, source) if kernel else parse_case(text, source)
    raw = case.about.get("expect", [])
    if not isinstance(raw, list):
        raise TextError('"expect" is not a list of expectations', source=source)
    return Entry(path, case, tuple(Expectation.from_data(one, source) for one in raw))


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The case files under folders, sorted, and files named themselves, whatever they are called.

    Raises:
        UsageError: there is no such file or folder.
    """
    for path in paths:
        if path.is_dir():
            found = (file for file in path.rglob("*") if file.name.endswith(SUFFIXES) or file.suffix == ".py")
            yield from sorted(file for file in found if file.is_file() and is_case_file(file))
        elif path.exists():
            yield path
        else:
            raise UsageError(f"{path}: there is no such file or folder")


def shipped() -> Path:
    """The folder of the regression corpus that comes with misfold."""
    return Path(str(files(__package__).joinpath("cases")))
