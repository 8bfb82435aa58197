"""The interpreter: results against numpy, everything undefined found, and no false alarm."""

from __future__ import annotations

import random

import ml_dtypes
import numpy as np
import pytest

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.dtypes import ALL
from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Buffer, Function, Parameter, Store, index
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.verify import verify

SOFTMAX = """
function softmax(x: in f32[5, 7], y: out f32[5, 7]) {
  parallel i in 0..5 {
    alloc m: f32[]
    alloc s: f32[]
    m[] = -inf:f32
    s[] = 0:f32
    for j in 0..7 { m[] max= x[i, j] }
    for k in 0..7 {
      let e: f32 = exp(x[i, k] - m[])
      y[i, k] = e
      s[] add= e
    }
    vectorised l in 0..7 { y[i, l] = y[i, l] / s[] }
  }
}
"""


def run(text: str, *arrays: np.ndarray, watch: bool = True) -> None:
    function = parse_function(text)
    verify(function)
    interpret(function, arrays, watch=watch)


def out(body: str, dtype: str = "i64", size: int = 4, watch: bool = True) -> list:
    """What a body leaves in ``y``, an output that was all nines."""
    array = np.full(size, 9, numpy_dtype(next(one for one in ALL if one.name == dtype)))
    run(f"function f(y: out {dtype}[{size}]) {{ {body} }}", array, watch=watch)
    return array.tolist()


@pytest.mark.parametrize("watch", [True, False])
def test_softmax(watch):
    x = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    y = np.empty_like(x)
    run(SOFTMAX, x, y, watch=watch)
    expected = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, expected / expected.sum(1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize("watch", [True, False])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("for i in 0..4 { y[i] = i * i }", [0, 1, 4, 9]),
        ("for i in 0..4 step 2 { y[i] = i }", [0, 9, 2, 9]),
        ("for i in -2..2 { y[i + 2] = i }", [-2, -1, 0, 1]),
        ("for i in 3..1 { y[i] = i }", [9, 9, 9, 9]),
        ("unrolled i in 1..4 { y[i] = y_(i) }".replace("y_(i)", "i"), [9, 1, 2, 3]),
        ("y[0] = 2 for i in 0..y[0] { y[0] = 3 y[i + 1] = i }", [3, 0, 1, 9]),  # bounds are read once
        ("y[0] = 1 let t: i64 = y[0] y[0] = 2 y[1] = t", [2, 1, 9, 9]),  # a let is read when it runs
        ("for i in 0..4 { if i < 2 { y[i] = 1 } else if i == 2 { y[i] = 2 } else { y[i] = 3 } }", [1, 1, 2, 3]),
        ("alloc b: i64[] b[] = 5 b[] mul= 3 y[1] = b[]", [9, 15, 9, 9]),
        ("for i in 0..4 { alloc b: i64[2, 2] b[1, 0] = i y[i] = b[1, 0] }", [0, 1, 2, 3]),
        ("alloc b: i64[2, 3, 4] for i in 0..2 { b[i, 2, 3] = i } y[0] = b[1, 2, 3] y[1] = b[0, 2, 3]", [1, 0, 9, 9]),
        ('y[3] = select(true, 1, 2) assert y[3] == 1, "one"', [9, 9, 9, 1]),
        ("y[0] = 7 y[0] min= 3 y[1] = 7 y[1] max= 8 y[2] = 6 y[2] and= 3 y[3] = 6 y[3] xor= 3", [3, 8, 2, 5]),
        ("y[0] = 9223372036854775807 y[0] add= 1", [-(2**63), 9, 9, 9]),
        ("y[0] = i64(i8(300)) y[1] = i64(u8(-1)) y[2] = i64(-1.5:f32) y[3] = i64(nan:f64)", [44, 255, -1, 0]),
    ],
)
def test_statements(body, expected, watch):
    assert out(body, watch=watch) == expected


def test_floats_are_rounded_after_every_operation():
    assert out("y[0] = 2048:f16 + 1:f16 + 1:f16", "f16", 1) == [2048.0]
    assert out("y[0] = 16777216:f32 y[0] add= 1:f32 y[0] add= 1:f32", "f32", 1) == [2.0**24]
    assert out("y[0] = 256:bf16 + 1:bf16 + 1:bf16", "bf16", 1) == [256.0]
    assert out("y[0] = f64(0.1:f32 + 0.2:f32)", "f64", 1) == [float(np.float32(0.1) + np.float32(0.2))]


