"""What differs between the rules of two versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .base import RuleBase
from .rule import Rule
from .showing import dtype_lines


@dataclass(frozen=True)
class Difference:
    """A partial operator that is new, gone, or has another rule; ``kind`` is ``new``, ``gone``, ``shapes`` (or what has
    to hold), ``types`` (element types), or ``use`` (usable in one only)."""

    structure: str
    kind: str
    old: str = ""
    new: str = ""

    def text(self) -> str:
        """As it is printed."""
        lines = [f"{self.kind:6}  {self.structure}"]
        lines += [f"    - {line}" for line in self.old.splitlines()]
        lines += [f"    + {line}" for line in self.new.splitlines()]
        return "\n".join(lines)

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"structure": self.structure, "kind": self.kind, "old": self.old, "new": self.new}


def compare(old: RuleBase, new: RuleBase) -> list[Difference]:
    """All differences, by operator and structure; scores and evidence do not count.

    Raises:
        UsageError: one of the files is damaged.
    """
    found: list[Difference] = []
    for operator in sorted({*old.operators, *new.operators}):
        before = {rule.structure.text: rule for rule in old.of(operator)}
        after = {rule.structure.text: rule for rule in new.of(operator)}
        for structure in sorted({*before, *after}):
            found += _differences(structure, before.get(structure), after.get(structure))
    return found


def _differences(structure: str, old: Rule | None, new: Rule | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield Difference(structure, "new" if old is None else "gone")
        return
    if old.usable != new.usable:
        words = ["usable" if rule.usable else f"records only: {rule.reason}" for rule in (old, new)]
        yield Difference(structure, "use", *words)
    if old.text != new.text:
        yield Difference(structure, "shapes", old.text, new.text)
    types = ["\n".join(dtype_lines(rule.dtypes)) for rule in (old, new)]
    if types[0] != types[1]:
        yield Difference(structure, "types", *types)
