"""Executing a case once more, with something different in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from random import Random
from typing import Any

from misfold.generators.adapting import Adapter
from misfold.generators.building import Builder, Live, Recipe
from misfold.generators.calling import renamed
from misfold.programs.arguments import Argument, map_leaves
from misfold.programs.bounds import Bounds
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.programs.operators import operator_names
from misfold.programs.types import TensorType

#: How many adapting calls one change may add.
ADAPTING = 3


class Rebuild:
    """The values of a case by their old names, while it is made again.

    A node that is refused, because what it takes has become something else, is left out: fresh inputs of the types
    that its outputs had stand for them, and the rest of the program goes on.
    """

    def __init__(self, case: Case, random: Random, bounds: Bounds, operators: frozenset[str] | None = None):
        self.case, self.random = case, random
        self.builder = Builder(bounds, finite=not _special(case.recipes.values()))
        self.adapter = Adapter(self.builder, random, operator_names() if operators is None else operators, ADAPTING)
        self.live: dict[str, Live] = {}
        #: Values to be returned besides those that stand for the old ones.
        self.more: list[Live] = []
        self.lost = 0

    def add_inputs(self, changed: Mapping[str, tuple[TensorType, Recipe]]) -> bool:
        """Make the inputs; False: one would break a bound."""
        for value in self.case.graph.inputs:
            kind, recipe = changed.get(value.name, (value.known, self.case.recipes[value.name]))
            live = self.builder.add_input(kind, _plain(recipe))
            if live is None:
                return False
            self.live[value.name] = live
        return True

    def node(self, node: Node, sizes: Mapping[int, int]) -> bool:
        """Run a node again; False: neither that nor fresh inputs in its place are possible."""
        made = self.run(node) or (self.run(_resized(node, sizes)) if sizes else None)
        if made is not None and len(made) != len(node.outputs):
            made = None
        if made is None:
            self.lost += 1
            fresh = [self.fresh(value.known) for value in node.outputs]
            if any(one is None for one in fresh):
                return False
            made = [one for one in fresh if one is not None]
        self.bind(node, made)
        return True

    def bind(self, node: Node, made: Iterable[Live]) -> None:
        """Let values stand for a node's outputs."""
        self.live.update(zip((value.name for value in node.outputs), made))

    def run(self, node: Node) -> list[Live] | None:
        """Call a node's operator on what stands for its arguments; None: it is refused, and nothing has happened."""
        names = {name: self.live[name].name for name in node.uses}
        if any(self.live[name].dead for name in node.uses):
            return None
        return self.apply(
            node.op,
            tuple([renamed(item, names) for item in node.args]),
            {key: renamed(item, names) for key, item in node.kwargs.items()},
        )

    def apply(self, op: str, args: tuple[Argument, ...], kwargs: Mapping[str, Argument]) -> list[Live] | None:
        """``Builder.apply``, undone where it refuses."""
        mark = self.builder.mark()
        made = self.builder.apply(op, args, kwargs)
        if made is None:
            self.builder.undo(mark)
        return made

    def fit(self, live: Live, kind: TensorType, recipe: Recipe) -> Live | None:
        """A value of a type within a recipe's domain, made from another one; None: there is no cheap way."""
        mark = self.builder.mark()
        made = self.adapter.fit(live, kind.dtype, kind.shape, recipe)
        if made is None:
            self.builder.undo(mark)
        return made

    def fresh(self, kind: TensorType) -> Live | None:
        """A new input of a type."""
        return self.builder.add_input(TensorType(kind.dtype, kind.shape), self.recipe(kind))

    def recipe(self, kind: TensorType) -> dict[str, Any]:
        """How to draw an input of a type: small whole numbers where the case is exact."""
        seed = self.random.getrandbits(32)
        if kind.dtype.name == "bool":
            return {"draw": "bernoulli", "seed": seed}
        if kind.dtype.is_float and not self.case.exact:
            return {"draw": "normal", "seed": seed}
        low = (
            0 if kind.dtype.name.startswith("uint") or (not kind.dtype.is_float and self.random.random() < 0.5) else -4
        )
        return {"draw": "integers", "seed": seed, "low": low, "high": 4}

    def similar(self, kind: TensorType, but: Iterable[str] = ()) -> list[Live]:
        """Values of the same shape and element type."""
        wanted = kind.dtype, kind.shape
        left_out = set(but)
        return [
            one
            for one in self.builder.usable()
            if (one.type.dtype, one.type.shape) == wanted and one.name not in left_out
        ]

    def finished(self) -> Case | None:
        """The program as a case; None: it returns nothing that was computed."""
        wanted = [self.live[name] for name in self.case.graph.returns] + self.more
        returned = [one for one in dict.fromkeys(wanted) if one.recipe is None and not one.dead]
        if not returned:
            produced = [one for one in self.builder.usable() if one.recipe is None]
            returned = produced[-1:]
        if not returned:
            return None
        graph, names = self.builder.graph([one.name for one in returned])
        tainted = self.builder.tainted()
        gradients = {self.live[name].name for name, recipe in self.case.recipes.items() if recipe.get("requires_grad")}
        recipes: dict[str, dict[str, Any]] = {}
        for one in self.builder.values:
            if one.recipe is not None and one.uses:
                recipe = dict(one.recipe)
                # Leaves that need a gradient must not be written.
                clean = one.tensor.untyped_storage().data_ptr() not in tainted
                if one.name in gradients and one.type.dtype.is_float and clean:
                    recipe["requires_grad"] = True
                recipes[names[one.name]] = recipe
        return Case(graph, recipes, self.case.pipelines, self.case.exact, self.case.about)


def _plain(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key != "requires_grad"}


def _special(recipes: Iterable[Recipe]) -> bool:
    """Whether NaN or infinities are put in on purpose."""
    values = [item for recipe in recipes for item in (*recipe.get("values", ()), recipe.get("value", 0))]
    return any(isinstance(item, float) and not isfinite(item) for item in values)


def _resized(node: Node, sizes: Mapping[int, int]) -> Node:
    """The node with sizes in its lists of integers (shapes, mostly) replaced."""

    def leaf(item: Argument) -> Argument:
        return sizes.get(item, item) if type(item) is int else item

    def argument(item: Argument) -> Argument:
        return map_leaves(item, leaf) if isinstance(item, list | tuple) else item

    args = tuple([argument(item) for item in node.args])
    return Node(node.op, args, {key: argument(item) for key, item in node.kwargs.items()}, node.outputs, node.unpack)
