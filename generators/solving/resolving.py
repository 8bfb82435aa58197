"""The same graph at other sizes: all dimensions at once, found by z3 from the rules of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import z3

from misfold.programs.case import Case
from misfold.programs.graph import Graph, Node
from misfold.programs.types import TensorType

from ..inputs import Recipe
from ..options import Options
from ..rules import RuleBase
from .choice import arguments
from .fresh import Fresh
from .sizes import draw_size
from .symbolic import Symbolic, symbolic

# In z3's own steps for all questions about one graph, so that answers do not depend on the machine's load.
_STEPS = 2_000_000
_STEPS_EACH = 150_000
# So many dimensions are asked to change: each is a question to z3, and those that follow from them change as well.
_CHANGED = 4
_OPTIONS = Options()


@dataclass(frozen=True)
class Resized:
    """What is different: types and recipes of inputs by name, nodes by position, and sizes as ``{old: new}`` of what
    changed (for people, where one old size became several the last of them)."""

    inputs: Mapping[str, tuple[TensorType, Recipe]] = field(default_factory=dict)
    nodes: Mapping[int, Node] = field(default_factory=dict)
    sizes: Mapping[int, int] = field(default_factory=dict)

    def case(self, case: Case) -> Case:
        """The case with this; types of what is computed are left open. What it gives, eager has to say.

        Raises:
            MisfoldError: the new graph is none.
        """
        graph = case.graph
        inputs = tuple(
            replace(value, type=self.inputs[value.name][0]) if value.name in self.inputs else value
            for value in graph.inputs
        )
        nodes = tuple(
            replace(self.nodes.get(position, node), outputs=tuple(replace(one, type=None) for one in node.outputs))
            for position, node in enumerate(graph.nodes)
        )
        recipes = {name: self.inputs[name][1] if name in self.inputs else old for name, old in case.recipes.items()}
        return replace(case, graph=Graph(inputs, nodes, graph.returns), recipes=recipes)


def resized(case: Case, random: Random, rules: RuleBase, numbers: bool = True) -> Resized | None:
    """Other sizes for a case's graph whose types are known, and with ``numbers`` other arguments where sizes need them;
    None if z3 finds none. Deterministic in the case, the rules and the state of ``random``.

    Raises:
        GraphError: a value's type is not stated.
    """
    made = symbolic(case.graph, rules, numbers)
    for value in case.graph.inputs:
        if case.recipes[value.name]["draw"] == "definite":
            rows, columns = made.dims[value.name][-2:]
            made.formulas.append(rows == columns)
    model = _solved(case, made, random)
    return None if model is None else _changes(case, made, model)


def _solved(case: Case, made: Symbolic, random: Random) -> Any:
    """A model under which some inputs have other sizes."""
    movable = [(variable, size) for variable, size in made.inputs.items() if size]
    if not movable:
        return None
    solver = Fresh(_STEPS_EACH, made.formulas)
    kept: list[Any] = []
    best = None
    random.shuffle(movable)
    ranks = {
        f"{value.name}[{axis}]": value.known.rank for value in case.graph.inputs for axis in range(value.known.rank)
    }
    changed = set()
    for variable, size in movable[: 3 * _CHANGED]:
        wanted = draw_size(random, _OPTIONS, ranks[str(variable)])
        if len(kept) >= _CHANGED or wanted == size:
            continue
        wish = variable == wanted
        if solver.satisfiable(*kept, wish):
            kept.append(wish)
            changed.add(str(variable))
            best = solver.model()
    if best is None:
        # No single wish came true: anything that is different will do.
        if not solver.satisfiable(z3.Or([variable != size for variable, size in movable])):
            return None
        best = solver.model()
        kept.append(z3.Or([variable != size for variable, size in movable]))
    # What need not change stays as it is: first arguments, then sizes.
    stay = [(variable, old) for variable, old in made.numbers.values()]
    stay += [(variable, size) for variable, size in made.inputs.items() if str(variable) not in changed]
    for variable, old in stay:
        if best.eval(variable).as_long() == old:
            kept.append(variable == int(old))
        elif solver.satisfiable(*kept, variable == int(old)):
            kept.append(variable == int(old))
            best = solver.model()
    return best


def _changes(case: Case, made: Symbolic, model: Any) -> Resized | None:
    graph = case.graph

    def size_of(term: Any) -> int:
        return int(model.eval(term).as_long())

    sizes: dict[int, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for value in graph.inputs:
        shapes[value.name] = tuple(size_of(term) for term in made.dims[value.name])
        sizes.update({old: new for old, new in zip(value.known.shape, shapes[value.name]) if old != new})
    if not sizes:
        return None
    limits = _limits(case, made, size_of)
    inputs: dict[str, tuple[TensorType, Recipe]] = {}
    for value in graph.inputs:
        recipe = case.recipes[value.name]
        limit = limits.get(value.name)
        if limit is not None and limit < recipe["high"]:
            recipe = {**recipe, "low": min(recipe["low"], limit), "high": limit}
        if shapes[value.name] != value.known.shape or recipe is not case.recipes[value.name]:
            # Strides are those of the old shape; the new one is contiguous.
            inputs[value.name] = TensorType(value.known.dtype, shapes[value.name]), recipe
    nodes = {}
    for position, call in made.calls.items():
        numbers = dict(call.numbers)
        for symbol in call.numbers:
            if (position, symbol) in made.numbers:
                numbers[symbol] = size_of(made.numbers[position, symbol][0])
        if numbers != call.numbers:
            node = graph.nodes[position]
            args, kwargs = arguments(call.structure, numbers, call.names)
            nodes[position] = Node(node.op, args, kwargs, node.outputs, node.unpack)
    return Resized(inputs, nodes, sizes)


def _limits(case: Case, made: Symbolic, size_of: Any) -> dict[str, int]:
    """The largest element that inputs of indices may have now: below every size beside them that was just above the
    largest they had."""
    found: dict[str, int] = {}
    for node in case.graph.nodes:
        for name in node.uses:
            recipe = case.recipes.get(name)
            if recipe is None or recipe["draw"] != "integers":
                continue
            for other in node.uses:
                if other == name:
                    continue
                for old, term in zip(case.graph.values[other].known.shape, made.dims[other]):
                    if old > recipe["high"] >= 0:
                        found[name] = min(found.get(name, recipe["high"]), max(size_of(term) - 1, 0))
    return found
