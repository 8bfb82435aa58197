"""Mutators of statements, loops and blocks."""

from __future__ import annotations

import random as randomness
from typing import Any

import tvm_ffi
from tvm import s_tir, tirx

from misfold.generators.tvm_seeds.schedules import scheduled

from .sites import element_type, replaced_statement, statements


def delete(function: Any, random: randomness.Random) -> Any | None:
    """A statement less."""
    return _sequence(function, random, lambda items, place: [*items[:place], *items[place + 1 :]])


def duplicate(function: Any, random: randomness.Random) -> Any | None:
    """A statement twice."""
    return _sequence(function, random, lambda items, place: [*items[: place + 1], *items[place:]])


def swap(function: Any, random: randomness.Random) -> Any | None:
    """Two neighbours change places."""

    def swapped(items: list[Any], place: int) -> list[Any]:
        place = min(place, len(items) - 2)
        return [*items[:place], items[place + 1], items[place], *items[place + 2 :]]

    return _sequence(function, random, swapped)


def _sequence(function: Any, random: randomness.Random, change: Any) -> Any | None:
    found = statements(function, tirx.SeqStmt)
    if not found:
        return None
    number = random.randrange(len(found))
    items = list(found[number].seq)
    changed = change(items, random.randrange(len(items)))
    new = changed[0] if len(changed) == 1 else tirx.SeqStmt(changed)
    return replaced_statement(function, number, tirx.SeqStmt, lambda _: new)


def guard(function: Any, random: randomness.Random) -> Any | None:
    """A store happens only where a condition on a loop's variable holds."""
    loops = statements(function, tirx.For)
    if not loops:
        return None
    number = random.randrange(len(loops))
    loop = loops[number]
    kind = element_type(loop.loop_var)
    limit = tirx.IntImm(kind, random.randint(0, 6))
    compare = random.choice((tirx.LT, tirx.GE, tirx.NE, tirx.EQ))
    left = random.choice((loop.loop_var, tirx.FloorMod(loop.loop_var, tirx.IntImm(kind, 2))))
    condition = compare(left, limit)
    return _with(function, number, loop, body=tirx.IfThenElse(condition, loop.body, None))


def predicate(function: Any, random: randomness.Random) -> Any | None:
    """A block runs only for some of its instances."""
    blocks = statements(function, s_tir.SBlockRealize)
    inner = [place for place, one in enumerate(blocks) if len(one.iter_values)]
    if not inner:
        return None
    number = random.choice(inner)
    value = random.choice(list(blocks[number].iter_values))
    limit = tirx.IntImm(element_type(value), random.randint(1, 6))
    condition = random.choice((tirx.LT, tirx.GE))(value, limit)

    def guarded(one: Any) -> Any:
        whole = condition if random.random() < 0.5 else tirx.And(one.predicate, condition)
        return s_tir.SBlockRealize(one.iter_values, whole, one.block)

    return replaced_statement(function, number, s_tir.SBlockRealize, guarded)


def loop_kind(function: Any, random: randomness.Random) -> Any | None:
    """A loop is of another kind."""
    loops = statements(function, tirx.For)
    if not loops:
        return None
    number = random.randrange(len(loops))
    kinds = (tirx.ForKind.SERIAL, tirx.ForKind.PARALLEL, tirx.ForKind.VECTORIZED, tirx.ForKind.UNROLLED)
    return _with(function, number, loops[number], kind=random.choice([k for k in kinds if k != loops[number].kind]))


def loop_bounds(function: Any, random: randomness.Random) -> Any | None:
    """A loop begins or ends elsewhere, perhaps where another one is."""
    loops = statements(function, tirx.For)
    if not loops:
        return None
    number = random.randrange(len(loops))
    loop = loops[number]
    kind = element_type(loop.loop_var)
    one = tirx.IntImm(kind, 1)
    ways: list[dict[str, Any]] = [
        {"extent": tirx.Sub(loop.extent, one)},
        {"min": tirx.Add(loop.min, one), "extent": tirx.Sub(loop.extent, one)},
        {"extent": one},
        {"extent": tirx.IntImm(kind, 0)},
    ]
    around = [other.loop_var for other in loops if _encloses(other, loop) and element_type(other.loop_var) == kind]
    if around:
        ways += [{"extent": tirx.Min(loop.extent, tirx.Add(random.choice(around), one))}] * 2
    return _with(function, number, loop, **random.choice(ways))


def pragma(function: Any, random: randomness.Random) -> Any | None:
    """A loop gets an annotation that passes act on."""
    loops = statements(function, tirx.For)
    if not loops:
        return None
    number = random.randrange(len(loops))
    key, value = random.choice(
        (("pragma_auto_unroll_max_step", 16), ("pragma_unroll_explicit", 1), ("pragma_loop_partition_hint", 1))
    )
    annotations = {**dict(loops[number].annotations), key: tirx.IntImm("int32", value)}
    return _with(function, number, loops[number], annotations=annotations)


def schedule(function: Any, random: randomness.Random) -> Any | None:
    """One to three schedule primitives. They must not change what is computed."""
    made, names = scheduled(function, random, random.randint(1, 3))
    return made if names else None


def _with(function: Any, number: int, loop: Any, **changes: Any) -> Any:
    parts = {
        "loop_var": loop.loop_var, "min": loop.min, "extent": loop.extent, "kind": loop.kind, "body": loop.body,
        "thread_binding": loop.thread_binding, "annotations": loop.annotations, "step": loop.step, **changes,
    }  # fmt: skip
    return replaced_statement(function, number, tirx.For, lambda _: tirx.For(**parts))


def _encloses(outer: Any, inner: Any) -> bool:
    found = False

    def look(value: Any) -> None:
        nonlocal found
        found = found or value.same_as(inner)

    tvm_ffi.structural_walk(outer.body, (tirx.For, look))
    return found
