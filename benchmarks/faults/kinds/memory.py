"""Memory that holds another value than the one that is meant: forwarding, dead stores, shared and local buffers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "tile-not-loaded",
    project="TVM, LLVM",
    models="an element kept in a register during a loop that is not loaded before it: an uninitialised accumulator",
    place="passes.loops.scalar_replacement:_Promotion._place",
    trigger="a loop that reduces into an element which had a value before",
    witness=kernel(
        "scalar-replacement",
        "function f(x: in i64[8, 6], y: inout i64[8]) {\n  for i in 0..8 {\n    for j in 0..6 {\n"
        "      y[i] add= x[i, j]\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, uses: Any, inside: Any, loops: Any) -> Any:
    found = original(self, uses, inside, loops)
    return found and (found[0], False)


@seeded(
    "forwarded-past-a-loop",
    project="LLVM, TVM",
    models="a stored value used where it is loaded again, although a loop in between overwrites it",
    place="passes.loops.forwarding:_Known.forget_written",
    trigger="a store, a loop that writes the buffer, and a load of the element",
    witness=kernel(
        "scalar-replacement",
        "function f(x: in i64[8], t: inout i64[8], y: out i64[1]) {\n  t[3] = 5\n  for i in 0..8 {\n"
        "    t[i] = x[i]\n  }\n  y[0] = t[3]\n}\n",
    ),
)
def _(original: Any, self: Any, blocks: Any) -> None:
    return None


@seeded(
    "other-indices-never-alias",
    project="LLVM, TVM",
    models="two elements with indices that are written differently taken to be different elements",
    place="passes.loops.forwarding:_differ",
    trigger="a store to an element between a store and a load of the same one, with an index written differently",
    witness=kernel(
        "scalar-replacement",
        "function f(x: in i64[8], t: inout i64[8], y: out i64[8]) {\n  for i in 0..8 {\n    t[i] = x[i]\n"
        "    t[(i * 3) % 8] = 100\n    y[i] = t[i]\n  }\n}\n",
    ),
)
def _(original: Any, some: Any, others: Any) -> bool:
    return some != others


@seeded(
    "dead-until-next-iteration",
    project="LLVM",
    models="a store removed because nothing after it reads the element, while the next iteration does",
    place="passes.loops.dead_store_elimination:_Backwards._loop",
    trigger="a local buffer, or an element overwritten after a loop, that carries a value between iterations",
    witness=kernel(
        "dead-store-elimination",
        "function f(x: in i64[8], y: out i64[8]) {\n  alloc t: i64[2]\n  t[0] = 1\n  for i in 0..8 {\n"
        "    y[i] = t[0]\n    t[0] = x[i]\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, loop: Any, after: Any) -> Any:
    body = self.block(loop.body, after.copy())
    return replace(loop, body=body) if body else None


@seeded(
    "branches-share-what-is-dead",
    project="LLVM",
    models="what one branch overwrites is taken to be overwritten in the other one too",
    place="passes.loops.dead_store_elimination:_After.copy",
    trigger="an element stored before an if of which one branch overwrites it",
    witness=kernel(
        "dead-store-elimination",
        "function f(x: in i64[8], y: out i64[8]) {\n  for i in 0..8 {\n    y[i] = x[i]\n    if x[i] > 0 {\n"
        "      y[i] = 7\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any) -> Any:
    return self


@seeded(
    "memory-reused-too-early",
    project="TVM, Inductor",
    models="a buffer's memory given to another one by the statement that reads it last",
    place="passes.loops.buffer_reuse:_spans",
    trigger="a temporary whose last reader writes another temporary of the same type",
    witness=kernel(
        "buffer-reuse",
        "function f(x: in i64[64], y: out i64[64]) {\n  alloc a: i64[64]\n  alloc b: i64[64]\n  for i in 0..64 {\n"
        "    a[i] = x[i] * 2\n  }\n  for j in 0..64 {\n    b[j] = a[63 - j] + 1\n  }\n  for k in 0..64 {\n"
        "    y[k] = b[k]\n  }\n}\n",
    ),
)
def _(original: Any, block: Any) -> Any:
    return {name: (first, max(first, last - 1)) for name, (first, last) in original(block).items()}


@seeded(
    "temporary-shrunk-to-one-row",
    project="TVM, Inductor",
    models="a temporary made as small as one iteration needs although a later iteration reads it",
    place="passes.loops.contraction:_separate",
    trigger="a temporary that carries values from one iteration of a loop to another",
    witness=kernel(
        "scalar-replacement",
        "function f(x: in i64[8], y: out i64[8]) {\n  alloc t: i64[8]\n  for i in 0..8 {\n    t[i] = x[i]\n"
        "    if i > 0 {\n      y[i] = t[i - 1]\n    } else {\n      y[i] = 0\n    }\n  }\n}\n",
    ),
)
def _(original: Any, dimension: Any, loop: Any, ranges: Any) -> bool:
    return bool(dimension.base.terms.get(loop.var, 0))


@seeded(
    "arena-overlaps",
    project="TVM, ONNX Runtime",
    models="memory planned for temporaries whose sizes are added up short, so that they overlap",
    place="codegen.layout:lay_out",
    trigger="two temporaries of more than 8 KiB that live at the same time",
    witness=graph(
        'def program(x: "float32[64, 64]"):\n    v0 = torch.matmul(x, x)\n    v1 = torch.matmul(v0, x)\n'
        "    v2 = torch.matmul(v0, v1)\n    return (v2,)\n",
        x={"draw": "integers", "low": -1, "high": 1, "seed": 3},
    ),
)
def _(original: Any, body: Any, threads: int) -> Any:
    layout = original(body, threads)
    for number, name in enumerate(layout.shared):
        layout.shared[name] -= 64 * number
    return layout


@seeded(
    "initialised-once-for-all",
    project="TVM",
    models="a store before a reduction taken to be overwritten by it: a reduction reads what it updates",
    place="passes.loops.dead_store_elimination:_Backwards.block",
    trigger="an element stored and then reduced into in one block",
    witness=kernel(
        "dead-store-elimination",
        "function f(x: in i64[8], y: inout i64[8]) {\n  for i in 0..8 {\n    y[i] = x[i]\n    y[i] add= 3\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, block: Any, after: Any) -> Any:
    from misfold.compiler.loops.ir import Reduce, Store

    kept = [
        one
        for one, following in zip(block, (*block[1:], None))
        if not (
            isinstance(one, Store)
            and isinstance(following, Reduce)
            and (one.buffer.name, one.indices) == (following.buffer.name, following.indices)
        )
    ]
    return original(self, tuple(kept), after)
