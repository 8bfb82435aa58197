"""A partial operator with element types, called on values of a program under construction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from misfold.programs.arguments import Argument, Ref
from misfold.programs.dtypes import DTYPES
from misfold.programs.types import TensorType

from ..adapting import Adapter
from ..building import Live
from ..placing import BY_POSITION, Placer
from ..rules.structure import Structure, TensorHole
from ..undefined import last_name
from .domains import Domain
from .partial import Partial
from .sampler import Numbers

# How many values are looked at for a second tensor of a call before a fresh one is drawn.
_SECOND = 3
# How often a value of another element type is looked at, which takes a cast.
_CAST = 0.05


class RuleChoice:
    """One way to call an operator, as ``placing.Choice``, that makes up its own sizes and numbers."""

    def __init__(self, partial: Partial, dtypes: tuple[str, ...]):
        self.partial = partial
        self._types = dtypes

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Element types of the tensors, in order."""
        return self._types

    @property
    def op(self) -> str:
        return self.partial.op

    @property
    def exact(self) -> bool:
        return self.partial.exact

    @property
    def writes(self) -> bool:
        """Whether the call writes an argument, as its name or a flag tells."""
        return self.partial.writes

    @property
    def reduces(self) -> bool:
        """As ``placing.Choice.reduces``."""
        return self.partial.reduces

    def fits(self, kinds: Collection[tuple[str, int]]) -> bool:
        """As ``placing.Choice.fits``."""
        return any(kind in kinds for kind in zip(self._types, self.partial.ranks))

    def makes(self, kind: TensorType) -> bool:
        """As ``placing.Choice.makes``."""
        if self.writes or self.partial.out != kind.rank:
            return False
        names = self.partial.types.outputs(self.dtypes) or ("",)
        return names[0] == kind.dtype.name

    def place(self, placer: Placer, budget: int, connect: float = 0.9) -> list[Live] | None:
        """Call it on values that exist, on adapted and on fresh ones; None with the program as it was."""
        mark = placer.builder.mark()
        adapter = placer.adapter(budget)
        outputs = self._place(placer, adapter, connect)
        if outputs is None:
            placer.builder.undo(mark)
        return outputs

    def in_front(self, placer: Placer, kind: TensorType) -> list[Live] | None:
        """As ``placing.Choice.in_front``: the numbers are such that the first output has this shape by the rule."""
        if not self.makes(kind):
            return None
        rule = self.partial.rule
        domains = self.partial.table.of(self.dtypes)
        goals = tuple(zip(rule.cases[0].shapes[0] or (), kind.shape))
        numbers = self.partial.sampler.draw(placer.random, placer.options, placer.mode, None, goals)
        return None if numbers is None else self._call(placer, None, numbers, domains, {})

    def _place(self, placer: Placer, adapter: Adapter, connect: float) -> list[Live] | None:
        holes = self.partial.rule.structure.tensors
        domains = self.partial.table.of(self.dtypes)
        chosen: dict[str, Live] = {}
        fixed: dict[str, int | float] = {}
        existing = placer.builder.usable()
        random = placer.random
        opened = [
            (hole, dtype)
            for hole, dtype in zip(holes, self.dtypes)
            if domains[hole.name].takes_values and last_name(self.op) not in BY_POSITION
        ]
        numbers: Numbers | None = None
        if opened and existing and random.random() < connect:
            if len(opened) > 1:
                random.shuffle(opened)
            for hole, dtype in opened[:2]:
                numbers = self._bound(placer, adapter, hole, dtype, existing, domains, chosen, fixed, numbers)
        if numbers is None:
            chosen.clear()
            numbers = self.partial.sampler.draw(random, placer.options, placer.mode)
            if numbers is None:
                return None
        return self._call(placer, adapter, numbers, domains, chosen)

    def _bound(
        self,
        placer: Placer,
        adapter: Adapter,
        hole: TensorHole,
        dtype: str,
        existing: Sequence[Live],
        domains: Mapping[str, Domain],
        chosen: dict[str, Live],
        fixed: dict[str, int | float],
        numbers: Numbers | None,
    ) -> Numbers | None:
        """Numbers under which a value that exists stands for a tensor; ``numbers`` as they were if none does."""
        sampler = self.partial.sampler
        looked_at = placer.look([live for live in existing if live.type.rank == hole.rank])
        domain = domains[hole.name]
        if len(looked_at) > 1:
            # What fits as it is comes first, then what takes a call to fit.
            looked_at.sort(key=lambda live: live.type.dtype.name != dtype or not domain.holds(live))
        for live in looked_at if not chosen else looked_at[:_SECOND]:
            if any(live is other for other in chosen.values()):
                continue
            writes = self.writes and hole is self.partial.rule.structure.tensors[0]
            if not placer.usable(self.op, live, writes):
                continue
            if live.type.dtype.name != dtype:
                # A program should not consist of casts.
                if chosen or adapter.budget < 1 or writes or placer.random.random() > _CAST:
                    continue
            sizes = {f"{hole.name}[{axis}]": size for axis, size in enumerate(live.type.shape)}
            found = sampler.draw(placer.random, placer.options, placer.mode, {**fixed, **sizes})
            if found is None:
                continue
            recipe = domain.recipe_for(TensorType(DTYPES[dtype], live.type.shape), found)
            if recipe is None:
                continue
            fitted = adapter.fit(live, DTYPES[dtype], live.type.shape, recipe)
            if fitted is None or not placer.usable(self.op, fitted, writes):
                continue
            chosen[hole.name] = fitted
            fixed.update(sizes)
            return found
        return numbers

    def _call(
        self,
        placer: Placer,
        adapter: Adapter | None,
        numbers: Numbers,
        domains: Mapping[str, Domain],
        chosen: dict[str, Live],
    ) -> list[Live] | None:
        """Draw the tensors that are missing and make the call."""
        structure = self.partial.rule.structure
        for place, (hole, dtype) in enumerate(zip(structure.tensors, self.dtypes)):
            if hole.name in chosen:
                continue
            shape = tuple([int(numbers[f"{hole.name}[{axis}]"]) for axis in range(hole.rank)])
            kind = TensorType(DTYPES[dtype], shape)
            domain = domains[hole.name]
            recipe = domain.recipe_for(kind, numbers)
            if recipe is None:
                return None
            live = None
            writes = self.writes and place == 0
            if adapter is not None and domain.takes_values and placer.random.random() < 0.5:
                live = self._matching(placer, adapter, kind, recipe, chosen, writes)
            if live is None:
                live = placer.fresh(self.op, kind, recipe, writes, domain.edges)
            if live is None:
                return None
            chosen[hole.name] = live
        names = {name: live.name for name, live in chosen.items()}
        args, kwargs = arguments(structure, numbers, names)
        return placer.builder.apply(structure.function, args, kwargs)

    def _matching(
        self,
        placer: Placer,
        adapter: Adapter,
        kind: TensorType,
        recipe: Mapping[str, Any],
        chosen: Mapping[str, Live],
        writes: bool,
    ) -> Live | None:
        """A value that exists of just the type that is needed."""
        taken = {id(live) for live in chosen.values()}
        for live in placer.look(placer.builder.usable()):
            if live.type.dtype is kind.dtype and live.type.shape == kind.shape and id(live) not in taken:
                if placer.usable(self.op, live, writes):
                    return adapter.restrict(live, recipe)
        return None


def arguments(
    structure: Structure, numbers: Mapping[str, int | float], names: Mapping[str, str]
) -> tuple[tuple[Argument, ...], dict[str, Argument]]:
    """A node's arguments: numbers for the structure's symbols, and references to the values called ``names`` for its
    tensors."""
    args, kwargs = structure.filled(numbers, lambda hole: Ref(names[hole.name]))
    return args, dict(kwargs)
