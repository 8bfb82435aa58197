"""What documentation leaves open: values that no statement about a parameter speaks of, so that they keep all of them.

Compilers differ from eager torch most often where nobody wrote anything down: tensors without elements or of a single
number, element types that a function is seldom called with, numbers at the edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from misfold.programs.arguments import Argument
from misfold.programs.dtypes import DTYPES
from misfold.programs.types import TensorType

from .calls import Bound
from .facts import Constraints, Fact
from .probes import OPEN, Change, Probe

#: No statement: what such a change does contradicts none.
NOTHING = Fact("open", "", "nothing is said of it")
_INTEGERS = (0, -1, 100)
_FLOATS = (0.0, -0.5, 2.0)


def openings(base: Bound, constraints: Mapping[str, Constraints]) -> Iterator[Probe]:
    """Changes of a base that no documentation speaks of: of one parameter, or of all its tensors in the same way."""
    start = base.call()
    for name, present in base.arguments.items():
        for change in _of_one(name, present, constraints.get(name)):
            yield Probe(base.with_argument(name, change.value).call(), OPEN, start, (change,))
    for changes in _of_all(base, constraints):
        changed = base
        for change in changes:
            changed = changed.with_argument(change.parameter, change.value)
        call = changed.call()
        if call != start:
            yield Probe(call, OPEN, start, changes)


def _of_one(name: str, present: Argument, known: Constraints | None) -> Iterator[Change]:
    if isinstance(present, TensorType):
        if _untyped(known):
            for dtype in DTYPES:
                if dtype != present.dtype.name:
                    yield Change(name, NOTHING, f"elements of {dtype}", TensorType.of(dtype, present.shape))
        if _unshaped(known):
            for what, shape in _SHAPES.items():
                changed = TensorType(present.dtype, shape(present.shape))
                if changed != present:
                    yield Change(name, NOTHING, what, changed)
    elif known is None or not known.of("enum", "range"):
        kinds = {bool: (not present,), int: _INTEGERS, float: _FLOATS}
        for value in kinds.get(type(present), ()):
            if value != present:
                yield Change(name, NOTHING, str(value), value)


_SHAPES = {
    "no elements": lambda shape: (0, *shape[1:]),
    "a single number": lambda shape: (),
    "one dimension more": lambda shape: (1, *shape),
    "sizes of 1": lambda shape: (1,) * len(shape),
}


def _of_all(base: Bound, constraints: Mapping[str, Constraints]) -> Iterator[tuple[Change, ...]]:
    """One change for all tensors at once, which they may have to agree in; none where there are fewer than two."""
    tensors = {name: item for name, item in base.arguments.items() if isinstance(item, TensorType)}
    if len(tensors) < 2:
        return
    if all(_untyped(constraints.get(name)) for name in tensors):
        for dtype in DTYPES:
            yield tuple(
                Change(name, NOTHING, f"all elements of {dtype}", TensorType.of(dtype, item.shape))
                for name, item in tensors.items()
            )
    if all(_unshaped(constraints.get(name)) for name in tensors):
        yield tuple(
            Change(name, NOTHING, "all single numbers", TensorType(item.dtype, ())) for name, item in tensors.items()
        )
    # A size that several have in common changes in all of them.
    for size in sorted({size for item in tensors.values() for size in item.shape}):
        for other in (0, 1):
            yield tuple(
                Change(
                    name,
                    NOTHING,
                    f"{other} for every size {size}",
                    TensorType(item.dtype, tuple(other if one == size else one for one in item.shape)),
                )
                for name, item in tensors.items()
            )


def _untyped(known: Constraints | None) -> bool:
    return known is None or not known.of("dtype")


def _unshaped(known: Constraints | None) -> bool:
    return known is None or not known.of("ndim", "shape")
