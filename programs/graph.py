"""Graphs: calls of public tensor operators in static single assignment form.

Every value is assigned once. In-place operators keep their eager meaning: ``v1 = v0.add_(x)`` changes the memory that
``v0`` names, and ``v1`` is one more name of it. Nodes therefore are an ordered list, and their order is meaning.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .arguments import SYMBOLS, Argument, Ref, Symbol, map_leaves, references, same
from .errors import GraphError
from .lazy import lazy
from .operators import is_operator
from .types import TensorType

MAX_NAME = 64
NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_NAME - 1}}}", re.ASCII)
# ASCII only: Python reads other letters in a normal form, so that they would not come back as they were.
_KEY = re.compile(rf"[a-zA-Z_][a-zA-Z0-9_]{{0,{MAX_NAME - 1}}}", re.ASCII)
# What a printed graph calls by these names must not be shadowed by a value.
_RESERVED = frozenset({"torch", "float", "slice", "program"})
# Limits on what a file may hold; a campaign's own limits are much lower (see bounds.py).
MAX_NODES = 10_000
MAX_DEPTH = 8
MAX_STRING = 4_096


@dataclass(frozen=True)
class Value:
    """A named tensor. ``type`` may be unknown for a value that a person wrote down; inputs always have one."""

    name: str
    type: TensorType | None = None

    @property
    def known(self) -> TensorType:
        """The type, for code that needs one.

        Raises:
            GraphError: the graph does not state the value's type.
        """
        if self.type is None:
            raise GraphError(f"the type of {self.name} is not stated")
        return self.type


@dataclass(frozen=True, eq=False)
class Node:
    """One call. ``op`` is a public dotted name; methods are ``torch.Tensor.NAME`` with the tensor as first argument.

    ``unpack`` says that the operator returns a tuple or list of tensors, whose elements are ``outputs``.
    """

    op: str
    args: tuple[Argument, ...]
    kwargs: Mapping[str, Argument]
    outputs: tuple[Value, ...]
    unpack: bool = False

    def references(self) -> Iterable[Ref]:
        """Uses of values, positional arguments first, repeated as often as they occur."""
        yield from references(self.args)
        for argument in self.kwargs.values():
            yield from references(argument)

    @lazy
    def uses(self) -> tuple[str, ...]:
        """Names of the values used, in order, each once."""
        names: dict[str, None] = {}
        for argument in (*self.args, *self.kwargs.values()):
            if type(argument) is Ref:  # the commonest case by far
                names[argument.name] = None
            elif isinstance(argument, list | tuple | slice):
                names.update(dict.fromkeys(ref.name for ref in references(argument)))
        return tuple(names)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Node)
            and (self.op, self.outputs, self.unpack) == (other.op, other.outputs, other.unpack)
            and same(self.args, other.args)
            and list(self.kwargs) == list(other.kwargs)
            and all(same(self.kwargs[key], other.kwargs[key]) for key in self.kwargs)
        )

    def __hash__(self) -> int:
        return hash((self.op, self.outputs))


@dataclass(frozen=True)
class Graph:
    """Inputs, nodes in order, and the names of the values returned. Checked when made.

    Raises:
        GraphError: a rule of the language is broken; the message names the value or node.
    """

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    returns: tuple[str, ...]

    def __post_init__(self) -> None:
        defined: set[str] = set()
        place: tuple[str, int] | None = None

        def define(value: Value) -> None:
            check_name(value.name)
            if value.name in defined:
                raise GraphError(f"{value.name} is assigned twice")
            defined.add(value.name)

        if len(self.nodes) > MAX_NODES:
            raise GraphError(f"{len(self.nodes)} nodes; at most {MAX_NODES} are allowed")
        if not self.returns:
            raise GraphError("nothing is returned", ("return", 0))
        try:
            for index, value in enumerate(self.inputs):
                place = ("input", index)
                define(value)
                if value.type is None:
                    raise GraphError(f"input {value.name} has no type")
            for index, node in enumerate(self.nodes):
                place = ("node", index)
                check_call(node)
                for name in node.uses:
                    if name not in defined:
                        raise GraphError(f"{node.op} uses {name}, which is not defined before it")
                for value in node.outputs:
                    define(value)
            for index, name in enumerate(self.returns):
                place = ("return", index)
                if name not in defined:
                    raise GraphError(f"{name} is returned but not defined")
        except GraphError as error:
            error.place = place
            raise

    @lazy
    def values(self) -> dict[str, Value]:
        """All values by name: inputs first, then in the order of assignment."""
        return {value.name: value for value in (*self.inputs, *(v for node in self.nodes for v in node.outputs))}

    @lazy
    def producers(self) -> dict[str, int]:
        """Index of the node that assigns each value that is not an input."""
        return {value.name: index for index, node in enumerate(self.nodes) for value in node.outputs}

    @property
    def operators(self) -> tuple[str, ...]:
        """Operator of every node, in order."""
        return tuple(node.op for node in self.nodes)

    def renamed(self, names: Mapping[str, str]) -> Graph:
        """The same graph with values renamed; names that are not in ``names`` stay."""

        def leaf(item: Argument) -> Argument:
            return Ref(names.get(item.name, item.name)) if isinstance(item, Ref) else item

        def value(item: Value) -> Value:
            return replace(item, name=names.get(item.name, item.name))

        return Graph(
            tuple(map(value, self.inputs)),
            tuple(
                Node(
                    node.op,
                    map_leaves(node.args, leaf),
                    {key: map_leaves(argument, leaf) for key, argument in node.kwargs.items()},
                    tuple(map(value, node.outputs)),
                    node.unpack,
                )
                for node in self.nodes
            ),
            tuple(names.get(name, name) for name in self.returns),
        )

    def normal(self) -> Graph:
        """The same graph with inputs called ``x0, x1, …`` and other values ``v0, v1, …``."""
        names = {value.name: f"x{index}" for index, value in enumerate(self.inputs)}
        rest = (value.name for node in self.nodes for value in node.outputs)
        names.update({name: f"v{index}" for index, name in enumerate(rest)})
        return self.renamed(names)


def merged_names(graph: Graph, index: int) -> dict[str, str]:
    """What the values of the ``index``-th graph are called in a merged one: ``g0_NAME``, ``g1_NAME``, …"""
    names = {name: f"g{index}_{name}" for name in graph.values}
    if any(len(name) > MAX_NAME for name in names.values()):
        names = {name: f"g{index}_n{place}" for place, name in enumerate(graph.values)}
    return names


def merge(graphs: Iterable[Graph]) -> Graph:
    """One graph that does the work of several, side by side, with values renamed as ``merged_names`` says."""
    parts = [graph.renamed(merged_names(graph, index)) for index, graph in enumerate(graphs)]
    return Graph(
        tuple(value for part in parts for value in part.inputs),
        tuple(node for part in parts for node in part.nodes),
        tuple(name for part in parts for name in part.returns),
    )


# Names come again and again, and those that are remembered are short: others are refused.
@lru_cache(maxsize=4096)
def check_name(name: str) -> None:
    """Raise GraphError unless ``name`` can name a value."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in _RESERVED:
        raise GraphError(
            f"{name[:80]!r} cannot name a value: a lower-case letter, then up to {MAX_NAME - 1} lower-case letters, "
            f"digits and underscores; no Python keyword, nor {', '.join(sorted(_RESERVED))}"
        )


