"""Valid calls to start from, with arguments by documented name: recorded ones, or drawn from what documentation
says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from misfold.programs.arguments import Argument, Ref, Symbol, map_leaves
from misfold.programs.operators import is_operator
from misfold.programs.types import TensorType

from ..records import RecordBase
from ..traces.call import Call
from .facts import Constraints
from .readers.modules import Documentation
from .readers.signatures import literal

# Elements of a base's largest tensor: probes are many, and what they ask does not need more.
_LARGEST = 4096


@dataclass(frozen=True)
class Bound:
    """A call whose arguments are known by the names that documentation uses. ``order`` is that of the signature."""

    function: str
    arguments: Mapping[str, Argument]
    order: tuple[str, ...]
    keyword_only: frozenset[str] = frozenset()

    def with_argument(self, name: str, value: Argument) -> Bound:
        """The same call with one argument set."""
        return replace(self, arguments={**self.arguments, name: value})

    def without(self, name: str) -> Bound:
        """The same call with one argument left out."""
        return replace(self, arguments={key: value for key, value in self.arguments.items() if key != name})

    def call(self) -> Call:
        """As a call: by position as far as that goes without a gap, then by name."""
        args: list[Argument] = []
        rest = dict(self.arguments)
        for name in self.order:
            if name not in rest or name in self.keyword_only:
                break
            args.append(rest.pop(name))
        return Call(self.function, tuple(args), tuple(sorted(rest.items())))


# Plain functions that are no operators of programs, and that touch nothing but their arguments.
_FUNCTIONS = ("torch.signal.windows", "torch.nn.init")


def function_name(api: str) -> str | None:
    """What a call of a documented function names; None if calling it is not known to be harmless."""
    if is_operator(api):
        return api
    module, _, name = api.rpartition(".")
    return f"{module}:{name}" if module in _FUNCTIONS else None


def order_of(entry: Documentation) -> tuple[str, ...]:
    """Parameter names in the order of the signature; a method's own object comes first, as ``self``."""
    if entry.signature is None:
        return ()
    method = entry.api.startswith("torch.Tensor.")
    return (("self",) if method else ()) + entry.signature.names


def recorded(entry: Documentation, records: RecordBase, most: int = 6) -> list[Bound]:
    """Recorded calls of a documented operator, of different structures, bound to its documented names."""
    if not is_operator(entry.api) or entry.signature is None or entry.api not in records.operators:
        return []
    order = order_of(entry)
    found: dict[str, Bound] = {}
    for item in records.entries(entry.api):
        record = item.record
        types = record.inputs
        if any(kind.elements > _LARGEST for kind in types.values()):
            continue
        node = record.node
        if len(node.args) > len(order) or not all(key in order for key in node.kwargs):
            continue
        arguments = {name: _typed(value, types) for name, value in (*zip(order, node.args), *node.kwargs.items())}
        ranks = tuple(kind.rank for kind in types.values())
        key = f"{sorted(arguments)} {ranks}"
        found.setdefault(key, Bound(entry.api, arguments, order, entry.signature.keyword_only))
        if len(found) >= most:
            break
    return list(found.values())


def _typed(argument: Argument, types: Mapping[str, TensorType]) -> Argument:
    """An argument of a graph as one of a call: references become contiguous tensors' types, lists tuples."""
    typed = map_leaves(argument, lambda leaf: _contiguous(types[leaf.name]) if isinstance(leaf, Ref) else leaf)
    return _tuples(typed)


def _contiguous(kind: TensorType) -> TensorType:
    return TensorType(kind.dtype, kind.shape)


def _tuples(item: Argument) -> Argument:
    return tuple(map(_tuples, item)) if isinstance(item, list | tuple) else item


def drawn(entry: Documentation, constraints: Mapping[str, Constraints], seed: int, most: int = 8) -> Iterator[Bound]:
    """Calls made from constraints alone, for what no record covers: required parameters are drawn, others left out."""
    function = function_name(entry.api)
    if function is None or entry.signature is None:
        return
    order = order_of(entry)
    signature = entry.signature
    for attempt in range(most):
        random = Random(f"{seed} {entry.api} {attempt}")
        shape = ((4, 4), (2, 3), (6,), (2, 3, 4), (2, 3, 4, 4), (1, 2, 4, 4, 4), (), (5, 5))[attempt % 8]
        arguments: dict[str, Argument] = {}
        for name in order:
            if name in signature.defaults:
                continue
            arguments[name] = value_for(name, constraints.get(name), shape, random)
        yield Bound(function, arguments, order, signature.keyword_only)


def value_for(name: str, known: Constraints | None, shape: tuple[int, ...], random: Random) -> Argument:
    """An argument that satisfies a parameter's constraints; a float32 tensor of ``shape`` where nothing is known."""
    if known is None or name in ("self", "input"):
        return TensorType.of("float32", shape)
    facts = {category: known.values(category) for category in ("dtype", "structure", "ndim", "enum", "range")}
    if facts["enum"] and not facts["structure"]:
        return constant(random.choice(facts["enum"]), known)
    if "tensor" in facts["structure"]:
        ranks = [int(rank) for rank in facts["ndim"] if rank.isdigit()]
        dims = tuple(shape[-ranks[0] :] if ranks and ranks[0] <= len(shape) else shape) if ranks else shape
        kinds = facts["dtype"]
        dtype = "int64" if set(kinds) & {"int", "int64"} else "bool" if kinds == ("bool",) else "float32"
        one = TensorType.of(dtype, dims)
        return (one, one) if set(facts["structure"]) & {"list", "tuple", "sequence", "iterable"} else one
    scalar = _scalar(facts["dtype"], facts["range"], random)
    return (scalar, scalar) if facts["structure"] and "int" in facts["dtype"] else scalar


def _scalar(kinds: tuple[str, ...], ranges: tuple[str, ...], random: Random) -> Argument:
    from .bounds import inside

    if "bool" in kinds:
        return random.random() < 0.5
    if "dtype" in kinds:
        return Symbol("torch.float32")
    if "string" in kinds:
        return "sum"
    whole = "int" in kinds or "int64" in kinds or not kinds
    for text in ranges:
        if (value := inside(text, whole)) is not None:
            return value
    return random.choice((0, 1, 2)) if whole else random.choice((0.5, 1.0, 0.25))


def constant(text: str, known: Constraints) -> Argument:
    """An enumerated value as the constant it is: a number where it reads as one and no string is documented."""
    fine, value = literal(text)
    if fine and isinstance(value, int | float | bool) and "string" not in known.values("dtype"):
        return value
    return text


def simple(value: Any) -> bool:
    """Whether a Python object may stand in a call."""
    if isinstance(value, tuple):
        return all(map(simple, value))
    return value is None or isinstance(value, bool | int | float | str)
