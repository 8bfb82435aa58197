"""Sorting along a dimension, stably, with NaN as the largest."""

from __future__ import annotations

from misfold.compiler.dtypes import I64
from misfold.compiler.loops.ir import Binary, Buffer, Cast, Expr, Load, Reduce, Select, Store, Unary, index

from .attributes import flag, integer
from .emitter import Emitter
from .fold import indexed
from .indices import ZERO
from .nest import Nest

# Up to this length elements are counted that come before each, which needs no branches and runs in lockstep.
_COUNTED = 64


def sort(nest: Nest) -> None:
    (x,) = nest.node.inputs
    dim = integer(nest.node, "dim")
    descending = flag(nest.node, "descending")
    shape = x.type.shape
    length = shape[dim]
    emitter = nest.emitter
    with emitter.loops({other: size for other, size in enumerate(shape) if other != dim}) as at:
        keys = emitter.allocate("keys", x.type.dtype, (length,))
        places = emitter.allocate("places", I64, (length,))
        with emitter.loop(length, "r") as r:
            emitter.emit(Store(keys, (r,), nest.read(x, indexed(at | {dim: r}))))
        if length <= _COUNTED:
            _count(emitter, keys, places, descending)
            with emitter.loop(length, f"i{dim}") as r:
                place = emitter.let("place", Load(places, (r,)))
                nest.finish(indexed(at | {dim: r}), [Load(keys, (place,)), place])
        else:
            _merge(emitter, keys, places, descending)
            with emitter.loop(length, f"i{dim}") as r:
                nest.finish(indexed(at | {dim: r}), [Load(keys, (r,)), Load(places, (r,))])


def _before(left: Expr, right: Expr, descending: bool) -> Expr:
    """Whether an element must come before another one."""
    if not left.dtype.is_float:
        return Binary("gt" if descending else "lt", left, right)
    larger = (left, right) if descending else (right, left)
    greater = Binary("gt", *larger)
    is_nan, is_number = Binary("ne", larger[0], larger[0]), Binary("eq", larger[1], larger[1])
    return Binary("or", greater, Binary("and", is_nan, is_number))


def _count(emitter: Emitter, keys: Buffer, places: Buffer, descending: bool) -> None:
    """places[rank of i] = i, where the rank is the number of elements that come before."""
    (length,) = keys.shape
    with emitter.loop(length, "i") as i:
        key = emitter.let("key", Load(keys, (i,)))
        rank = emitter.allocate("rank", I64, ())
        emitter.emit(Store(rank, (), ZERO))
        with emitter.loop(length, "j") as j:
            other = emitter.let("other", Load(keys, (j,)))
            tie = Binary("and", Binary("lt", j, i), Unary("not", _before(key, other, descending)))
            before = Binary("or", _before(other, key, descending), tie)
            emitter.emit(Reduce("add", rank, (), Cast(I64, before)))
        emitter.emit(Store(places, (Load(rank, ()),), i))


def _merge(emitter: Emitter, keys: Buffer, places: Buffer, descending: bool) -> None:
    """Bottom-up merge sort: Sedgewick and Wayne, "Algorithms", 4th edition, section 2.2."""
    (length,) = keys.shape
    merged_keys = emitter.allocate("merged", keys.dtype, (length,))
    merged_places = emitter.allocate("merged_places", I64, (length,))
    left = emitter.allocate("left", I64, ())
    right = emitter.allocate("right", I64, ())
    with emitter.loop(length) as i:
        emitter.emit(Store(places, (i,), i))
    with emitter.loop((length - 1).bit_length(), "round") as level:
        width = emitter.let("width", Binary("shl", index(1), level))
        runs = Binary("floordiv", index(length - 1), Binary("mul", width, index(2)))
        with emitter.loop(emitter.let("runs", Binary("add", runs, index(1))), "run") as run:
            start = emitter.let("start", Binary("mul", run, Binary("mul", width, index(2))))
            middle = emitter.let("middle", _clip(Binary("add", start, width), length))
            end = emitter.let("end", _clip(Binary("add", middle, width), length))
            emitter.emit(Store(left, (), start))
            emitter.emit(Store(right, (), middle))
            with emitter.loop(end, "k", start) as k:
                # What is past the end of a run is not looked at, but read at the last place.
                a = emitter.let("a", Load(left, ()))
                b = emitter.let("b", Load(right, ()))
                safe_a = emitter.let("safe_a", _clip(a, length - 1))
                safe_b = emitter.let("safe_b", _clip(b, length - 1))
                key_a = emitter.let("key_a", Load(keys, (safe_a,)))
                key_b = emitter.let("key_b", Load(keys, (safe_b,)))
                wins = Binary("or", Binary("ge", a, middle), _before(key_b, key_a, descending))
                takes = emitter.let("takes", Binary("and", Binary("lt", b, end), wins))
                emitter.emit(Store(merged_keys, (k,), Select(takes, key_b, key_a)))
                chosen = Load(places, (Select(takes, safe_b, safe_a),))
                emitter.emit(Store(merged_places, (k,), chosen))
                emitter.emit(Store(left, (), Select(takes, a, Binary("add", a, index(1)))))
                emitter.emit(Store(right, (), Select(takes, Binary("add", b, index(1)), b)))
        with emitter.loop(length) as i:
            emitter.emit(Store(keys, (i,), Load(merged_keys, (i,))))
            emitter.emit(Store(places, (i,), Load(merged_places, (i,))))


def _clip(expression: Expr, limit: int) -> Expr:
    return Binary("min", expression, index(limit))
