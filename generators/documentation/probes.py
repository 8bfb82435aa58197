"""Probes: calls that keep what documentation says, and calls that break one statement of it or several.

A probe changes a valid call in one documented parameter (several if asked for), so that what becomes of it can be held
against the statement that it keeps or breaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.types import TensorType

from ..traces.call import Call
from .bounds import inside, outside
from .calls import Bound, constant, simple
from .facts import Constraints, Fact
from .readers.signatures import literal

#: Kinds of probes: what documentation says is kept, or broken, or it says nothing of the change. Random ones look at no
#: documentation and are there for comparison.
CONFORMING, VIOLATING, OPEN, RANDOM = "conforming", "violating", "open", "random"
#: A string that no documentation lists.
UNLISTED = "misfold_unlisted"


#: Element types that documentation names exactly, and what is nearest to each without being it.
EXACT = {
    "int64": "int32", "int32": "int16", "int16": "int8", "int8": "int16", "uint8": "int8", "bool": "uint8",
    "float64": "float32", "float32": "float64", "float16": "float32", "bfloat16": "float16",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What a probe does to one parameter: ``what`` in words, against which ``fact``."""

    parameter: str
    fact: Fact
    what: str
    value: Argument


@dataclass(frozen=True)
class Probe:
    """A call to try, from which valid call it was made and how.

    ``mistyped``: some argument is of another Python type than before, which parsers mostly refuse before an operator
    sees it.
    """

    call: Call
    kind: str
    base: Call
    changes: tuple[Change, ...]
    mistyped: bool = False


def probes(base: Bound, constraints: Mapping[str, Constraints]) -> Iterator[Probe]:
    """All single changes of a base that documentation suggests, conforming ones first."""
    start = base.call()
    for kind, make in ((CONFORMING, conforming), (VIOLATING, violating)):
        for name, known in constraints.items():
            if name not in base.order and name not in base.arguments:
                continue
            for change in make(known, base.arguments.get(name)):
                call = base.with_argument(name, change.value).call()
                if call != start:
                    yield Probe(call, kind, start, (change,), _mistyped(base, change))


def several(base: Bound, constraints: Mapping[str, Constraints], random: Random, count: int = 2) -> Probe | None:
    """One call that breaks statements of several parameters; None if fewer than two have any."""
    options = {
        name: found
        for name, known in constraints.items()
        if (name in base.order or name in base.arguments)
        and (found := list(violating(known, base.arguments.get(name))))
    }
    if len(options) < 2:
        return None
    changed, changes = base, []
    for name in random.sample(sorted(options), min(count, len(options))):
        change = random.choice(options[name])
        changes.append(change)
        changed = changed.with_argument(name, change.value)
    return Probe(changed.call(), VIOLATING, base.call(), tuple(changes), any(_mistyped(base, one) for one in changes))


def _mistyped(base: Bound, change: Change) -> bool:
    return type(base.arguments.get(change.parameter, change.value)) is not type(change.value)


def conforming(known: Constraints, present: Argument) -> Iterator[Change]:
    """Values that keep a parameter's documented statements."""
    name, tensor = known.parameter.name, isinstance(present, TensorType)
    for fact in known.of("enum"):
        if not tensor:
            yield Change(name, fact, f"the documented value {fact.value!r}", constant(fact.value, known))
    for fact in known.of("range"):
        value = None if tensor or isinstance(present, tuple) else inside(fact.value, _whole(known, present))
        if value is not None:
            yield Change(name, fact, f"{value} in {fact.value}", value)
    for fact in known.of("default"):
        fine, value = literal(fact.value)
        if fine and simple(value):
            yield Change(name, fact, "the default by name", value)
    for fact in known.of("dtype"):
        if fact.value in _DTYPES and tensor and present.dtype.name != _DTYPES[fact.value]:
            yield Change(name, fact, f"elements of {fact.value}", TensorType.of(_DTYPES[fact.value], present.shape))
        elif fact.value == "bool" and isinstance(present, bool):
            yield Change(name, fact, str(not present), not present)


