"""Division, shifts, signs and widths of integers."""

from __future__ import annotations

from typing import Any

from misfold.compiler.codegen.emitter import convert, select
from misfold.compiler.loops.ir import Binary, Const

from ..catalogue import seeded
from ..witnesses import graph, kernel

_PAIR = (
    "function f(x: in i64[24], y: out i64[24]) {{\n  for i in 0..24 {{\n    let d: i64 = i % 5 - 7\n"
    "    y[i] = {}\n  }}\n}}\n"
)


@seeded(
    "floordiv-truncates",
    project="TVM, Inductor",
    models="floor division of integers lowered to the machine's division, which rounds to zero",
    place="codegen.integers:_divide",
    trigger="floor division of integers of different signs that does not come out even",
    witness=graph(
        'def program(x: "int32[20]", y: "int32[20]"):\n    v0 = torch.abs(y)\n    v1 = torch.add(v0, 2)\n'
        "    v2 = torch.floor_divide(x, v1)\n    return (v2,)\n"
    ),
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any, mask: Any) -> Any:
    return original("truncdiv" if op == "floordiv" and y.literal is None else op, x, y, dtype, mask)


@seeded(
    "floormod-keeps-the-sign",
    project="TVM, XLA",
    models="the remainder of floor division given the sign of the dividend, as C's % does",
    place="codegen.integers:_divide",
    trigger="floormod of integers of different signs",
    witness=kernel("", _PAIR.format("x[i] % d")),
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any, mask: Any) -> Any:
    return original("truncmod" if op == "floormod" and y.literal is None else op, x, y, dtype, mask)


@seeded(
    "euclidmod-adds-the-divisor",
    project="LLVM, TVM",
    models="a negative remainder is corrected by the divisor rather than by its absolute value",
    place="codegen.integers:_divide",
    trigger="euclidmod of a negative number by a negative one",
    witness=kernel("", _PAIR.format("euclidmod(x[i], d)")),
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any, mask: Any) -> Any:
    if op != "euclidmod" or y.literal is not None or not dtype.is_signed:
        return original(op, x, y, dtype, mask)
    remainder = original("truncmod", x, y, dtype, mask)
    return select(remainder.lt(0), remainder + y, remainder)


@seeded(
    "truncdiv-is-a-shift",
    project="LLVM, TVM",
    models="division by a power of two replaced by a shift without the correction for negative numbers",
    place="passes.loops.strength_reduction:_divided",
    trigger="truncdiv of a negative number by a power of two",
    witness=kernel("strength-reduction", _PAIR.format("truncdiv(x[i] + d, 4)")),
)
def _(original: Any, node: Any, divisor: Any, ranges: Any) -> Any:
    if node.op == "truncdiv":
        node = Binary("floordiv", node.left, node.right)
    return original(node, divisor, ranges)


@seeded(
    "truncmod-is-a-mask",
    project="LLVM, TVM",
    models="the remainder by a power of two taken from the low bits although the dividend may be negative",
    place="passes.loops.strength_reduction:_remainder",
    trigger="truncmod of a negative number by a power of two",
    witness=kernel("strength-reduction", _PAIR.format("truncmod(x[i] + d, 8)")),
)
def _(original: Any, node: Any, divisor: Any, ranges: Any) -> Any:
    if node.op == "truncmod":
        node = Binary("euclidmod", node.left, node.right)
    return original(node, divisor, ranges)


@seeded(
    "shr-of-signed-is-logical",
    project="LLVM, Inductor",
    models="a right shift of a signed integer brings in zeros",
    place="codegen.integers:_shift",
    trigger="a right shift of a negative number",
    witness=graph(
        'def program(x: "int32[20]"):\n    v0 = torch.bitwise_right_shift(x, 1)\n    return (v0,)\n',
    ),
)
def _(original: Any, op: str, x: Any, amount: Any, dtype: Any) -> Any:
    if op == "shr":
        return select(amount.ult(dtype.bits), x.lshr(amount), 0)
    return original(op, x, amount, dtype)


