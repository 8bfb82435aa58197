"""Parameters judged by a reader: what their documentation states, what is true of them as well, and how a reading
fares against that.

Two tables, both with tabs between columns. One has the texts themselves (name, type, default or ``-``, description);
the other names parameters of an installed library by operator, name and a hash of type and description, so that it
repeats no text; what the installed version says otherwise is counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from misfold.programs.errors import UsageError
from misfold.programs.hashing import text_hash

from .facts import Parameter
from .labels import CATEGORIES
from .readers import modules
from .rules import Rules


@dataclass(frozen=True)
class Judged:
    """One parameter: constraints as ``category value``. ``true`` holds those that are no mistake and need not be
    found."""

    parameter: Parameter
    stated: frozenset[str]
    true: frozenset[str] = frozenset()


@dataclass
class Judgement:
    """Counts over judged parameters; ``mistakes`` are (operator, parameter, "wrong" or "missed", constraint)."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    found_stated: int = 0
    #: Parameters whose text is not there any more.
    other_text: int = 0
    mistakes: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of what was extracted that is stated or true."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Share of what is stated that was extracted."""
        return self.found_stated / max(self.found_stated + self.missed, 1)

    def to_data(self) -> dict[str, object]:
        """As plain data for JSON."""
        return {
            "precision": round(self.precision, 4), "recall": round(self.recall, 4), "right": self.right,
            "wrong": self.wrong, "missed": self.missed, "other_text": self.other_text,
            "mistakes": [" ".join(item) for item in self.mistakes],
        }  # fmt: skip


def read_texts(path: Path) -> list[Judged]:
    """Judged parameters of a table with texts.

    Raises:
        UsageError: the file cannot be read, or a line lacks columns.
    """
    found = []
    for name, kind, default, text, stated, true in _lines(path, 6):
        parameter = Parameter("documented", name, kind, text, None if default == "-" else default)
        found.append(Judged(parameter, _constraints(stated), _constraints(true)))
    return found


def read_installed(path: Path) -> tuple[list[Judged], int]:
    """Judged parameters of a table of hashes, with their texts from the installed library; and how many have others.

    Raises:
        UsageError: the file cannot be read, or a line lacks columns.
    """
    found, other = [], 0
    for api, name, hashed, stated, true in _lines(path, 5):
        try:
            entries = [entry for entry in modules.documented(api) if entry.api == api]
        except UsageError:
            entries = []
        parameter = next((p for entry in entries for p in entry.parameters if p.name == name), None)
        if parameter is None or text_hash(f"{parameter.type}\n{parameter.description}") != hashed:
            other += 1
            continue
        found.append(Judged(parameter, _constraints(stated), _constraints(true)))
    return found, other


def judge(rules: Rules, judged: Sequence[Judged], other_text: int = 0) -> Judgement:
    """How rules read judged parameters."""
    result = Judgement(other_text=other_text)
    for item in judged:
        parameter = item.parameter
        facts = rules.read(parameter).facts
        extracted = {f"{fact.category} {fact.value}" for fact in facts if fact.category in CATEGORIES}
        wrong, missed = extracted - item.stated - item.true, item.stated - extracted
        result.right += len(extracted) - len(wrong)
        result.wrong += len(wrong)
        result.missed += len(missed)
        result.found_stated += len(item.stated) - len(missed)
        for kind, values in (("wrong", wrong), ("missed", missed)):
            result.mistakes += [(parameter.api, parameter.name, kind, value) for value in sorted(values)]
    return result


def _constraints(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(";")))


def _lines(path: Path, columns: int) -> Iterator[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the judged parameters {path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        parts = line.split("\t")
        parts += [""] * (columns - len(parts))
        if len(parts) != columns or not parts[0]:
            raise UsageError(f"{path}, line {number}: {len(parts)} columns with tabs between; {columns} are needed")
        yield parts
