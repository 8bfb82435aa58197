"""Loop transformations that pass over a dependence, and dependence tests that do not see one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..catalogue import seeded
from ..witnesses import kernel

_DIAGONAL = (
    "function f(y: inout i64[8, 8]) {\n  for i in 1..8 {\n    for j in 0..7 {\n"
    "      y[i, j] = y[i - 1, j + 1] + j\n    }\n  }\n}\n"
)
_RECURRENCE = "function f(y: inout i64[40]) {\n  for i in 1..40 {\n    y[i] = y[i - 1] + i\n  }\n}\n"


@seeded(
    "fusion-backwards",
    project="TVM, Inductor",
    models="two loops fused although the second reads what later iterations of the first write",
    place="passes.loops.fusion:Fusion._fused",
    trigger="neighbouring loops, the second of which reads an element that the first writes in a later iteration",
    witness=kernel(
        "fusion",
        "function f(x: in i64[20], t: inout i64[21], y: out i64[20]) {\n  for i in 0..20 {\n    t[i] = x[i] * 2\n  }\n"
        "  for j in 0..20 {\n    y[j] = t[j + 1]\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, growing: Any, second: Any, ranges: Any) -> Any:
    return growing.with_body_of(second)


@seeded(
    "interchange-of-diagonals",
    project="LLVM, TVM",
    models="loops interchanged across a dependence of direction (<, >)",
    place="passes.loops.interchange:_reverses",
    trigger="a nest that reads the element above and to the right of the one it writes",
    witness=kernel([["interchange", {"order": "reverse"}]], _DIAGONAL),
)
def _(original: Any, *_: Any) -> bool:
    return False


@seeded(
    "tiling-of-diagonals",
    project="LLVM, TVM",
    models="a nest tiled although a distance is negative in an inner loop",
    place="passes.loops.tiling:permutable",
    trigger="a nest that reads the element above and to the right of the one it writes, longer than a tile",
    witness=kernel([["tiling", {"size": 2}]], _DIAGONAL),
)
def _(original: Any, *_: Any) -> bool:
    return True


@seeded(
    "jam-reverses",
    project="LLVM",
    models="unroll-and-jam without a test of whether statements of jammed iterations may alternate",
    place="passes.loops.unroll_and_jam:_reverses",
    trigger="an outer loop whose iterations depend on inner iterations of the one before that come later",
    witness=kernel([["unroll-and-jam", {"factor": 2, "reuse": False}]], _DIAGONAL),
)
def _(original: Any, *_: Any) -> bool:
    return False


def _only_reductions(original: Any, *arguments: Any) -> Iterator[Any]:
    return (one for one in original(*arguments) if one.kind == "reduction")


@seeded(
    "vectorised-recurrence",
    project="LLVM, Inductor",
    models="a loop vectorised although each iteration needs the result of the one before",
    place="passes.loops.vectorisation:=each_dependence",
    trigger="a loop that reads the element that its iteration before wrote",
    witness=kernel("vectorisation", _RECURRENCE),
)
def _(original: Any, *arguments: Any) -> Iterator[Any]:
    return _only_reductions(original, *arguments)


@seeded(
    "fission-without-anti-dependences",
    project="LLVM, TVM",
    models="loops distributed in an order that overwrites what is still to be read",
    place="passes.loops.fission:=dependences",
    trigger="a loop with a statement that reads what an earlier statement writes in a later iteration",
    witness=kernel(
        "fission",
        "function f(x: in i64[20], t: inout i64[21], y: out i64[20]) {\n  for i in 0..20 {\n"
        "    t[i] = x[i]\n    y[i] = t[i + 1]\n  }\n}\n",
    ),
)
def _(original: Any, *arguments: Any) -> list[Any]:
    return [one for one in original(*arguments) if one.kind != "anti"]


@seeded(
    "subscripts-apart-by-a-constant",
    project="LLVM, TVM",
    models="a dependence test that takes subscripts that differ by a constant for different elements in all iterations",
    place="loops.dependence:_apart",
    trigger="any recurrence with a constant distance, under a pass that asks for dependences",
    witness=kernel("vectorisation", _RECURRENCE),
)
def _(original: Any, a: Any, b: Any, quotients: Any) -> bool:
    return any(
        i is not None and j is not None and i.terms == j.terms and i.constant != j.constant
        for i, j in zip(a.indices, b.indices)
    )


@seeded(
    "distances-not-turned-round",
    project="LLVM",
    models="a dependence found with source and sink exchanged keeps the sign of its distances",
    place="loops.dependence:Dependence.interval",
    trigger="a dependence whose sink comes first in the text, under a pass that looks at distances",
    witness=kernel([["interchange", {"order": "reverse"}]], _DIAGONAL),
)
def _(original: Any, self: Any, loop: str) -> tuple[int, int]:
    low, high = original(self, loop)
    return (-high, -low) if self._flipped and self.loops[self.level] != loop else (low, high)


@seeded(
    "hoisted-over-a-reduction",
    project="LLVM, TVM",
    models="a load moved out of a loop that updates the element, because only plain stores are looked for",
    place="passes.loops.loop_invariant_code_motion:_Scope.__init__",
    trigger="a loop that reads an element which it reduces into",
    witness=kernel(
        "loop-invariant-code-motion",
        "function f(x: in f64[12], s: inout f64[], y: out f64[12]) {\n  for i in 0..12 {\n"
        "    s[] add= x[i]\n    y[i] = s[]\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, motion: Any, loop: Any, body: Any, ranges: Any) -> None:
    from misfold.compiler.loops.ir import Reduce
    from misfold.compiler.loops.visit import statements

    original(self, motion, loop, body, ranges)
    self.written -= {one.buffer.name for one in statements(body) if isinstance(one, Reduce)}


@seeded(
    "loops-fused-past-a-store",
    project="TVM, Inductor",
    models="a definition between two loops moved before the first although the first writes what it reads",
    place="passes.loops.fusion:_may_go_before",
    trigger="a let that loads from a buffer, between two loops the first of which writes the buffer",
    witness=kernel(
        "fusion",
        "function f(x: in i64[20], t: inout i64[20], y: out i64[20]) {\n  for i in 0..20 {\n    t[i] = x[i] * 2\n  }\n"
        "  let s: i64 = t[5]\n  for j in 0..20 {\n    y[j] = x[j] + s\n  }\n}\n",
    ),
)
def _(original: Any, statement: Any, loop: Any) -> bool:
    from misfold.compiler.loops.ir import Allocate, Let

    return isinstance(statement, Allocate | Let)
