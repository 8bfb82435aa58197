"""Loops that run too short, too far, or without their tail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.compiler.loops.ir import For

from ..catalogue import seeded
from ..witnesses import kernel

_SIMPLE = "function f(x: in i64[{0}], y: out i64[{0}]) {{\n  for i in 0..{0} {{\n    y[i] = x[i] * 3 + i\n  }}\n}}\n"
_FILLED = "function f(x: in i64[{0}], y: inout i64[{0}]) {{\n  for i in 0..{0} {{\n    y[i] = x[i] * 3 + i\n  }}\n}}\n"


@seeded(
    "unrolling-without-rest",
    project="TVM, LLVM",
    models="iterations that do not fill an unrolled body are not run",
    place="passes.loops.unrolling:_Unroller._partial",
    trigger="a loop whose trip count is no multiple of the unrolling factor",
    witness=kernel([["unrolling", {"factor": 4, "full": 0}]], _FILLED.format(22)),
)
def _(original: Any, self: Any, loop: Any, factor: int, trips: Any) -> Any:
    return original(self, loop, factor, trips)[:1]


@seeded(
    "vector-tail-lost",
    project="Inductor, TVM",
    models="the iterations that fill no vector are not run",
    place="passes.loops.vectorisation:_Vectoriser.result",
    trigger="a vectorised loop of a constant length that is no multiple of the lanes",
    witness=kernel("vectorisation", _FILLED.format(21)),
)
def _(original: Any, self: Any, trips: Any) -> Any:
    return original(self, trips if trips is None else trips - trips % self.lanes)


@seeded(
    "tile-sticks-out",
    project="TVM",
    models="a loop split without a guard, so that the last tile runs past the end",
    place="passes.loops.tiling:=smaller",
    trigger="a tiled loop whose length is no multiple of the tile",
    witness=kernel([["tiling", {"size": 8, "depth": 1}]], _SIMPLE.format(21)),
    shows="stamped",
)
def _(original: Any, left: Any, right: Any) -> Any:
    return left


@seeded(
    "jam-without-rest",
    project="LLVM",
    models="iterations left over by unroll-and-jam are not run",
    place="passes.loops.unroll_and_jam:UnrollAndJam._jammed",
    trigger="an outer loop whose length is no multiple of the factor",
    witness=kernel(
        [["unroll-and-jam", {"factor": 4, "reuse": False}]],
        "function f(x: in i64[7, 5], y: inout i64[7, 5]) {\n  for i in 0..7 {\n    for j in 0..5 {\n"
        "      y[i, j] = x[i, j] + 1\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, loop: Any, trips: int, names: Any) -> Any:
    return original(self, loop, trips, names)[:1]


@seeded(
    "skewed-start-only",
    project="LLVM",
    models="a skewed loop whose lower bound moves and whose upper bound does not",
    place="passes.loops.skewing:Skewing._skewed",
    trigger="a skewed nest",
    witness=kernel(
        [["skewing", {"when": "always"}]],
        "function f(x: in i64[6, 6], y: inout i64[6, 6]) {\n  for i in 0..6 {\n    for j in 0..6 {\n"
        "      y[i, j] = x[i, j] + 1\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, outer: Any, inner: Any, ranges: Any, names: Any) -> Any:
    skewed = original(self, outer, inner, ranges, names)
    return skewed and (replace(skewed[0], stop=inner.stop), skewed[1])


@seeded(
    "partition-loses-an-iteration",
    project="TVM",
    models="a loop partitioned at the place where its condition changes, with a gap between the parts",
    place="passes.loops.partition:_Splitter._copy",
    trigger="a condition on a loop variable that changes within the loop",
    witness=kernel(
        "partition",
        "function f(x: in i64[16], y: inout i64[16]) {\n  for i in 0..16 {\n"
        "    y[i] = select(i < 6, x[i], x[i] * 2)\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, loop: Any) -> Any:
    start = loop.start
    return original(self, replace(loop, start=type(start)(int(start.value) + loop.step, start.dtype)))


@seeded(
    "product-without-last-columns",
    project="TVM, ONNX Runtime",
    models="a blocked matrix product that leaves out the columns which fill no vector",
    place="passes.loops.register_blocking:_Blocking.blocks",
    trigger="a register-blocked product whose width is no multiple of four",
    witness=kernel(
        "register-blocking",
        "function f(a: in f32[6, 8], b: in f32[8, 19], c: inout f32[6, 19]) {\n  for i in 0..6 {\n"
        "    for j in 0..19 {\n      for k in 0..8 {\n        c[i, j] add= a[i, k] * b[k, j]\n      }\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, around: Any, nest: Any) -> Any:
    made = list(original(self, around, nest))
    heads = [loop.var.name for loop in nest]
    # What is left over is the nest itself, over fewer columns and with variables of its own.
    rest = [one for one in made if isinstance(one, For) and _depth(one) == len(heads) and one.step == 1]
    return iter(made[:-1] if len(made) > 1 and rest and made[-1] is rest[-1] else made)


def _depth(loop: Any) -> int:
    depth = 1
    while len(loop.body) == 1 and isinstance(loop.body[0], For):
        loop, depth = loop.body[0], depth + 1
    return depth


@seeded(
    "loop-of-two-runs-once",
    project="TVM, LLVM",
    models="a loop of one iteration recognised by an inequality that is also true of two",
    place="passes.loops.simplify:_Simplifier._loop",
    trigger="a loop of two iterations",
    witness=kernel("simplify", _FILLED.format(2)),
)
def _(original: Any, self: Any, loop: Any, ranges: Any) -> Any:
    start, stop = getattr(loop.start, "value", None), getattr(loop.stop, "value", None)
    if isinstance(start, int) and isinstance(stop, int) and loop.step < stop - start <= 2 * loop.step:
        loop = replace(loop, stop=type(loop.stop)(start + loop.step, loop.stop.dtype))
    return original(self, loop, ranges)
