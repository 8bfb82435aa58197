"""Another term for a value, found by equality saturation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from misfold.programs.arguments import Ref
from misfold.programs.case import Case
from misfold.programs.graph import Graph, Node

from ..kinds import base_name
from . import saturation
from .program import Program, Writer, renamed, single
from .relation import Relation
from .saturation import Term

_BINARY = {
    "add": "Add", "sub": "Sub", "subtract": "Sub", "mul": "Mul", "multiply": "Mul", "maximum": "Max", "minimum": "Min",
    "bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor",
}  # fmt: skip
#: Of truth values the logical operators are the bitwise ones.
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_UNARY = {"neg": "Neg", "negative": "Neg", "abs": "Abs", "absolute": "Abs", "bitwise_not": "Not"}
_WRITTEN = {
    "Add": "torch.add", "Sub": "torch.sub", "Mul": "torch.mul", "Max": "torch.maximum", "Min": "torch.minimum",
    "And": "torch.bitwise_and", "Or": "torch.bitwise_or", "Xor": "torch.bitwise_xor", "Neg": "torch.neg",
    "Abs": "torch.abs", "Not": "torch.bitwise_not",
}  # fmt: skip
#: Heads that truth values have no operator for.
_NUMBERS = frozenset("Add Sub Mul Max Min Neg Abs".split())
#: Calls that one term takes in, and calls that its replacement may have.
DEEPEST, LARGEST = 8, 24


class Saturated(Relation):
    """Side conditions: operands of one type and shape; no zeros in a float result, whose signs the rules do not keep;
    magnitudes of all intermediates inside the type, so that nothing overflows that did not."""

    name = "saturated"
    statement = "exact identities of integers, truth values, signs, doubling, transposes and flips, several at once"

    def missing(self) -> str | None:
        return saturation.missing()

    def sites(self, program: Program) -> Sequence[str]:
        found = []
        for node in program.graph.nodes:
            if _head(program, node) is not None and program.values[node.outputs[0].name].numel():
                found.append(node.outputs[0].name)
        return found

    def apply(self, program: Program, site: str) -> Case | None:
        own = program.values[site]
        if own.is_floating_point() and bool(((own == 0) | ~own.isfinite()).any()):
            return None
        leaves: list[str] = []
        term = _encoded(program, site, leaves, [DEEPEST])
        expanded = _expanded(program, leaves, term)
        terms = saturation.equal_terms(term, expanded, program.random)
        choices = [item for item in terms if 0 < item.size() <= LARGEST and _fits(program, item, leaves, own.dtype)]
        if not choices:
            return None
        writer = Writer(program.graph)
        result = _written(program.random.choice(choices), writer, leaves, {})
        return _replaced(program, site, writer, result)


def _kind(item: torch.Tensor) -> str | None:
    if item.dtype is torch.bool:
        return "b"
    if item.is_floating_point():
        return "f" if item.dtype.itemsize > 1 else None
    if item.is_complex():
        return None
    return "s" if item.dtype.is_signed else "u" if item.dtype is torch.uint8 else None


def _head(program: Program, node: Node) -> Term | None:
    """A node as a head without operands, if a term can have it."""
    if not single(node) or not node.args or not isinstance(node.args[0], Ref):
        return None
    own, name = program.values[node.outputs[0].name], base_name(node.op)
    kind = _kind(own)
    first = program.values[node.args[0].name]
    if kind is None or first.dtype is not own.dtype or first.layout is not torch.strided:
        return None
    rest = node.args[1:]
    numbers = all(type(item) is int for item in rest) and not node.kwargs
    if name in ("transpose", "swapaxes", "swapdims") and len(rest) == 2 and numbers and own.dim() > 1:
        places = sorted(int(item) % own.dim() for item in rest)  # type: ignore[call-overload]
        return Term("Turn", "", (), tuple(places)) if places[0] != places[1] else None
    if name == "flip" and len(rest) == 1 and not node.kwargs and isinstance(rest[0], list | tuple):
        dims = rest[0]
        if len(dims) == 1 and type(dims[0]) is int and own.dim():
            return Term("Flip", "", (), (dims[0] % own.dim(),))
        return None
    if node.kwargs or first.shape != own.shape:
        return None
    if name in _UNARY and not rest:
        head = _UNARY[name]
    elif name in ("mul", "multiply") and len(rest) == 1 and rest[0] in (2, 2.0) and type(rest[0]) in (int, float):
        head = "Twice"
    elif len(rest) == 1 and isinstance(rest[0], Ref):
        second = program.values[rest[0].name]
        table = {**_BINARY, **_LOGICAL} if kind == "b" else _BINARY
        if name not in table or second.dtype is not own.dtype or second.shape != own.shape:
            return None
        head = table[name]
    else:
        return None
    if (kind == "b" and (head in _NUMBERS or head == "Twice")) or (kind == "u" and head == "Abs"):
        return None
    if kind == "f" and head in ("And", "Or", "Xor", "Not"):
        return None
    return Term(head, kind)


def _encoded(program: Program, name: str, leaves: list[str], left: list[int]) -> Term:
    place = program.graph.producers.get(name)
    node = None if place is None else program.graph.nodes[place]
    head = None if node is None or left[0] <= 0 else _head(program, node)
    if head is None or node is None:
        if name not in leaves:
            leaves.append(name)
        return Term("Leaf", "", (), (leaves.index(name),))
    left[0] -= 1
    names = [item.name for item in node.args if isinstance(item, Ref)]
    return replace(head, operands=tuple(_encoded(program, item, leaves, left) for item in names))


def _expanded(program: Program, leaves: Sequence[str], root: Term) -> dict[Term, Term]:
    """Things done and undone for the rules to move about: x = -(-x), x = flipped or transposed twice."""
    at = program.random.randrange(len(leaves))
    leaf, item = Term("Leaf", "", (), (at,)), program.values[leaves[at]]
    found: dict[Term, Term] = {}
    kind = _kind(item)
    options: list[tuple[str, str, tuple[int, ...]]] = []
    if kind == "f" or kind == "s":
        options.append(("Neg", kind, ()))
    if kind == "b":
        options.append(("Not", kind, ()))
    if item.dim() > 1:
        options.append(("Turn", "", tuple(sorted(program.random.sample(range(item.dim()), 2)))))
    if item.dim():
        options.append(("Flip", "", (program.random.randrange(item.dim()),)))
    if options and leaf != root:
        head, kind, places = program.random.choice(options)
        found[leaf] = Term(head, kind, (Term(head, kind, (leaf,), places),), places)
    return found


def _fits(program: Program, term: Term, leaves: Sequence[str], dtype: torch.dtype) -> bool:
    """Whether all that a term computes stays inside the type, by magnitudes alone."""
    if dtype is torch.bool:
        return True
    limit = torch.finfo(dtype).max / 4 if dtype.is_floating_point else float(torch.iinfo(dtype).max)
    # narrow integers wrap, which is as exact
    limit = float("inf") if dtype in (torch.uint8, torch.int8, torch.int16) else limit

    def size(item: Term) -> float:
        if item.head == "Leaf":
            own = program.values[leaves[item.places[0]]]
            return float(own.double().abs().max()) if own.numel() else 0.0
        parts = [size(part) for part in item.operands]
        found = {"Add": sum, "Sub": sum, "Twice": lambda each: 2 * each[0]}.get(item.head, max)(parts)
        found = parts[0] * parts[1] if item.head == "Mul" else found
        if item.head in ("And", "Or", "Xor", "Not"):
            found = 2 * found + 1  # up to the next power of two
        return float("inf") if not found < limit else float(found)

    return size(term) < limit or limit == float("inf")


def _written(term: Term, writer: Writer, leaves: Sequence[str], made: dict[Term, Ref]) -> Ref:
    """Calls for a term, the same sub-term once."""
    if term.head == "Leaf":
        return Ref(leaves[term.places[0]])
    if term not in made:
        operands = [_written(item, writer, leaves, made) for item in term.operands]
        if term.head == "Turn":
            made[term] = writer.call("torch.transpose", operands[0], *term.places)
        elif term.head == "Flip":
            made[term] = writer.call("torch.flip", operands[0], term.places)
        elif term.head == "Twice":
            made[term] = writer.call("torch.mul", operands[0], 2)
        else:
            made[term] = writer.call(_WRITTEN[term.head], *operands)
    return made[term]


def _replaced(program: Program, site: str, writer: Writer, result: Ref) -> Case:
    """The case with the calls in the place of the one that gave a value."""
    graph = program.graph
    place = graph.producers[site]
    names = {site: result.name}
    later = [renamed(node, names) for node in graph.nodes[place + 1 :]]
    returns = tuple(names.get(item, item) for item in graph.returns)
    nodes = (*graph.nodes[:place], *writer.nodes, *later)
    return replace(program.case, graph=Graph(graph.inputs, nodes, returns))