@lru_cache(maxsize=4096)
def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None and not keyword.iskeyword(text)


def check_call(node: Node) -> None:
    """Raise GraphError unless a node by itself, whatever it uses, is one that the language can express."""
    if not is_operator(node.op):
        raise GraphError(f"{node.op} is not an operator that a graph may call")
    for key in node.kwargs:
        if len(key) > MAX_NAME or not _is_key(key):
            raise GraphError(f"{node.op} has a keyword argument called {key[:80]!r}")
    for argument in (*node.args, *node.kwargs.values()):
        check_argument(argument)
    if not node.outputs or (len(node.outputs) > 1 and not node.unpack):
        raise GraphError(f"{node.op} has {len(node.outputs)} outputs")


def check_argument(argument: Any, depth: int = 0) -> None:
    """Raise GraphError unless ``argument`` is one that the language can express."""
    if depth > MAX_DEPTH:
        raise GraphError(f"argument nested deeper than {MAX_DEPTH}")
    # Exact types: of a subclass (a numpy scalar, an enumeration, torch.Size) the text would not give back the same.
    kind = type(argument)
    if kind is list or kind is tuple:
        for item in argument:
            check_argument(item, depth + 1)
    elif kind is slice:
        check_argument((argument.start, argument.stop, argument.step), depth)
    elif kind is Symbol:
        if argument.name not in SYMBOLS:
            raise GraphError(f"{argument.name} is not a constant that a graph may name")
    elif kind is str:
        if len(argument) > MAX_STRING:
            raise GraphError(f"a string of {len(argument)} characters; at most {MAX_STRING} are allowed")
    elif kind is int:
        if not -(2**64) < argument < 2**64:
            raise GraphError("an integer that does not fit 64 bits")
    elif not (argument is None or argument is ... or kind is bool or kind is float or kind is Ref):
        raise GraphError(f"an argument of type {kind.__name__}")
