"""Each rule of the loop IR, broken once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from misfold.compiler.dtypes import BOOL, F32, I8, I64
from misfold.compiler.errors import VerificationError
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Cast,
    Const,
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
    index,
)
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.verify import may_overlap, trip_count, verify
from misfold.generators.kernels import generate

X = Buffer("x", F32, (4,))
Y = Buffer("y", F32, (4, 4))
B = Buffer("b", BOOL, ())
VARIABLE, T = Var("i"), Var("t", F32)
ZERO, ONE, HALF, TRUE = index(0), index(1), Const(0.5, F32), Const(True, BOOL)
SUM = Binary("add", ONE, ONE)
STORE = Store(Y, (ZERO, ZERO), HALF)


def function(*body: Statement, parameters: tuple[Parameter, ...] | None = None) -> Function:
    return Function("f", parameters or (Parameter(X, "in"), Parameter(Y, "out"), Parameter(B, "inout")), body)


def loop(*body: Statement, **changes) -> For:
    return replace(For(VARIABLE, ZERO, index(4), body), **changes)


def stored(value) -> Statement:
    return Store(Y, (ZERO, ZERO), value)


def of_type(dtype, shape=(4,), strides=None, role="out") -> Function:
    return function(parameters=(Parameter(Buffer("z", dtype, shape, strides), role),))


RIGHT = [
    function(STORE, loop(STORE), Assert(TRUE, "")),
    function(Let(T, HALF), stored(T)),
    function(Let(Var("y_1", I8), Const(-128, I8)), If(TRUE, (STORE,), (STORE,))),
    function(loop(loop(STORE, kind="unrolled", var=Var("j")), kind="vectorised", stop=index(64))),
    function(loop(STORE, kind="vectorised", stop=index(128), step=2)),
    function(Allocate(Buffer("z", F32, (2, 2), (1, 2))), Reduce("xor", B, (), TRUE)),
    of_type(F32, (4, 2), (0, 1), role="in"),
    of_type(F32, (4, 1, 2), (2, 0, 1)),
    of_type(F32, (4, 0), (0, 0)),
    of_type(F32, (4, 2), (-2, 1)),
]
WRONG = [
    ("there is no binary", "f/statement 1", function(stored(Binary("plus", HALF, HALF)))),
    ("there is no unary", "f/statement 1", function(stored(Unary("minus", HALF)))),
    ("there is no reduction 'sub'", "f/statement 1", function(Reduce("sub", Y, (ZERO, ZERO), HALF))),
    ("and does not take f32", "f/statement 1", function(Reduce("and", Y, (ZERO, ZERO), HALF))),
    ("the name x is bound already", "f/statement 1", function(Let(Var("x"), ZERO))),
    ("the name i is bound already", "f/for i", function(loop(), loop())),
    ("the name t is bound already", "f/statement 2", function(If(TRUE, (Let(T, HALF),)), Let(T, HALF))),
    ("the name y is bound already", "f/statement 1", function(Allocate(Y))),
    ("'for' is not a name", "f/statement 1", function(Let(Var("for"), ZERO))),
    ("'a b' is not a name", "f/statement 1", function(Allocate(Buffer("a b", F32, ())))),
    ("'f g' is not a name", "f g", replace(function(), name="f g")),
    ("there is no variable i here", "f/statement 2", function(loop(), Store(Y, (VARIABLE, ZERO), HALF))),
    ("there is no variable t here", "f/statement 2", function(If(TRUE, (Let(T, HALF),)), stored(T))),
    ("there is no variable t here", "f/statement 1", function(Let(T, T))),
    ("there is no variable i here", "f/for i", function(loop(stop=VARIABLE))),
    ("the variable i is of type i64, not f32", "f/for i/statement 1", function(loop(stored(Var("i", F32))))),
    ("there is no buffer z here", "f/statement 1", function(stored(Load(Buffer("z", F32, ()), ())))),
    (
        "there is no buffer z here",
        "f/statement 2",
        function(loop(Allocate(Buffer("z", F32, ()))), stored(Load(Buffer("z", F32, ()), ()))),
    ),
    ("is not the same here", "f/statement 1", function(stored(Load(replace(X, shape=(5,)), (ZERO,))))),
    ("x has 1 dimensions, but there are 2 indices", "f/statement 1", function(stored(Load(X, (ZERO, ZERO))))),
    ("y has 2 dimensions, but there are 1", "f/statement 1", function(Store(Y, (ZERO,), HALF))),
    ("indices are of type i64, but 0:i8 is i8", "f/statement 1", function(stored(Load(X, (Const(0, I8),))))),
    ("x is an input", "f/statement 1", function(Store(X, (ZERO,), HALF))),
    ("x is an input", "f/statement 1", function(Reduce("add", X, (ZERO,), HALF))),
    ("y holds f32, but 0 is i64", "f/statement 1", function(stored(ZERO))),
    ("y holds f32, but 0 is i64", "f/statement 1", function(Reduce("add", Y, (ZERO, ZERO), ZERO))),
    ("t is of type f32, but 0 is i64", "f/statement 1", function(Let(T, ZERO))),
    ("a condition is a bool, but 1 is i64", "f/statement 1", function(If(ONE, ()))),
    ("a condition is a bool, but 1 is i64", "f/statement 1", function(Assert(ONE, ""))),
    ("the message is not a string", "f/statement 1", function(Assert(TRUE, b""))),  # type: ignore[arg-type]
    ("select wants a bool first", "f/statement 1", function(stored(Select(ONE, HALF, HALF)))),
    ("select wants two of one type", "f/statement 1", function(stored(Select(TRUE, HALF, ONE)))),
    ("the operands are f32 and i64", "f/statement 1", function(stored(Binary("add", HALF, ONE)))),
    ("xor does not take f32", "f/statement 1", function(stored(Binary("xor", HALF, HALF)))),
    ("add does not take bool", "f/statement 1", function(stored(Binary("add", TRUE, TRUE)))),
    ("div does not take i64", "f/statement 1", function(stored(Cast(F32, Binary("div", ONE, ONE))))),
    ("exp does not take i64", "f/statement 1", function(stored(Cast(F32, Unary("exp", ONE))))),
    ("y holds f32, but 0.5:f32 < 0.5:f32 is bool", "f/statement 1", function(stored(Binary("lt", HALF, HALF)))),
    ("128 is not a value of type i8", "f/statement 1", function(stored(Cast(F32, Const(128, I8))))),
    ("-129 is not a value of type i8", "f/statement 1", function(stored(Cast(F32, Const(-129, I8))))),
    ("0.1 is not a value of type f32", "f/statement 1", function(stored(Const(0.1, F32)))),
    ("1 is not a value of type f32", "f/statement 1", function(stored(Const(1, F32)))),
    ("1 is not a value of type bool", "f/statement 1", function(If(Const(1, BOOL), ()))),
    ("True is not a value of type i64", "f/statement 1", function(Let(Var("u", I64), Const(True, I64)))),
    ("bounds are of type i64", "f/for i", function(loop(stop=Const(4, I8)))),
    ("bounds are of type i64", "f/for i", function(loop(start=HALF))),
    ("a loop variable is of type i64, not i8", "f/for i", function(loop(var=Var("i", I8)))),
    ("the step 0 is not a positive", "f/for i", function(loop(step=0))),
    ("the step -1 is not a positive", "f/for i", function(loop(step=-1))),
    ("the step 1.0 is not a positive", "f/for i", function(loop(step=1.0))),
    ("there is no kind of loops 'tiled'", "f/loop i", function(loop(kind="tiled"))),
    ("bounds of a vectorised loop are constants", "f/vectorised i", function(loop(kind="vectorised", stop=SUM))),
    ("bounds of a unrolled loop are constants", "f/unrolled i", function(loop(kind="unrolled", start=SUM))),
    ("at most 64 iterations, not 65", "f/vectorised i", function(loop(kind="vectorised", stop=index(65)))),
    (
        "only unrolled loops can be inside of a vectorised one, i",
        "f/vectorised i/for j",
        function(loop(loop(var=Var("j")), kind="vectorised")),
    ),
    (
        "only unrolled loops can be inside of a vectorised one, i",
        "f/vectorised i/unrolled j/vectorised k",
        function(loop(loop(loop(var=Var("k"), kind="vectorised"), var=Var("j"), kind="unrolled"), kind="vectorised")),
    ),
    ("there is no role", "f/parameter z", of_type(F32, role="temporary")),
    ("something other than integers from 0 on", "f/parameter z", of_type(F32, (-1,))),
    ("something other than integers from 0 on", "f/parameter z", of_type(F32, (2.0,))),
    ("1 dimensions, but 2 strides", "f/parameter z", of_type(F32, (4,), (1, 4))),
    ("are not all integers", "f/parameter z", of_type(F32, (4,), (1.0,))),
    ("may put several elements in one place", "f/parameter z", of_type(F32, (4,), (0,))),
    ("may put several elements in one place", "f/parameter z", of_type(F32, (4, 4), (2, 1), role="inout")),
    ("may put several elements in one place", "f/statement 1", function(Allocate(Buffer("z", F32, (2,), (0,))))),
    ("no negative strides", "f/statement 1", function(Allocate(Buffer("z", F32, (2,), (-1,))))),
    ("not a statement", "f/statement 1", function(HALF)),  # type: ignore[arg-type]
    ("not an expression", "f/statement 1", function(stored(0.5))),
]


@pytest.mark.parametrize("right", RIGHT)
def test_what_keeps_the_rules_verifies(right: Function):
    verify(right)


@pytest.mark.parametrize(("message", "place", "wrong"), WRONG)
def test_a_broken_rule_is_named_with_its_place(message: str, place: str, wrong: Function):
    with pytest.raises(VerificationError) as caught:
        verify(wrong)
    assert message in caught.value.message
    assert caught.value.place == place


def test_places_go_through_branches():
    inner = If(TRUE, (), (stored(ONE),))
    with pytest.raises(VerificationError) as caught:
        verify(function(loop(STORE, inner)))
    assert caught.value.place == "f/for i/statement 2/else/statement 1"


def test_generated_functions_verify():
    for seed in range(100):
        verify(generate(random.Random(seed)))


def test_names_end_with_their_block_but_stay_taken():
    text = "function f(x: out i64[4]) {{ for i in 0..4 {{ let t: i64 = i x[t] = i }} {} }}"
    verify(parse_function(text.format("for j in 0..4 { x[j] = j }")))
    with pytest.raises(VerificationError, match="there is no variable t here"):
        verify(parse_function(text.format("x[0] = t")))


@pytest.mark.parametrize(
    ("start", "stop", "step", "count"), [(0, 4, 1, 4), (0, 5, 2, 3), (3, 3, 1, 0), (4, 0, 1, 0), (-3, 3, 4, 2)]
)
def test_trip_counts(start, stop, step, count):
    assert trip_count(loop(start=index(start), stop=index(stop), step=step)) == count


def test_trip_count_of_other_bounds_is_unknown():
    assert trip_count(loop(stop=Binary("add", ONE, ONE))) is None


@pytest.mark.parametrize(
    ("shape", "strides", "overlap"),
    [
        ((4, 4), None, False),
        ((4, 4), (1, 4), False),
        ((4, 4), (1, 3), True),
        ((2, 3, 4), (12, 4, 1), False),
        ((2, 3, 4), (12, 1, 3), False),
        ((2, 3, 4), (11, 1, 3), True),
        ((1, 3), (0, 1), False),
        ((2, 0), (0, 0), False),
    ],
)
def test_overlap(shape, strides, overlap):
    assert may_overlap(Buffer("z", F32, shape, strides)) == overlap