@seeded(
    "shift-beyond-the-width",
    project="Inductor, XLA",
    models="a shift by the width or more left to the machine, which takes the amount modulo the width",
    place="codegen.integers:_shift",
    trigger="a left shift by an amount that is not below the width",
    witness=kernel("", _PAIR.format("x[i] << (i * 5)")),
)
def _(original: Any, op: str, x: Any, amount: Any, dtype: Any) -> Any:
    if op != "shl":
        return original(op, x, amount, dtype)
    return x << (amount & (dtype.bits - 1))


@seeded(
    "unsigned-compared-as-signed",
    project="TVM, Inductor",
    models="comparisons of unsigned integers by signed instructions",
    place="codegen.integers:_predicate",
    trigger="unsigned integers compared, one of them in the upper half of its type",
    witness=graph(
        'def program(x: "uint8[6]", y: "uint8[6]"):\n    v0 = torch.lt(x, y)\n    return (v0,)\n',
        x=[200, 3, 255, 128, 0, 7],
        y=[100, 250, 1, 127, 128, 7],
    ),
)
def _(original: Any, op: str, dtype: Any) -> str:
    return op if op in ("eq", "ne") else "s" + op


@seeded(
    "unsigned-widened-as-signed",
    project="TVM, ONNX Runtime",
    models="an unsigned integer extended by its sign when it is cast to a wider type",
    place="codegen.casts:cast",
    trigger="a uint8 above 127 cast to a wider integer",
    witness=graph(
        'def program(x: "uint8[6]"):\n    v0 = x.to(torch.int32)\n    return (v0,)\n', x=[200, 3, 255, 128, 0, 7]
    ),
)
def _(original: Any, x: Any, source: Any, target: Any) -> Any:
    widens = source.kind == "uint" and target.is_integer and target.bits > source.bits
    return convert("sext", x, f"i{target.bits}") if widens else original(x, source, target)


@seeded(
    "folded-sum-forgets-one",
    project="ONNX Runtime, TVM",
    models="a reduction of a constant folded with a wrong count",
    place="passes.graph.constant_folding:_reduced",
    trigger="the sum of a tensor of one repeated integer",
    witness=graph(
        'def program(x: "int64[4]"):\n    v0 = torch.full([40, 40], 3)\n    v1 = torch.sum(v0, 1)\n'
        "    v2 = torch.amax(v1)\n    v3 = torch.add(x, v2)\n    return (v3,)\n"
    ),
)
def _(original: Any, op: str, x: Any, before: Any, after: Any) -> Any:
    result = original(op, x, before, after)
    return result - x if op == "add" and result is not None and before.elements > 1 else result


@seeded(
    "chain-of-constants-mixed-up",
    project="TVM, LLVM",
    models="(x op a) op b folded by adding a and b, whatever op is",
    place="passes.graph.rules_arithmetic:_combined",
    trigger="two multiplications of integers by constants in a row",
    witness=graph(
        'def program(x: "int32[8]"):\n    v0 = torch.mul(x, 3)\n    v1 = torch.mul(v0, 5)\n    return (v1,)\n'
    ),
)
def _(original: Any, name: str, a: Any, b: Any, site: Any) -> Any:
    return original("add" if name == "mul" else name, a, b, site)


@seeded(
    "induction-variable-steps-short",
    project="LLVM",
    models="a loop variable scaled by strength reduction while its step is not",
    place="passes.loops.strength_reduction:_scaled_loop",
    trigger="a loop whose variable is only used multiplied by one constant",
    witness=kernel(
        "strength-reduction",
        "function f(x: in i64[40], y: inout i64[40]) {\n  for i in 0..10 {\n    y[i * 4] add= x[i * 4] + 1\n  }\n}\n",
    ),
)
def _(original: Any, statement: Any) -> Any:
    from dataclasses import replace

    result = original(statement)
    if result is not statement and isinstance(result.start, Const) and result.step != statement.step:
        return replace(result, step=statement.step)
    return result
