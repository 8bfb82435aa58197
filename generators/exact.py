"""Values for the inputs of a program under which its arithmetic is exact, so that any bit that differs is a fault.

The program is run as the reference runs it, which says of each value whether it is exact. Where an operator first
rounds, the inputs that reach it are given narrower values: powers of two where it divides, squares where it takes
roots, the point at which a function is exact, smaller integers where sums grow too large. What helps is kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from misfold.oracles.calls import NoReference
from misfold.oracles.exactness import FIXED_POINTS
from misfold.oracles.kinds import BILINEAR, SUM, base_name
from misfold.oracles.worlds import InvalidProgram, Worlds
from misfold.programs.case import Case
from misfold.programs.graph import Graph, Node
from misfold.targets.torch_values import make_inputs

from .building import REFUSALS
from .inputs import WHOLE, Recipe, small_integers
from .undefined import first_undefined

#: Runs of the program that a case is worth: each operator that rounds costs one or two.
TRIALS = 12


@dataclass(frozen=True)
class Assigned:
    """A case with its values, and how many of its ``outputs`` are ``exact``."""

    case: Case
    exact: int
    outputs: int


def _draw(values: Sequence[float], seed: int) -> Recipe:
    # Varied, so that elements that change places are seen; "values" repeats what it is given.
    order = random.Random(seed)
    return {"draw": "values", "values": [order.choice(values) for _ in range(29)]}


def _narrower(node: Node) -> Iterator[Sequence[float]]:
    """Values that the inputs of an operator that rounds might have instead, the most varied first."""
    name = base_name(node.op)
    if name in ("div", "divide", "true_divide", "reciprocal", "addcdiv", "logit"):
        yield (1.0, 2.0, -1.0, 4.0, -2.0, 0.5)
        yield (1.0, 2.0, 4.0)
    elif name in ("sqrt", "rsqrt", "norm", "hypot"):
        yield (0.0, 1.0, 4.0, 16.0)
    elif name in SUM or name in BILINEAR or name in ("mul", "prod", "cumprod", "pow", "square"):
        yield (-1.0, 0.0, 1.0, 2.0)
        yield (0.0, 1.0, -1.0)
    elif name == "mean" or "avg_pool" in name or "norm" in name:
        yield (0.0, 64.0, -64.0, 128.0)
    if name in FIXED_POINTS:
        yield (FIXED_POINTS[name],)
    else:
        yield (0.0, 1.0)
        yield (1.0,)
        yield (0.0,)


def _reaching(graph: Graph, node: Node) -> list[str]:
    """Inputs of floats from which a node's operands are computed."""
    names, wanted = {value.name: value for value in graph.inputs}, list(node.uses)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in graph.producers:
            wanted += graph.nodes[graph.producers[name]].uses
    return [name for name in names if name in seen and names[name].known.dtype.is_float]


def _measure(case: Case) -> tuple[int, list[Node]] | None:
    """How many outputs are exact, and the nodes that round though their operands are exact; None: it does not run."""
    worlds = Worlds(case.graph, [item.detach() for item in make_inputs(case)], False)
    try:
        # Other values may lead where the case's own never went, such as into a series of 10^12 terms.
        if first_undefined(case) is not None:
            return None
        worlds.run()
    except (InvalidProgram, NoReference, *REFUSALS):
        return None
    facts = worlds.facts
    first = [
        node
        for node in case.graph.nodes
        if all(facts[use].exact for use in node.uses)
        and any(not facts[value.name].exact and not facts[value.name].reason for value in node.outputs)
    ]
    return sum(facts[name].exact for name in case.graph.returns), first


def assign(case: Case, trials: int = TRIALS) -> Assigned | None:
    """The case with values that make as many of its outputs exact as was found in ``trials`` runs.

    Values stay inside the domains of the case's own recipes. None if not even small integers can be had of these, or
    the program does not run on any that were tried.
    """
    recipes: dict[str, Any] = {}
    for value in case.graph.inputs:
        own = case.recipes[value.name]
        small = small_integers(own, value.known.dtype.is_float)
        if small is None:
            return None
        kept = {key: own[key] for key in ("seed", "requires_grad") if key in own}
        recipes[value.name] = {**small, **({} if small is own else kept)}
        if recipes[value.name]["draw"] == "values":
            recipes[value.name].pop("seed", None)
    best = replace(case, recipes=recipes, exact=True)
    found = _measure(best)
    trials -= 1
    if found is None:
        return None
    count, rounding = found
    tried: set[tuple[str, tuple[float, ...]]] = set()
    while trials > 0 and count < len(case.graph.returns):
        options = (
            (node, values)
            for node in rounding
            for values in _narrower(node)
            if (node.outputs[0].name, tuple(values)) not in tried
        )
        chosen = next(options, None)
        if chosen is None:
            break
        node, values = chosen
        tried.add((node.outputs[0].name, tuple(values)))
        changed = dict(best.recipes)
        for name in _reaching(case.graph, node):
            if _admits(case.recipes[name], values):
                kept = {key: case.recipes[name][key] for key in ("requires_grad",) if key in case.recipes[name]}
                changed[name] = {**_draw(values, len(tried)), **kept}
        if changed == best.recipes:
            continue
        other = replace(best, recipes=changed)
        trials -= 1
        outcome = _measure(other)
        if outcome is not None and outcome[0] >= count and (outcome[0] > count or len(outcome[1]) < len(rounding)):
            best, (count, rounding) = other, outcome
    return Assigned(best, count, len(case.graph.returns))


def _admits(recipe: Mapping[str, Any], values: Sequence[float]) -> bool:
    """Whether values lie in a recipe's domain."""
    kind = recipe["draw"]
    if kind in WHOLE:
        return False
    if kind in ("uniform", "integers"):
        return all(recipe["low"] <= item <= recipe["high"] for item in values)
    return True