@pytest.mark.parametrize("dtype", ALL)
def test_arrays_of_every_type_go_in_and_out(dtype):
    kind = numpy_dtype(dtype)
    ends = [0, 1] if dtype.is_bool else [dtype.min, 0, 1, dtype.max]
    x = np.array(ends, np.float64 if dtype.is_float else None if dtype.is_bool else kind).astype(kind)
    y = np.zeros(len(ends) + 1, kind)
    run(
        f"function f(x: in {dtype}[{len(x)}], y: out {dtype}[{len(y)}]) {{ for i in 0..{len(x)} {{ y[i] = x[i] }} }}",
        x,
        y,
    )
    assert y[: len(x)].tobytes() == x.tobytes()


def test_layout_of_arrays_does_not_matter():
    x = np.arange(12, dtype=np.int32).reshape(3, 4).T
    y = np.zeros((3, 8), np.int32)[:, ::2]
    run(
        "function f(x: in i32[4, 3]{1, 4}, y: out i32[3, 4]) { for i in 0..4 { for j in 0..3 { y[j, i] = x[i, j] } } }",
        x,
        y,
    )
    assert (y == x.T).all()


@pytest.mark.parametrize("dtype", ["i64", "bf16", "bool", "f16"])
def test_what_is_not_written_stays(dtype):
    kept = out("if false { y[0] = " + ("true" if dtype == "bool" else f"1:{dtype}") + " }", dtype, 2)
    assert kept == [9, 9] or dtype == "bool"
    value = "false" if dtype == "bool" else f"1:{dtype}"
    assert out(f"y[1] = {value}", dtype, 2) == [True if dtype == "bool" else 9, False if dtype == "bool" else 1]


def test_arrays_without_elements():
    run(
        "function f(x: in f32[0, 3], y: out f32[3, 0]) { for i in 0..0 { y[0, i] = x[i, 0] } }",
        np.empty((0, 3), "f4"),
        np.empty((3, 0), "f4"),
    )


@pytest.mark.parametrize(
    "arrays",
    [
        [],
        [np.zeros(4, np.int64)] * 2,
        [np.zeros(5, np.int64)],
        [np.zeros((4, 1), np.int64)],
        [np.zeros(4, np.int32)],
        [np.zeros(4, np.uint64)],
        [np.zeros(4, ml_dtypes.bfloat16)],
    ],
)
def test_arrays_must_fit(arrays):
    with pytest.raises(ValueError, match="array"):
        interpret(parse_function("function f(y: out i64[4]) {}"), arrays)


# ------------------------------------------------------------------------------------------------ undefined behaviour


def undefined(kind: str, body: str, place: str | None = None, message: str = "", watch: bool = True) -> None:
    y = np.full((4, 4), 9)
    z = np.arange(4)
    with pytest.raises(UndefinedBehaviour) as caught:
        run(f"function f(y: out i64[4, 4], z: inout i64[4]) {{ z[3] = 5 {body} }}", y, z, watch=watch)
    assert caught.value.kind == kind
    assert message in str(caught.value)
    assert place is None or caught.value.place == place
    assert (y == 9).all() and z.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("watch", [True, False])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("z[4] = 1", "index 4 of dimension 0 of z, which has size 4"),
        ("z[-1] = 1", "index -1 of dimension 0"),
        ("z[0] = z[4]", "index 4"),
        ("z[4] add= 1", "index 4"),
        ("y[4, 0] = 1", "index 4 of dimension 0 of y"),
        ("y[-1, 3] = 1", "index -1 of dimension 0 of y"),
        ("y[0, 4] = 1", "index 4 of dimension 1 of y"),
        ("y[0, -1] = 1", "index -1 of dimension 1 of y"),
        ("alloc b: i64[2, 2, 2] b[1, 2, 1] = 1", "index 2 of dimension 1 of b"),
        ("alloc b: i64[0] b[0] = 1", "index 0 of dimension 0 of b"),
        ("let t: i64 = z[4]", "index 4"),
        ("if z[4] == 0 { }", "index 4"),
        ("for i in 0..z[4] { }", "index 4"),
        ('assert z[4] == 0, ""', "index 4"),
        ("z[0] = select(false, z[4], 1)", "index 4"),
        ("z[z[3]] = 1", "index 5"),
    ],
)
def test_out_of_bounds(body, message, watch):
    undefined("out of bounds", body, message=message, watch=watch)


