"""An operator more, between two others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.generators.building import Live
from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .edges import edge_edit
from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures

_TRIED = 16


class InsertOperator(GraphMutator):
    """Puts an operator that keeps the type on the way of a value to one of its uses."""

    name = "insert-operator"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        ops = signatures.unary()

        def change(rebuild: Rebuild, live: Live) -> Live | None:
            for op in random.sample(ops, min(_TRIED, len(ops))):
                mark = rebuild.builder.mark()
                made = rebuild.apply(op, (Ref(live.name),), {})
                if made is not None and len(made) == 1:
                    if (made[0].type.dtype, made[0].type.shape) == (live.type.dtype, live.type.shape):
                        return made[0]
                rebuild.builder.undo(mark)
            return None

        return edge_edit(case, random, change)
