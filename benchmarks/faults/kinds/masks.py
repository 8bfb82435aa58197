"""Lanes or branches that must not take part, and do."""

from __future__ import annotations

from typing import Any

from ..catalogue import seeded
from ..witnesses import graph, kernel

_GUARDED = (
    "function f(x: in i64[16], y: inout i64[16]) {\n  vectorised i in 0..16 {\n    if x[i] > 0 {\n"
    "      y[i] = x[i] * 2\n    }\n  }\n}\n"
)


@seeded(
    "stores-without-a-mask",
    project="LLVM, Inductor",
    models="a masked store of consecutive lanes that writes all of them",
    place="codegen.memory:_store_contiguous",
    trigger="a vectorised loop that stores under a condition",
    witness=kernel("", _GUARDED),
)
def _(original: Any, e: Any, place: Any, element: Any, distance: Any, content: Any, mask: Any) -> None:
    original(e, place, element, distance, content, None)


@seeded(
    "reductions-without-a-mask",
    project="LLVM, Inductor",
    models="lanes that a condition leaves out are summed up with the others",
    place="codegen.statements:_reduce",
    trigger="a vectorised loop that reduces into one element under a condition",
    witness=kernel(
        "",
        "function f(x: in i64[16], s: inout i64[]) {\n  vectorised i in 0..16 {\n    if x[i] > 0 {\n"
        "      s[] add= x[i]\n    }\n  }\n}\n",
    ),
)
def _(original: Any, scope: Any, statement: Any) -> None:
    from dataclasses import replace

    original(replace(scope, mask=None) if scope.lanes else scope, statement)


@seeded(
    "else-runs-where-then-did",
    project="LLVM",
    models="the mask of an else is that of all lanes, not that of those which did not take the then",
    place="codegen.statements:_if",
    trigger="a vectorised if with an else",
    witness=kernel(
        "",
        "function f(x: in i64[16], y: out i64[16]) {\n  vectorised i in 0..16 {\n    if x[i] > 0 {\n"
        "      y[i] = 1\n    } else {\n      y[i] = 2\n    }\n  }\n}\n",
    ),
)
def _(original: Any, scope: Any, statement: Any) -> None:
    from dataclasses import replace

    from misfold.compiler.codegen.statements import write_block

    if statement.other and scope.lanes:
        original(scope, replace(statement, other=()))
        write_block(scope, statement.other)
    else:
        original(scope, statement)


@seeded(
    "masked-tail-without-mask",
    project="Inductor, TVM",
    models="the last vector of a loop runs whole although only some of its lanes are iterations",
    place="passes.loops.vectorisation:_Vectoriser._vector",
    trigger="a loop vectorised with a masked or split tail, of a length that is no multiple of the lanes",
    witness=kernel(
        [["vectorisation", {"tail": "masked", "lanes": 8}]],
        "function f(x: in i64[21], y: out i64[21]) {\n  for i in 0..21 {\n    y[i] = x[i] * 3\n  }\n}\n",
    ),
    shows="stamped",
)
def _(original: Any, self: Any, base: Any, unit: Any, masked: bool) -> Any:
    return original(self, base, unit, False)


@seeded(
    "inner-condition-forgets-outer",
    project="LLVM, TVM",
    models="the mask of a nested condition is not combined with the one around it",
    place="codegen.statements:_if",
    trigger="a vectorised if within an if",
    witness=kernel(
        "",
        "function f(x: in i64[16], y: inout i64[16]) {\n  vectorised i in 0..16 {\n    if x[i] > 0 {\n"
        "      if i > 4 {\n        y[i] = 100\n      }\n    }\n  }\n}\n",
    ),
)
def _(original: Any, scope: Any, statement: Any) -> None:
    from dataclasses import replace

    original(replace(scope, mask=None) if scope.lanes else scope, statement)


@seeded(
    "padding-is-not-masked",
    project="TVM, Inductor",
    models="where padding is read, the nearest element is given instead of the padding's value",
    place="lowering.movement:=Select",
    trigger="a small constant pad, or an operator that pads, computed in one nest",
    witness=graph(
        'def program(x: "float32[6]"):\n    v0 = torch.nn.functional.pad(x, [2, 2], "constant", 0.5)\n'
        "    return (v0,)\n"
    ),
)
def _(original: Any, condition: Any, then: Any, other: Any) -> Any:
    from misfold.compiler.loops.ir import Const

    return then if isinstance(other, Const) else original(condition, then, other)


@seeded(
    "unswitched-without-else",
    project="LLVM",
    models="a loop unswitched on a condition, without a copy for where it is false",
    place="passes.loops.loop_invariant_code_motion:_Motion._unswitched",
    trigger="a loop with an if whose condition does not change in it, followed by other statements",
    witness=kernel(
        "loop-invariant-code-motion",
        "function f(x: in i64[16], y: inout i64[16]) {\n  for i in 0..16 {\n    if x[0] > 100 {\n"
        "      y[i] = 1\n    }\n    y[i] add= x[i]\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, loop: Any, scope: Any, runs: bool) -> Any:
    from dataclasses import replace

    from misfold.compiler.loops.ir import If

    made = original(self, loop, scope, runs)
    return (replace(made[0], other=()),) if isinstance(made[0], If) and made[0].then else made