@pytest.mark.parametrize("watch", [True, False])
@pytest.mark.parametrize("op", ["floordiv", "floormod", "truncdiv", "truncmod", "eucliddiv", "euclidmod"])
@pytest.mark.parametrize("value", ["1 OP z[0]", "select(true, 0, 1 OP z[0])"])
def test_division_by_zero(op, value, watch):
    written = {"floordiv": "1 // z[0]", "floormod": "1 % z[0]"}.get(op, f"{op}(1, z[0])")
    undefined("division by zero", f"z[1] = {value.replace('1 OP z[0]', written)}", "f/statement 2", op, watch)


def test_a_division_behind_a_branch_is_defined():
    assert out("y[0] = 0 if y[0] != 0 { y[1] = 1 // y[0] }") == [0, 9, 9, 9]
    assert out("y[0] = 1:f32 // 0:f32", "f32", 1) == [float("inf")]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("z[0] = y[0, 0]", "f/statement 2"),
        ("y[0, 0] add= 1", "f/statement 2"),
        ("y[0, 1] = 1 z[0] = y[0, 0]", "f/statement 3"),
        ("alloc b: i64[2] b[0] = 1 z[0] = b[1]", "f/statement 4"),
        ("for i in 0..2 { alloc b: i64[] if i == 0 { b[] = 1 } z[0] = b[] }", "f/for i/statement 3"),
        ("z[0] = select(false, y[0, 0], 1)", "f/statement 2"),
        ("if z[0] == 0 { z[0] = y[0, 0] } else { }", "f/statement 2/then/statement 1"),
        ("for i in 0..2 { for j in 0..2 { z[y[i, j]] = 0 } }", "f/for i/for j/statement 1"),
    ],
)
def test_uninitialised_reads(body, place):
    undefined("uninitialised read", body, place)


RACES = [
    "LOOP i in 0..2 { z[0] = i }",
    "LOOP i in 0..3 { z[i // 2] = i }",
    "LOOP i in 0..3 { z[i] = z[i + 1] }",  # written after it was read
    "LOOP i in 0..3 { z[i + 1] = z[i] }",  # read after it was written
    "LOOP i in 0..3 { if i == 2 { z[0] = 1 } let t: i64 = z[0] }",
    "LOOP i in 0..3 { let t: i64 = z[0] if i == 2 { z[0] = 1 } }",
    "LOOP i in 0..4 step 3 { z[0] = i }",
    "LOOP i in 0..2 { unrolled j in 0..2 { z[i + j] = 1 } }",
    "LOOP i in 0..3 { if z[i] == 1 { } z[2 - i] = 0 }",
    "for k in 0..2 { LOOP i in 0..k + 1 { z[0] = i } }".replace("k + 1", "2"),
    "alloc b: i64[] LOOP i in 0..2 { b[] = i }",
    "LOOP i in 0..2 { z[0] add= i z[1] = z[0] }",
    "LOOP i in 0..2 { z[0] = i z[0] add= i }",
    "LOOP i in 0..2 { z[i] add= z[1 - i] }",
    "LOOP i in 0..2 { if i == 0 { z[0] add= 1 } else { z[0] max= 1 } }",
    "LOOP i in 0..2 { if i == 0 { z[0] add= 1 z[0] max= 1 } else { z[0] max= 1 } }",
    "LOOP i in 0..2 { if i == 0 { let t: i64 = z[0] } else { z[0] max= 1 } }",
    "LOOP i in 0..2 { if i == 1 { let t: i64 = z[0] } else { z[0] max= 1 } }",
    "LOOP i in 0..2 { if i == 1 { z[0] = 1 } else { z[0] max= 1 } }",
]


@pytest.mark.parametrize("loop", ["parallel", "vectorised"])
@pytest.mark.parametrize("body", RACES)
def test_races(body, loop):
    undefined("data race", body.replace("LOOP", loop), message=f"two iterations of the {loop} loop i meet at ")


