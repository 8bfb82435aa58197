"""A whole graph as formulas: a variable for every dimension of its inputs and every number among its arguments.

Calls whose partial operator has a usable rule that gives the types at hand are described by it; other calls are frozen:
what they take keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import z3

from misfold.programs.arguments import Argument, Ref, map_leaves
from misfold.programs.graph import Graph, Node
from misfold.programs.types import TensorType

from ..inference.naming import positional_names
from ..inference.partials import is_fixed
from ..rules import Case, Rule, RuleBase
from ..rules.expressions import Undefined
from ..rules.smt import constraint_to_z3, to_z3
from ..rules.structure import Structure, structure_of
from ..traces.call import Call
from ..traces.signatures import canonical
from .divisors import divisors

#: Sizes and numbers stay below this: larger ones are slow and show nothing.
LARGEST = 64


@dataclass(frozen=True)
class Described:
    """A call by its rule. ``names``: the value that stands for each tensor of the structure; ``numbers``: those at
    hand."""

    rule: Rule
    numbers: Mapping[str, int | float]
    names: Mapping[str, str]

    @property
    def structure(self) -> Structure:
        return self.rule.structure


@dataclass
class Symbolic:
    """A graph's formulas.

    Attributes:
        dims: for every value its dimensions, as z3 terms.
        inputs: variables of the inputs' dimensions, with the sizes at hand.
        numbers: variables of arguments, by position of the node and symbol, with the numbers at hand.
        calls: the calls that a rule describes, by position of the node.
        formulas: what has to hold.
    """

    dims: dict[str, list[Any]] = field(default_factory=dict)
    inputs: dict[Any, int] = field(default_factory=dict)
    numbers: dict[tuple[int, str], tuple[Any, int | float]] = field(default_factory=dict)
    calls: dict[int, Described] = field(default_factory=dict)
    formulas: list[Any] = field(default_factory=list)


def symbolic(graph: Graph, rules: RuleBase, numbers: bool = True) -> Symbolic:
    """The formulas of a graph whose types are known; without ``numbers`` arguments stay as they are.

    Raises:
        GraphError: a value's type is not stated.
    """
    made = Symbolic()
    for value in graph.inputs:
        made.dims[value.name] = []
        for axis, size in enumerate(value.known.shape):
            variable = z3.Int(f"{value.name}[{axis}]")
            made.dims[value.name].append(variable)
            made.inputs[variable] = size
            # What is empty stays so, and nothing else becomes so: that is another program.
            made.formulas += [variable >= 1, variable <= max(LARGEST, size)] if size else [variable == 0]
    for position, node in enumerate(graph.nodes):
        found = describe(graph, node, rules)
        if found is None:
            _freeze(graph, node, made)
        else:
            made.calls[position] = found
            _add(graph, position, node, found, made, numbers)
    return made


def _freeze(graph: Graph, node: Node, made: Symbolic) -> None:
    for name in node.uses:
        made.formulas += [term == size for term, size in zip(made.dims[name], graph.values[name].known.shape)]
    for value in node.outputs:
        made.dims[value.name] = [z3.IntVal(size) for size in value.known.shape]


def _add(graph: Graph, position: int, node: Node, found: Described, made: Symbolic, numbers: bool) -> None:
    structure, rule = found.structure, found.rule
    terms: dict[str, Any] = {}
    for hole in structure.tensors:
        for axis, term in enumerate(made.dims[found.names[hole.name]]):
            terms[f"{hole.name}[{axis}]"] = term
    inside = divisors(rule)
    for name, value in found.numbers.items():
        if name in structure.dimensions:
            continue
        if name in structure.floats:
            terms[name] = z3.RealVal(str(value))
            continue
        if not numbers or value < 0 or value > LARGEST:
            terms[name] = z3.IntVal(int(value))
            continue
        variable = z3.Int(f"{position}:{name}")
        terms[name] = variable
        made.numbers[position, name] = variable, value
        made.formulas += [variable >= (1 if name in inside or value > 0 else 0), variable <= LARGEST]
    # Division by what is not positive means something else to z3.
    made.formulas += [terms[name] >= 1 for name in inside if name in structure.dimensions]
    made.formulas += [constraint_to_z3(item, terms) for item in rule.constraints]
    case = rule.case(found.numbers)
    for other in rule.cases[: rule.cases.index(case)]:
        made.formulas.append(z3.Not(z3.And([constraint_to_z3(item, terms) for item in other.when])))
    made.formulas += [constraint_to_z3(item, terms) for item in case.when]
    for output, shape in zip(node.outputs, case.shapes, strict=True):
        made.dims[output.name] = [to_z3(dim, terms) for dim in shape or ()]
        sizes = output.known.shape
        made.formulas += [term >= (1 if size else 0) for term, size in zip(made.dims[output.name], sizes)]


def describe(graph: Graph, node: Node, rules: RuleBase) -> Described | None:
    """The usable rule for a call, if there is one that gives the types which the graph states."""
    names: dict[int, str] = {}
    kept: list[TensorType] = []

    def leaf(item: Argument) -> Argument:
        if not isinstance(item, Ref):
            return item
        kind = graph.values[item.name].known
        # One object for each use, to find them again in the normal form.
        kept.append(TensorType(kind.dtype, kind.shape))
        names[id(kept[-1])] = item.name
        return kept[-1]

    args = tuple(map_leaves(item, leaf) for item in node.args)
    kwargs = tuple(sorted((key, map_leaves(item, leaf)) for key, item in node.kwargs.items()))
    call = canonical(Call(node.op, args, kwargs))
    structure, numbers, dtypes = structure_of(call, positional_names(call), is_fixed)
    order = [names.get(id(item), "") for item in call.tensors()]
    if "" in order or len(order) != len(kept) or len(order) != len(structure.tensors):
        return None
    stated = [TensorType(value.known.dtype, value.known.shape) for value in node.outputs]
    for rule in rules.of(node.op):
        if rule.usable and rule.structure.text == structure.text and _gives(rule, numbers, dtypes, stated):
            return Described(rule, numbers, {hole.name: name for hole, name in zip(structure.tensors, order)})
    return None


def _gives(rule: Rule, numbers: Mapping[str, int | float], dtypes: list[str], stated: list[TensorType]) -> bool:
    try:
        case: Case = rule.case(numbers)
        if case.count is not None or any(shape is None for shape in case.shapes):
            return False
        return rule.valid(numbers, dtypes) and list(rule.output_types(numbers, dtypes)) == stated
    except (Undefined, ValueError):
        return False
