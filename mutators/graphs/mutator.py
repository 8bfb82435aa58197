"""What a mutator of graphs is: a change at one node or to the inputs, made while the program is executed again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar

from misfold.generators.building import Live, Recipe
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.programs.types import TensorType

from .rebuilding import Rebuild
from .signatures import Signatures

#: Makes, in the place of a node, the values that stand for its outputs; None: it cannot.
Make = Callable[[Rebuild, Node], list[Live] | None]


@dataclass(frozen=True)
class Edit:
    """What is to be different.

    Attributes:
        index: the node that ``make`` stands for; None: no node is replaced.
        inputs: inputs that get another type and recipe, by name.
        sizes: sizes that were replaced by others everywhere: literals in arguments may have to follow.
        nodes: nodes with other arguments, by position.
        finish: is called when all nodes have run, and may add more of them; False: it could not.
    """

    index: int | None = None
    make: Make | None = None
    inputs: Mapping[str, tuple[TensorType, Recipe]] = field(default_factory=dict)
    sizes: Mapping[int, int] = field(default_factory=dict)
    nodes: Mapping[int, Node] = field(default_factory=dict)
    finish: Callable[[Rebuild], bool] | None = None


class GraphMutator(ABC):
    """One kind of change. ``edit`` is deterministic in the state of ``random``; what it makes is run by eager, so that
    types are true and what is refused does not come about."""

    #: kebab-case, unique.
    name: ClassVar[str]

    @abstractmethod
    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        """The change; None where there is nothing that this mutator can change."""
