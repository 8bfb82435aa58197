"""Primitives of ``s_tir.Schedule``, none of which may change what a function computes, each with its choices drawn from
a seed: a name and a seed say all."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any

from tvm import s_tir, tirx

from misfold.programs.errors import TargetError

Primitive = Callable[[Any, randomness.Random], None]


def _block(schedule: Any, random: randomness.Random) -> Any:
    root = schedule.get_sblock("root")
    return random.choice(list(schedule.get_child_blocks(root)))


def _loops(schedule: Any, random: randomness.Random) -> list[Any]:
    return list(schedule.get_loops(_block(schedule, random)))


def split(schedule: Any, random: randomness.Random) -> None:
    loop = random.choice(_loops(schedule, random))
    factors: list[int | None] = [random.randint(1, 5) for _ in range(random.choice((1, 1, 2)))]
    factors.insert(random.randint(0, len(factors)), None)
    schedule.split(loop, factors, preserve_unit_iters=random.random() < 0.8)


def fuse(schedule: Any, random: randomness.Random) -> None:
    loops = _loops(schedule, random)
    first = random.randrange(len(loops) - 1)
    schedule.fuse(*loops[first : first + random.choice((2, 2, 3))])


def reorder(schedule: Any, random: randomness.Random) -> None:
    loops = _loops(schedule, random)
    chosen = random.sample(loops, random.randint(2, min(len(loops), 4)))
    schedule.reorder(*chosen)


def parallel(schedule: Any, random: randomness.Random) -> None:
    schedule.parallel(random.choice(_loops(schedule, random)))


def vectorize(schedule: Any, random: randomness.Random) -> None:
    schedule.vectorize(_loops(schedule, random)[-1])


def unroll(schedule: Any, random: randomness.Random) -> None:
    schedule.unroll(random.choice(_loops(schedule, random)))


def cache_read(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    schedule.cache_read(block, random.randrange(len(schedule.get(block).reads)), random.choice(("global", "local")))


def cache_write(schedule: Any, random: randomness.Random) -> None:
    schedule.cache_write(_block(schedule, random), 0, random.choice(("global", "local")))


def reindex(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    kind = random.choice(("read", "write"))
    regions = schedule.get(block).reads if kind == "read" else schedule.get(block).writes
    # A buffer without dimensions ends the process.
    places = [place for place, region in enumerate(regions) if len(region.region)]
    schedule.reindex(block, (kind, random.choice(places)))


def compute_at(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    consumers = list(schedule.get_consumers(block))
    schedule.compute_at(block, random.choice(list(schedule.get_loops(random.choice(consumers)))), random.random() < 0.5)


def reverse_compute_at(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    producers = list(schedule.get_producers(block))
    loop = random.choice(list(schedule.get_loops(random.choice(producers))))
    schedule.reverse_compute_at(block, loop, random.random() < 0.5)


def compute_inline(schedule: Any, random: randomness.Random) -> None:
    schedule.compute_inline(_block(schedule, random))


def reverse_compute_inline(schedule: Any, random: randomness.Random) -> None:
    schedule.reverse_compute_inline(_block(schedule, random))


def decompose_reduction(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    schedule.decompose_reduction(block, random.choice(list(schedule.get_loops(block))))


def rfactor(schedule: Any, random: randomness.Random) -> None:
    schedule.rfactor(random.choice(_loops(schedule, random)), 0)


def decompose_padding(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    schedule.decompose_padding(block, random.choice(list(schedule.get_loops(block))))


def storage_align(schedule: Any, random: randomness.Random) -> None:
    schedule.storage_align(_block(schedule, random), 0, 0, random.choice((4, 8, 16)), random.choice((0, 1, 4)))


def set_scope(schedule: Any, random: randomness.Random) -> None:
    schedule.set_scope(_block(schedule, random), 0, "local")


def blockize(schedule: Any, random: randomness.Random) -> None:
    schedule.blockize(random.choice(_loops(schedule, random)))


def _permuted(order: list[int]) -> Any:
    """An index map that takes dimensions in another order."""
    return tirx.IndexMap.from_func(lambda *indices: [indices[place] for place in order], ndim=len(order))


def transform_layout(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    rank = len(schedule.get(block).writes[0].region)
    order = list(range(rank))
    random.shuffle(order)
    schedule.transform_layout(block, ("write", 0), _permuted(order))


def transform_block_layout(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    rank = len(schedule.get(block).iter_vars)
    order = list(range(rank))
    random.shuffle(order)
    schedule.transform_block_layout(block, _permuted(order))


def add_unit_loop(schedule: Any, random: randomness.Random) -> None:
    schedule.add_unit_loop(_block(schedule, random))


def pad_einsum(schedule: Any, random: randomness.Random) -> None:
    block = _block(schedule, random)
    schedule.pad_einsum(block, [random.choice((1, 2, 4)) for _ in schedule.get(block).iter_vars])


def annotate(schedule: Any, random: randomness.Random) -> None:
    # Annotations such as those of software pipelines must fit a loop's body: TVM says so where they do not.
    key, value = random.choice(
        (("pragma_auto_unroll_max_step", 16), ("pragma_unroll_explicit", 1), ("pragma_loop_partition_hint", 1))
    )
    schedule.annotate(random.choice(_loops(schedule, random)), key, value)


#: ``merge`` and ``loop_partition`` are left out: TVM 0.27 ends the process in both where they do not apply.
PRIMITIVES: dict[str, tuple[Primitive, float]] = {
    one.__name__: (one, weight)
    for one, weight in (
        (split, 4), (fuse, 2), (reorder, 2), (parallel, 1), (vectorize, 2), (unroll, 1), (cache_read, 1.5),
        (cache_write, 1.5), (reindex, 1), (compute_at, 2), (reverse_compute_at, 2), (compute_inline, 1),
        (reverse_compute_inline, 1), (decompose_reduction, 2), (rfactor, 1.5), (decompose_padding, 1),
        (storage_align, 0.5), (set_scope, 0.5), (blockize, 1.5), (transform_layout, 1), (transform_block_layout, 0.7),
        (add_unit_loop, 0.5), (pad_einsum, 0.7),
        (annotate, 1),
    )
}  # fmt: skip


def traced(function: Any, name: str, seed: int) -> tuple[Any, str]:
    """The function after one primitive, and TVM's own account of it, Python of a function ``apply_trace(sch)``.

    A primitive that is refused may leave a schedule half changed, so each works on a schedule of its own.

    Raises:
        TargetError: there is no primitive of this name.
        Exception: whatever TVM raises where the primitive does not apply.
    """
    if name not in PRIMITIVES:
        raise TargetError(f"no primitive of schedules is called {name!r} (known: {', '.join(PRIMITIVES)})")
    # Making it may fail too: a primitive before may have left what is not well-formed.
    schedule = s_tir.Schedule(function, seed=seed, error_render_level="none")
    PRIMITIVES[name][0](schedule, randomness.Random(seed))
    return schedule.mod["main"], str(schedule.trace)


def apply(function: Any, name: str, seed: int) -> Any:
    """The function after one primitive; raises as ``traced``."""
    return traced(function, name, seed)[0]
