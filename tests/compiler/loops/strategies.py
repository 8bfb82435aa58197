"""Hypothesis strategies for everything that the loop IR can hold, well typed or not."""

from __future__ import annotations

from hypothesis import strategies as st

from misfold.compiler.dtypes import ALL, INDEX, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Parameter,
    Reduce,
    Select,
    Statement,
    Store,
    Unary,
    Var,
)
from misfold.compiler.loops.operators import BINARY, REDUCTIONS, UNARY
from misfold.compiler.rounding import round_float

KINDS = ("serial", "parallel", "vectorised", "unrolled")
STRINGS = st.one_of(
    st.text(st.characters(), max_size=8), st.sampled_from(['"', "\\", "\\u{1}", "\n\t\0", "\ud800", "é"])
)
SMALL = st.integers(-3, 3)
# Names that look like something else, and so may only be taken in their place.
VARIABLES = [Var("i"), Var("exp"), Var("f32"), Var("select"), Var("step"), Var("in"), Var("t_1", ALL[-1])]
PARAMETERS = (
    Parameter(Buffer("x", ALL[3], (4, 16)), "in"),
    Parameter(Buffer("min", ALL[-2], (4, 16), (1, 4)), "out"),
    Parameter(Buffer("out", ALL[0], (), ()), "inout"),
)
BUFFERS = [parameter.buffer for parameter in PARAMETERS]


def values(dtype: DType) -> st.SearchStrategy:
    """All values of a type, its ends more often."""
    if dtype.is_bool:
        return st.booleans()
    if dtype.is_integer:
        low, high = int(dtype.min), int(dtype.max)
        return st.one_of(st.integers(low, high), st.sampled_from([low, low + 1, -1 if low else 1, 0, 1, high]))
    ends = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, float("inf"), -float("inf"), float("nan"), dtype.max, 1e-45, 1e-40]
    return st.one_of(st.floats(), st.sampled_from(ends)).map(lambda value: round_float(value, dtype))


CONSTANTS = st.sampled_from(ALL).flatmap(lambda dtype: values(dtype).map(lambda value: Const(value, dtype)))


def _operators(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(Binary, st.sampled_from(sorted(BINARY)), inner, inner),
        st.builds(Unary, st.sampled_from(sorted(UNARY)), inner),
        st.builds(Cast, st.sampled_from(ALL), inner),
        st.builds(Select, inner, inner, inner),
        st.builds(Load, st.sampled_from(BUFFERS), st.lists(inner, max_size=3).map(tuple)),
    )


EXPRESSIONS = st.recursive(st.one_of(CONSTANTS, st.sampled_from(VARIABLES)), _operators, max_leaves=12)


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """A function that can be printed, with every kind of statement."""
    count = 0

    def fresh(stem: str) -> str:
        nonlocal count
        count += 1
        return f"{stem}{count}"

    def element() -> tuple[Buffer, tuple[Expr, ...]]:
        return draw(st.sampled_from(BUFFERS)), tuple(draw(st.lists(EXPRESSIONS, max_size=2)))

    def block(depth: int) -> tuple[Statement, ...]:
        return tuple([statement(depth) for _ in range(draw(st.integers(0, 3)))])

    def statement(depth: int) -> Statement:
        match draw(st.integers(0, 6 if depth else 4)):
            case 0:
                return Let(Var(fresh("t"), draw(st.sampled_from(ALL))), draw(EXPRESSIONS))
            case 1:
                shape = tuple(draw(st.lists(SMALL, max_size=3)))
                strides = draw(st.none() | st.lists(SMALL, max_size=3).map(tuple))
                return Allocate(Buffer(fresh("b"), draw(st.sampled_from(ALL)), shape, strides))
            case 2:
                return Store(*element(), draw(EXPRESSIONS))
            case 3:
                return Reduce(draw(st.sampled_from(REDUCTIONS)), *element(), draw(EXPRESSIONS))
            case 4:
                return Assert(draw(EXPRESSIONS), draw(STRINGS))
            case 5:
                start, stop = draw(EXPRESSIONS), draw(EXPRESSIONS)
                kind, step = draw(st.sampled_from(KINDS)), draw(SMALL)
                return For(Var(fresh("i")), start, stop, block(depth - 1), kind, step)
        return If(draw(EXPRESSIONS), block(depth - 1), block(depth - 1))

    lets = tuple([Let(var, Const(0, INDEX)) for var in VARIABLES])
    return Function(draw(st.sampled_from(["f", "step", "x"])), PARAMETERS, lets + block(3))
