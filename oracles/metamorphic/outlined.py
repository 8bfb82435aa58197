"""The front of a program run by eager, the rest compiled on what it gave."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.case import Case
from misfold.programs.graph import Graph, Value
from misfold.programs.types import TensorType

from .program import Program
from .relation import Relation, Variant

#: Elements of an intermediate value that a recipe may hold.
_ELEMENTS = 4096


class Outlined(Relation):
    """What the rest takes becomes an input with the very elements that eager gave; the bounds of the whole program
    cover the rounding before. Of intermediate values, only contiguous ones of floats, integers and truth values."""

    name = "outlined"
    statement = (
        "the rest of a program, compiled by itself on what eager gives for its front, gives what the whole gives"
    )

    def sites(self, program: Program) -> Sequence[int]:
        return list(range(1, len(program.graph.nodes)))

    def apply(self, program: Program, site: int) -> Variant | None:
        graph = program.graph
        front, rest = graph.nodes[:site], graph.nodes[site:]
        made = {value.name for node in rest for value in node.outputs}
        returns = [index for index, name in enumerate(graph.returns) if name in made]
        wanted = {name for node in rest for name in node.uses} - made
        inner = [value.name for node in front for value in node.outputs if value.name in wanted]
        if not returns or not inner:
            return None
        inputs = [value for value in graph.inputs if value.name in wanted]
        recipes = {value.name: program.case.recipes[value.name] for value in inputs}
        for name in inner:
            tensor = program.values[name]
            if tensor.numel() > _ELEMENTS or not tensor.is_contiguous() or tensor.is_complex() or not tensor.numel():
                return None
            dtype = str(tensor.dtype).removeprefix("torch.")
            inputs.append(Value(name, TensorType.of(dtype, tuple(tensor.shape))))
            recipes[name] = {"draw": "values", "values": tensor.flatten().tolist()}
        recipes = {name: {k: v for k, v in recipe.items() if k != "requires_grad"} for name, recipe in recipes.items()}
        cut = Graph(tuple(inputs), rest, tuple(graph.returns[index] for index in returns))
        case = Case(cut, recipes, program.case.pipelines, about=program.case.about)
        return Variant(case, tuple(returns), f"behind {inner[-1]}", gradients=False)
