"""A view there and back."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from misfold.generators.building import Live
from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .edges import edge_edit
from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures


class InsertView(GraphMutator):
    """Sends a value through operators on layouts that give it back: it is the same to the eye, but maybe a view, a
    copy, or differently laid out in memory."""

    name = "insert-view"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        def change(rebuild: Rebuild, live: Live) -> Live | None:
            made: Live = live
            for op, *args in _chain(live, random):
                outputs = rebuild.apply(f"torch.Tensor.{op}", (Ref(made.name), *args), {})
                if outputs is None:
                    return None
                made = outputs[0]
            return made if made is not live and made.type.shape == live.type.shape else None

        return edge_edit(case, random, change)


def _chain(live: Live, random: Random) -> list[tuple[Any, ...]]:
    shape, rank = live.type.shape, live.type.rank
    axis = random.randint(0, rank)
    chains: list[list[tuple[Any, ...]]] = [
        [("unsqueeze", axis), ("squeeze", axis)],
        [("reshape", (-1,)), ("view", shape)] if live.type.elements else [("clone",)],
        [("clone",)],
        [("unsqueeze", 0), ("expand", (2, *shape)), ("select", 0, 1)],
        [("__getitem__", ...)],
    ]
    if rank >= 2:
        a, b = random.sample(range(rank), 2)
        chains += [
            [("transpose", a, b), ("contiguous",), ("transpose", a, b)],
            [("transpose", a, b), ("clone",), ("transpose", b, a)],
            [("movedim", a, b), ("movedim", b, a)],
        ]
    if rank:
        axis = random.randrange(rank)
        chains += [
            [("flip", (axis,)), ("flip", (axis,))],
            [("roll", 1, axis), ("roll", -1, axis)],
            [("narrow", axis, 0, shape[axis])],
        ]
    return random.choice(chains)