def violating(known: Constraints, present: Argument) -> Iterator[Change]:
    """Values that each break one of a parameter's documented statements."""
    name, tensor = known.parameter.name, isinstance(present, TensorType)
    values = set(known.values("enum"))
    for fact in known.of("enum")[:1]:
        if not tensor:
            numbers = all(literal(value)[0] for value in values)
            yield Change(name, fact, "a value that is not listed", 9973 if numbers else UNLISTED)
            yield Change(name, fact, "an empty string", "")
            first = sorted(values)[0]
            if first.swapcase() not in values:
                yield Change(name, fact, "a listed value in the other case", first.swapcase())
    for fact in known.of("range"):
        if not tensor and not isinstance(present, tuple | str | bool):
            for value in outside(fact.value, _whole(known, present)):
                if not any(inside_any(other.value, value) for other in known.of("range")):
                    yield Change(name, fact, f"{value} outside {fact.value}", value)
        elif isinstance(present, tuple) and present and all(type(item) is int for item in present):
            for value in outside(fact.value, True)[:1]:
                yield Change(name, fact, f"{value} outside {fact.value}", (value, *present[1:]))
    for fact in known.of("ndim"):
        if tensor and fact.value.isdigit() and present.rank == int(fact.value):
            yield Change(name, fact, "one dimension more", TensorType(present.dtype, (1, *present.shape)))
            if present.rank:
                yield Change(name, fact, "one dimension fewer", TensorType(present.dtype, present.shape[1:]))
    yield from _misshapen(known, present)
    exact = {fact.value for fact in known.of("dtype")}
    for fact in known.of("dtype"):
        other = EXACT.get(fact.value)
        if tensor and exact <= EXACT.keys() and other not in exact and present.dtype.name in exact:
            yield Change(name, fact, f"elements of {other}", TensorType.of(str(other), present.shape))
    for fact in known.of("structure")[:1]:
        if tensor:
            yield Change(name, fact, "a string for a tensor", UNLISTED)
            yield Change(name, fact, "a tuple for a tensor", (1, 2))
    for fact in known.of("dtype")[:1]:
        if not tensor and fact.value in ("int", "float", "numeric", "bool") and not known.of("enum"):
            yield Change(name, fact, "a string for a number", UNLISTED)
            if fact.value == "int" and set(known.values("dtype")) <= {"int"} and not isinstance(present, tuple):
                yield Change(name, fact, "a fraction for an integer", 1.5)
                yield Change(name, fact, "an integer beyond 32 bits", 2**40)
        elif fact.value == "dtype":
            yield Change(name, fact, "a layout for an element type", Symbol("torch.strided"))
    if not known.of("optional") and tensor:
        facts: Sequence[Fact] = known.of("structure") or known.of("dtype")
        if facts:
            yield Change(name, facts[0], "None for a required parameter", None)


def rank_of(shape: str) -> int | None:
    """The number of dimensions of a documented shape, None if it leaves that open."""
    parts = shape.strip("[]").split(",")
    return None if not parts[0] or any("*" in part or "..." in part for part in parts) else len(parts)


def _misshapen(known: Constraints, present: Argument) -> Iterator[Change]:
    """Tensors of a rank that no documented shape has."""
    if not isinstance(present, TensorType):
        return
    facts = known.of("shape")
    ranks = {rank_of(fact.value) for fact in facts} | {int(r) for r in known.values("ndim") if r.isdigit()}
    if None in ranks or present.rank not in ranks or known.of("ndim"):
        return
    name = known.parameter.name
    for fact in facts[:1]:
        if present.rank + 1 not in ranks:
            yield Change(name, fact, "one dimension more", TensorType(present.dtype, (1, *present.shape)))
        if present.rank and present.rank - 1 not in ranks:
            yield Change(name, fact, "one dimension fewer", TensorType(present.dtype, present.shape[1:]))


def inside_any(text: str, value: float) -> bool:
    """Whether a documented range holds a value."""
    from .bounds import interval

    found = interval(text)
    return found is not None and value in found


def _whole(known: Constraints, present: Argument) -> bool:
    kinds = set(known.values("dtype"))
    return type(present) is int or (not isinstance(present, float) and "int" in kinds and "float" not in kinds)


#: Documented element types to those of programs.
_DTYPES = {
    name: name
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
} | {"int": "int64", "float": "float32"}
