"""Reductions that start from or combine the wrong thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.compiler.loops.ir import Const, For, Store

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "maximum-starts-from-zero",
    project="TVM, Inductor",
    models="the accumulator of a max begins with 0 instead of the least value",
    place="lowering.fold:accumulator",
    trigger="max or amax over numbers that are all negative",
    witness=graph('def program(x: "int64[3, 4]"):\n    v0 = torch.amax(x, 1)\n    return (v0,)\n', x=[-3, -5, -2, -9]),
)
def _(original: Any, op: str, dtype: Any) -> Any:
    name, wide, value = original(op, dtype)
    zero = 0.0 if wide.is_float else 0
    return (name, wide, Const(zero, wide)) if op == "max" and not wide.is_bool else (name, wide, value)


@seeded(
    "accumulator-cleared-in-the-loop",
    project="TVM",
    models="the initialisation of a reduction moved into the loops that reduce, so that it is done again and again",
    place="lowering.fold:fold",
    trigger="a reduction over two or more dimensions, or along a dimension with rows inside",
    witness=graph(
        'def program(x: "int64[3, 4, 5]"):\n    v0 = torch.sum(x, [1, 2])\n    return (v0,)\n',
    ),
)
def _(original: Any, nest: Any, kept: Any, rows: Any, reduced: Any, initial: Any, step: Any, *rest: Any) -> None:
    if len(reduced) < 2:
        original(nest, kept, rows, reduced, initial, step, *rest)
        return
    outermost = next(iter(reduced))
    inner = next(reversed(reduced))

    def stepped(at: Any, part: Any, cells: Any) -> None:
        place = part[inner]
        if isinstance(place, Const) or outermost == inner:
            step(at, part, cells)
            return
        from misfold.compiler.loops.ir import Binary, If, index

        # At the beginning of each innermost run, where only the outermost one should.
        clear = tuple(Store(cell.buffer, cell.index, value) for cell, (_, _, value) in zip(cells, initial))
        nest.emitter.emit(If(Binary("eq", place, index(0)), clear))
        step(at, part, cells)

    original(nest, kept, rows, reduced, initial, stepped, *rest)


@seeded(
    "partial-results-start-from-zero",
    project="LLVM, Inductor",
    models="the lanes' partial results of any reduction begin with 0, which is right for sums only",
    place="passes.loops.vectorisation:_start",
    trigger="a vectorised reduction by mul, min, max or and",
    witness=kernel(
        "vectorisation",
        "function f(x: in i64[32], y: out i64[]) {\n  y[] = 1000\n  for i in 0..32 {\n"
        "    y[] min= abs(x[i]) + 1\n  }\n}\n",
    ),
)
def _(original: Any, op: str, buffer: Any) -> Any:
    return original("add" if not buffer.dtype.is_bool else "or", buffer)


@seeded(
    "odd-lane-left-out",
    project="LLVM, Inductor",
    models="a horizontal reduction by halves that loses the middle lane of an odd number",
    place="codegen.reductions:_halving",
    trigger="a float min or max over a vectorised loop of an odd number of iterations",
    witness=kernel(
        "",
        "function f(x: in f32[3], y: out f32[]) {\n  y[] = 1000.0:f32\n  vectorised i in 0..3 {\n"
        "    y[] min= f32(i) * -1.0:f32\n  }\n}\n",
    ),
)
def _(original: Any, value: Any, combine: Any) -> Any:
    e = value.emitter
    if value.type.lanes > 1 and value.type.lanes % 2:
        value = e.shuffle(value, list(range(value.type.lanes - 1)))
    return original(value, combine)


@seeded(
    "scan-excludes-its-element",
    project="TVM, Inductor",
    models="an exclusive scan where an inclusive one is meant",
    place="lowering.reductions:scan",
    trigger="cumsum or cumprod",
    witness=graph('def program(x: "int64[7]"):\n    v0 = torch.cumsum(x, 0)\n    return (v0,)\n'),
)
def _(original: Any, nest: Any) -> None:
    finish, emit, held = nest.finish, nest.emitter.emit, []

    def late(statement: Any) -> None:
        from misfold.compiler.loops.ir import Reduce

        if isinstance(statement, Reduce):
            held.append(statement)
        else:
            emit(statement)

    def finished(place: Any, results: Any) -> None:
        finish(place, results)
        while held:
            emit(held.pop())

    nest.finish, nest.emitter.emit = finished, late
    try:
        original(nest)
    finally:
        nest.finish = finish
        del nest.emitter.emit


@seeded(
    "accumulators-after-the-loop",
    project="LLVM",
    models="of several vectors of partial results only the first is combined with the result",
    place="passes.loops.vectorisation:_Vectoriser._after",
    trigger="a vectorised reduction with several accumulators",
    witness=kernel(
        [["vectorisation", {"accumulators": 2, "lanes": 4}]],
        "function f(x: in i64[32], y: inout i64[]) {\n  for i in 0..32 {\n    y[] add= x[i] + i\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, several: int, trips: Any) -> Any:
    return original(self, 1, trips)


@seeded(
    "window-starts-again",
    project="TVM, ONNX Runtime",
    models="the first element of each window is taken twice",
    place="lowering.reductions:window_position",
    trigger="pooling or a convolution with a window of more than one element",
    witness=graph(
        'def program(x: "float32[1, 1, 8]"):\n    v0 = torch.nn.functional.avg_pool1d(x, 2, 2)\n    return (v0,)\n',
        x=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    ),
)
def _(original: Any, nest: Any, at: Any, part: Any, stride: int, dilation: int) -> Any:
    return original(nest, at, nest.indices.clamp(nest.indices.sub(part, 1), 1 << 30), stride, dilation)


@seeded(
    "block-added-twice",
    project="TVM",
    models="a block of partial sums added to the result twice",
    place="passes.loops.register_blocking:_Blocking._block",
    trigger="a register-blocked product",
    witness=kernel(
        "register-blocking",
        "function f(a: in f32[6, 8], b: in f32[8, 16], c: inout f32[6, 16]) {\n  for i in 0..6 {\n"
        "    for j in 0..16 {\n      for k in 0..8 {\n        c[i, j] add= a[i, k] * b[k, j]\n      }\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, heads: Any, width: int, rows: int, lanes: int) -> Any:
    made = original(self, heads, width, rows, lanes)

    def again(block: Any) -> Any:
        if len(block) == 1 and isinstance(block[0], For):
            return (replace(block[0], body=again(block[0].body)),)
        # The last statement adds the block to the results: it runs twice.
        from misfold.compiler.loops.visit import renamed

        return (*block, *renamed(block[-1:], self.names))

    return again(made)