@pytest.mark.parametrize(
    "body",
    [
        "parallel i in 0..2 { z[0] add= 1 }",
        "parallel i in 0..2 { for j in 0..2 { z[j] = i } }",
        "parallel i in 0..2 { parallel j in 0..2 { z[j] = i } }",
        "parallel j in 0..2 { parallel i in 0..2 { z[j] = i } }",
        "parallel i in 0..2 { vectorised j in 0..2 { z[0] add= i } }",
        "for k in 0..2 { parallel i in 0..2 { parallel j in 0..2 { z[j] add= 1 } } }",
        "parallel i in 0..2 { for k in 0..2 { parallel j in 0..2 { z[j] add= 1 } } }",
    ],
)
def test_races_of_nested_loops(body):
    undefined("data race", body)


def test_a_race_is_told_with_its_element():
    body = "parallel i in 0..3 { y[2, i // 2] = i }"
    undefined("data race", body, "f/parallel i/statement 1", "two iterations of the parallel loop i meet at y[2, 0]")


@pytest.mark.parametrize(
    "body",
    [
        "parallel i in 0..4 { z[i] = z[i] + 1 z[i] add= z[i] }",
        "vectorised i in 0..4 { z[0] add= 1 }",
        "vectorised i in 0..4 { z[0] add= 1 z[0] add= i z[1] max= i }",
        "vectorised i in 0..4 { unrolled j in 0..4 { z[j] add= i } }",
        "vectorised i in 0..2 { if i == 0 { z[0] add= 1 } else { z[1] max= 1 } }",
        "vectorised i in 0..2 { z[i] add= 1 z[i] max= z[i] z[i] = 1 }",
        "parallel i in 0..4 { let t: i64 = z[0] + z[1] y[i, 0] = t }",
        "parallel i in 0..2 { parallel j in 0..2 { y[i, j] = 1 } }",
        "parallel i in 0..4 { for j in 0..4 { y[i, j] = j y[i, j] add= 1 } }",
        "parallel i in 0..4 { alloc b: i64[] b[] = i parallel j in 0..2 { y[i, j] = b[] } b[] = 2 }",
        "for k in 0..4 { parallel i in 0..4 { z[i] = z[i] + k } }",
        "for k in 0..4 { parallel i in 0..4 { z[(i + k) % 4] = k } }",
        "parallel i in 0..4 { z[i] = 1 } parallel j in 0..4 { z[3 - j] = z[3 - j] }",
        "parallel i in 0..1 { z[0] = z[1] z[1] = z[0] }",
        "for i in 0..3 { z[i] = z[i + 1] z[0] = z[i] }",
        "parallel i in 0..2 { for k in 0..2 { parallel j in 0..2 { y[i, j] = k } } }",
    ],
)
def test_what_does_not_race_is_not_reported(body):
    run(f"function f(y: out i64[4, 4], z: inout i64[4]) {{ {body} }}", np.zeros((4, 4), np.int64), np.arange(4))


def test_writes_to_inputs():
    buffer = Buffer("x", ALL[8], (2,))
    function = Function("f", (Parameter(buffer, "in"),), (Store(buffer, (index(0),), index(1)),))
    with pytest.raises(UndefinedBehaviour) as caught:
        interpret(function, [np.zeros(2, np.int64)])
    assert (caught.value.kind, caught.value.place) == ("write to an input", "f/statement 1")


def test_asserts():
    y = np.full(4, 9)
    with pytest.raises(AssertionFailed, match="f/for i/statement 2: beyond"):
        run('function f(y: out i64[4]) { for i in 0..4 { y[i] = i assert i < 2, "beyond" } }', y)
    assert (y == 9).all()


def test_order_in_a_program_decides_before_undefined_behaviour():
    with pytest.raises(AssertionFailed):
        run('function f(y: out i64[4]) { assert false, "first" y[4] = 1 }', np.zeros(4, np.int64))


def test_reading_in_place_goes_in_order():
    z = np.array(random.Random(0).sample(range(100), 50))
    expected = np.cumsum(z)
    run("function f(z: inout i64[50]) { for i in 1..50 { z[i] = z[i] + z[i - 1] } }", z)
    assert (z == expected).all()
