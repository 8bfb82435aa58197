"""The text form: an exact round trip, and errors that say where."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.compiler.dtypes import ALL, BF16, F32, F64, FLOATS
from misfold.compiler.errors import ParseError, VerificationError
from misfold.compiler.loops.ir import Binary, Const, Function, Unary, Var, index
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_expression, print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.text import MAX_NESTING, Lexer, print_literal, quote, read_literal
from misfold.generators.kernels import generate

from .strategies import STRINGS, functions, values

SOFTMAX = """\
function softmax(x: in f32[4, 16], y: out f32[4, 16]{1, 4}, s: inout i8[]) {
  alloc m: f32[4]
  parallel i in 0..4 {
    m[i] = -inf:f32
    for j in 0..16 step 2 {
      m[i] max= x[i, j]
      let t: f32 = exp(x[i, j] - (m[i] - 0.1:f32))
      if (i < j) & (j - -3 != i * 2 + 1) {
        s[] = i8(j) + 3:i8
      } else if true {
        s[] xor= not(s[]) & (1:i8 | s[])
      } else {
        unrolled k in 0..4 {
        }
      }
      assert i < 3, "index out of \\"range\\""
      y[i, j] = select(t > 0.5:f32, f32(i), t)
    }
  }
}
"""
HEAD = "function f(x: inout i64[4]) {\n  x[0] = "


def test_the_text_of_an_example_is_read_back():
    assert print_function(parse_function(SOFTMAX)) == SOFTMAX


def test_comments_and_space_mean_nothing():
    loose = SOFTMAX.replace("\n", " # x } ##\n\t").replace("[i, j]", "[ i,j ]")
    assert parse_function(loose) == parse_function(SOFTMAX)


@settings(max_examples=120)
@given(functions())
def test_any_function_is_read_back(function: Function):
    text = print_function(function)
    assert parse_function(text) == function
    assert print_function(parse_function(text)) == text


def test_generated_functions_are_read_back():
    for seed in range(30):
        function = generate(random.Random(seed))
        text = print_function(function)
        assert parse_function(text) == function
        assert print_function(parse_function(text)) == text


@settings(max_examples=250)
@given(st.sampled_from(ALL).flatmap(lambda dtype: values(dtype).map(lambda value: Const(value, dtype))))
def test_literals_are_read_back(constant: Const):
    lexer = Lexer(print_literal(constant.value, constant.dtype))
    assert Const(*read_literal(lexer)) == constant
    assert lexer.kind == "end"


@given(STRINGS)
def test_strings_are_read_back(text: str):
    assert Lexer(quote(text)).string() == text


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (3, ALL[8], "3"),
        (-3, ALL[5], "-3:i8"),
        (0.1, F64, "0.1:f64"),
        (0.10000000149011612, F32, "0.1:f32"),
        (-0.0, F32, "-0.0:f32"),
        (float("nan"), BF16, "nan:bf16"),
        (F32.max, F32, "3.4028235e+38:f32"),
        (5e-324, F64, "5e-324:f64"),
        (2.0**-149, F32, "1e-45:f32"),
        (True, ALL[0], "true"),
    ],
)
def test_literals_are_short(value, dtype, text):
    assert print_literal(value, dtype) == text


def test_floats_of_half_precision_are_shortest():
    for bits in range(1, 1 << 16, 97):
        import ml_dtypes
        import numpy as np

        for dtype, kind in ((FLOATS[0], np.float16), (BF16, ml_dtypes.bfloat16)):
            value = float(np.array([bits], np.uint16).view(kind)[0])
            text = print_literal(value, dtype).partition(":")[0]
            digits = len(text.partition("e")[0].strip("-0.").replace(".", "").rstrip("0"))
            assert value != value or float(kind(float(text))) == value
            assert digits <= (5 if kind is np.float16 else 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a - (a - a)", "a - (a - a)"),
        ("(a - a) - a", "a - a - a"),
        ("a - a * a", "a - a * a"),
        ("(a - a) * a", "(a - a) * a"),
        ("(a < a) == (a < a)", "(a < a) == (a < a)"),
        ("a & a << a + a", "a & a << a + a"),
        ("(a & a) << a", "(a & a) << a"),
        ("a | a ^ a & a", "a | a ^ a & a"),
        ("neg(a) - -1", "neg(a) - -1"),
        ("a // a % a", "a // a % a"),
        ("a // (a % a)", "a // (a % a)"),
        ("((a))", "a"),
    ],
)
def test_parentheses_are_few(text, expected):
    function = parse_function(f"function f(x: out i64[]) {{ let a: i64 = 1 x[] = {text} }}")
    assert print_expression(function.body[1].value) == expected


def test_operators_associate_to_the_left():
    a = Var("a")
    minus = Binary("sub", Binary("sub", a, a), index(3))
    assert print_expression(minus) == "a - a - 3"
    assert print_expression(Binary("sub", a, Binary("sub", a, index(3)))) == "a - (a - 3)"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "expected 'function', found the end"),
        ("function f() {} x", 1, 17, "expected the end, found 'x'"),
        ("function for() {}", 1, 10, "expected the function's name, found 'for'"),
        ("function f(x: i8[]) {}", 1, 15, "expected 'in', 'out' or 'inout', found 'i8'"),
        ("function f(x: in f8[]) {}", 1, 18, "expected an element type, found 'f8'"),
        ("function f(x: in i8[4, x]) {}", 1, 24, "expected an integer, found 'x'"),
        ("function f(x: in i8[], x: in i8[]) {}", 1, 24, "x is bound already"),
        (HEAD + "1 < 2 < 3}", 2, 16, "comparisons do not chain"),
        (HEAD + "y + 1}", 2, 10, "there is no variable y"),
        (HEAD + "y[1]}", 2, 10, "there is no buffer y"),
        (HEAD + "cube(1)}", 2, 10, "there is no function cube"),
        (HEAD + "add(1, 2)}", 2, 10, "there is no function add"),
        (HEAD + "exp(1, 2)}", 2, 10, "exp takes 1 operands, not 2"),
        (HEAD + "9223372036854775808}", 2, 10, "'9223372036854775808' is out of the range of i64"),
        (HEAD + "1.0}", 2, 13, "expected ':' and the type of 1.0, found '}'"),
        (HEAD + "1.5:i8}", 2, 10, "'1.5' is no i8"),
        (HEAD + "1e39:f32}", 2, 10, "'1e39' is out of the range of f32"),
        (HEAD + "1:bool}", 2, 10, "'1' is no bool"),
        (HEAD + "--1}", 2, 11, "expected a number, found '-'"),
        (HEAD + "-x[0]}", 2, 11, "expected a number, found 'x'"),
        (HEAD + "$}", 2, 10, "no token starts with '$}'"),
        (HEAD + "0 x[0] sub= 1}", 2, 17, "expected '=' or one of add=, mul=, min=, max=, and=, or=, xor=, found 'sub'"),
        (HEAD + '0 assert true, "a', 2, 25, "no token starts with '\"a'"),
        (HEAD + '0 assert true, "\\q" }', 2, 25, "no such escape in a string"),
        (HEAD + "0 for i in 0..3 {} for i in 0..3 {} }", 2, 33, "i is bound already"),
        (HEAD + "0 let t: i64 = t }", 2, 25, "there is no variable t"),
        (HEAD + "0 for i in 0..i { } }", 2, 24, "there is no variable i"),
    ],
)
def test_errors_say_where(text, line, column, message):
    with pytest.raises(ParseError) as caught:
        parse_function(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "(" * 9000,
        HEAD + "not(" * 9000,
        HEAD + "x[" * 9000,
        HEAD + "+".join(["1"] * 9000) + "}",
        HEAD + "-" * 9000,
        HEAD + "0" + " if true {" * 9000,
        HEAD + "0 if true { x[0] = 1 }" + " else if true { x[0] = 1 }" * 9000 + "}",
        HEAD + "9" * 100_000 + "}",
        HEAD + "1e" + "9" * 30 + ":f64}",
        HEAD + "#" * 100_000 + "\n$",
        '"' * 10_001,
        '"' + "\\" * 10_001,
        "function " * 9000,
        "\0" * 1000,
        "function f(" + "x" * 100_000,
    ],
)
def test_hostile_texts_are_refused(text):
    with pytest.raises(ParseError):
        parse_function(text)


@settings(max_examples=60)
@given(st.text(max_size=40), st.integers(0, len(SOFTMAX)), st.integers(0, 30))
def test_damaged_texts_are_refused_or_read(noise: str, at: int, cut: int):
    text = SOFTMAX[:at] + noise + SOFTMAX[at + cut :]
    try:
        function = parse_function(text)
    except ParseError as error:
        assert 1 <= error.line <= text.count("\n") + 1 and error.column >= 1
    else:
        assert parse_function(print_function(function)) == function


def test_every_cut_is_refused():
    for end in range(len(SOFTMAX) - 2):
        with pytest.raises(ParseError):
            parse_function(SOFTMAX[:end])


@pytest.mark.parametrize("chain", [False, True])
def test_what_nests_as_deep_as_allowed_is_read_printed_and_verified(chain):
    assert sys.getrecursionlimit() <= 1000
    most = MAX_NESTING - 1
    deep = "1" + " + 2" * most if chain else "not(" * most + "1" + ")" * most
    function = parse_function(f"{HEAD}{deep}\n}}\n")
    assert print_function(function) == f"{HEAD}{deep}\n}}\n"
    verify(function)
    with pytest.raises(ParseError, match="nests deeper"):
        parse_function(f"{HEAD}not({deep})\n}}\n")
    store = function.body[0]
    deeper = replace(function, body=(replace(store, value=Unary("not", store.value)),))
    with pytest.raises(VerificationError, match="nest deeper"):
        verify(deeper)
