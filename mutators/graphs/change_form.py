"""In place and not, method and function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from misfold.generators.building import Live
from misfold.programs.arguments import Ref
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.programs.operators import is_operator

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures

#: No value can have this name.
_COPY = "a copy"
_SPACES = ("torch", "torch.Tensor", "torch.nn.functional", "torch.special")


class ChangeForm(GraphMutator):
    """Makes an operator one that works in place, or back; or calls it as a function or a method. What is written is
    the value itself, or a copy of it."""

    name = "change-form"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        nodes = [(index, form) for index, node in enumerate(case.graph.nodes) for form in _forms(node)]
        if not nodes:
            return None
        in_place = [one for one in nodes if one[1].endswith("_")]
        index, op = random.choice(in_place if in_place and random.random() < 0.7 else nodes)
        copied = case.gradient or random.random() < 0.5

        def make(rebuild: Rebuild, node: Node) -> list[Live] | None:
            changed = replace(node, op=op)
            first = changed.args[0]
            if op.endswith("_") and isinstance(first, Ref) and copied:
                # Leaves that need a gradient must not be written.
                copies = rebuild.apply("torch.Tensor.clone", (Ref(rebuild.live[first.name].name),), {})
                if copies is None:
                    return None
                rebuild.live[_COPY] = copies[0]
                changed = replace(changed, args=(Ref(_COPY), *changed.args[1:]))
            return rebuild.run(changed)

        return Edit(index, make)


def _forms(node: Node) -> list[str]:
    if not node.args or not isinstance(node.args[0], Ref):
        return []
    _, _, last = node.op.rpartition(".")
    if last.startswith("__"):
        return []
    other = last.removesuffix("_") if last.endswith("_") else f"{last}_"
    found = [f"{space}.{name}" for space in _SPACES for name in (other, last)]
    return [op for op in found if op != node.op and is_operator(op)]
