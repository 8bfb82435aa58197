"""What a relation is: a way to make of a program another one that must give the same outputs on the same compiler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from misfold.programs.case import Case

from .program import Program


@dataclass(frozen=True)
class Variant:
    """An equivalent case. ``outputs``: for each of its outputs the position of the one that it must equal, or None.

    ``gradients``: whether its gradients are those of the original too.
    """

    case: Case
    outputs: tuple[int | None, ...]
    where: str
    gradients: bool = True


class Relation(ABC):
    """A relation between programs.

    ``sites`` and ``apply`` together state its side conditions, as far as shapes and types decide them. That eager
    itself gives the same on both programs, within the error bounds of both, is checked on every variant.
    """

    #: As a user sees it.
    name: ClassVar[str]
    #: What equals what, and when.
    statement: ClassVar[str]

    def missing(self) -> str | None:
        """Why it cannot be used here (a library that is not installed), or None."""
        return None

    @abstractmethod
    def sites(self, program: Program) -> Sequence[Any]:
        """Where in a program it can be applied: positions of nodes, or names of values."""

    @abstractmethod
    def apply(self, program: Program, site: Any) -> Case | Variant | None:
        """The program changed there; None where a closer look says that the side conditions do not hold."""


def variant(relation: Relation, program: Program, site: Any) -> Variant | None:
    """A relation's variant of a program at a site, with the usual correspondence of outputs."""
    made = relation.apply(program, site)
    if made is None or isinstance(made, Variant):
        return made
    if isinstance(site, int):
        node = program.graph.nodes[site]
        where = f"{node.outputs[0].name} = {node.op}"
    else:
        where = str(site)
    return Variant(made, tuple(range(len(program.graph.returns))), where)
