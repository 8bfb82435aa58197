"""Integer powers, which tirx does not have: a loop of products."""

from __future__ import annotations

from typing import Any

from tvm import tirx

from misfold.compiler.dtypes import INDEX, DType

from .emitter import Emitter, cast, constant, type_name


def power(emitter: Emitter, base: Any, exponent: Any, dtype: DType) -> Any:
    """base ** exponent. Products are taken only where base and exponent make each of them count, so that nothing
    overflows but what the result does."""
    zero, one = constant(0, dtype), constant(1, dtype)
    result = tirx.decl_buffer((1,), type_name(dtype), "power")
    first = [tirx.IntImm(type_name(INDEX), 0)]
    large = tirx.GT(base, one)
    if dtype.kind == "int":
        large = tirx.And(tirx.Or(large, tirx.LT(base, constant(-1, dtype))), tirx.GE(exponent, zero))
    most = constant(min(dtype.bits, int(dtype.max)), dtype)
    turns = cast(INDEX, tirx.Select(large, tirx.Min(exponent, most), zero))
    counter = tirx.Var("turn", type_name(INDEX))
    product = tirx.BufferStore(result, tirx.Mul(tirx.BufferLoad(result, first), base), first)
    emitter.before += [
        tirx.AllocBuffer(result),
        tirx.BufferStore(result, one, first),
        tirx.For(counter, constant(0, INDEX), turns, tirx.ForKind.SERIAL, product),
    ]
    odd = tirx.NE(tirx.bitwise_and(exponent, one), zero)
    # Of bases that no product changes in size: 1, 0 (whose zeroth power is 1), -1.
    still = tirx.Select(tirx.EQ(base, zero), tirx.Select(tirx.EQ(exponent, zero), one, zero), one)
    if dtype.kind == "int":
        minus = constant(-1, dtype)
        still = tirx.Select(tirx.EQ(base, minus), tirx.Select(odd, minus, one), still)
        beyond = tirx.Or(tirx.GT(base, one), tirx.LT(base, minus))
        still = tirx.Select(tirx.And(beyond, tirx.LT(exponent, zero)), zero, still)
    return tirx.Select(large, tirx.BufferLoad(result, first), still)
