"""Loops of all kinds, the shapes of access in vectorised ones, and where local buffers lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from misfold.compiler.codegen import Options, build, jit, program
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.verify import verify

#: Optimisation levels and settings under which everything is right.
SETTINGS = [
    Options(),
    Options(level=0),
    Options(level=2, vector_bits=256),
    Options(bounds_checked=True),
    Options(threads=3),
    Options(threads=2, bounds_checked=True),
]


def check(text: str, *arrays: np.ndarray) -> None:
    """Compiled, the function writes what it does interpreted."""
    function = parse_function(text)
    verify(function)
    expected = [array.copy() for array in arrays]
    interpret(function, expected)
    for options in SETTINGS:
        got = [array.copy() for array in arrays]
        build(function, options)(*got)
        for parameter, want, found in zip(function.parameters, expected, got):
            np.testing.assert_array_equal(found, want, f"{parameter.buffer.name} with {options}")


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Small whole numbers, so that sums are exact in any order."""
    return (np.arange(math.prod(shape)) * 7 % 11 - 3).astype(dtype).reshape(shape)


def test_nests_and_steps() -> None:
    check(
        """function f(a: in f32[7, 5], b: out f32[7, 5], n: in i64[]) {
          for i in 0..7 {
            for j in 0..5 { b[i, j] = a[i, j] + 1.0:f32 }
            for j_1 in 1..n[] step 2 { b[i, j_1] = a[i, j_1] * 2.0:f32 }
            for j_2 in 3..i step 3 { b[i, 0] = f32(j_2) }
            for j_3 in 4..4 { b[i, 0] = 9.0:f32 }
          }
        }""",
        numbers(7, 5),
        np.zeros((7, 5), np.float32),
        np.array(5),
    )


def test_a_step_beyond_the_largest_integer_ends_the_loop() -> None:
    check(
        """function f(n: in i64[], o: inout i64[]) {
          for i in n[] - 3..n[] step 2 { o[] add= 1 }
        }""",
        np.array(2**63 - 1),
        np.array(0),
    )


@pytest.mark.parametrize("lanes", [1, 2, 3, 7, 16, 33, 64])
def test_vectorised_contiguous_reversed_and_strided(lanes: int) -> None:
    check(
        f"""function f(a: in f32[{3 * lanes}], b: out f32[{lanes}], c: out f32[{lanes}], d: out f32[{2 * lanes}],
                       e: out i64[{lanes}]) {{
          vectorised i in 0..{lanes} {{
            b[i] = a[i + {lanes}] - a[{lanes - 1} - i]
            c[{lanes - 1} - i] = a[i * 3] + a[0]
            d[i * 2] = a[i * i % {lanes}]
            d[i * 2 + 1] = 5.0:f32
            e[i] = i * 3 - 1
          }}
        }}""",
        numbers(3 * lanes),
        np.zeros(lanes, np.float32),
        np.zeros(lanes, np.float32),
        np.zeros(2 * lanes, np.float32),
        np.zeros(lanes, np.int64),
    )


@pytest.mark.parametrize("dtype", ["bool", "i8", "u16", "i32", "f16", "bf16", "f64"])
def test_vectorised_accesses_of_every_width(dtype: str) -> None:
    from misfold.compiler.arrays import numpy_dtype
    from misfold.compiler.dtypes import BY_NAME

    kind = numpy_dtype(BY_NAME[dtype])
    source = (np.arange(40) % 2).astype(kind)
    check(
        f"""function f(a: in {dtype}[40], k: in i32[16], b: inout {dtype}[16], c: inout {dtype}[16],
                       d: inout {dtype}[16]) {{
          vectorised i in 0..16 {{
            d[i] = a[i64(k[i])]
            if k[i] > 5:i32 {{
              c[15 - i] = a[i * 2 + 1]
              if k[i] < 12:i32 {{ b[i64(k[i])] = a[30 - i] }} else {{ b[i64(k[i])] = a[i64(k[i]) + 3] }}
            }}
          }}
        }}""",
        source,
        np.random.default_rng(0).permutation(16).astype(np.int32),
        np.zeros(16, kind),
        np.zeros(16, kind),
        np.zeros(16, kind),
    )


def test_masks_guard_what_would_be_out_of_bounds_or_trap() -> None:
    check(
        """function f(a: in f32[10], d: in i32[16], o: inout f32[16], q: inout i32[16], one: in f32[1]) {
          vectorised i in 0..16 {
            if i < 10 { o[i] = a[i] }
            if i >= 16 { o[i] = one[i] + one[7] }
            if d[i] != 0:i32 {
              q[i] = 100:i32 // d[i] + 7:i32 % d[i]
              assert truncmod(100:i32, d[i]) < 50:i32, "too large"
            } else {
              q[i] = -1:i32
            }
            if i == 3 { o[15] = f32(i) }
          }
        }""",
        numbers(10),
        np.array([0, 1, 2, -3] * 4, np.int32),
        np.zeros(16, np.float32),
        np.zeros(16, np.int32),
        np.ones(1, np.float32),
    )


@pytest.mark.parametrize("op", ["add", "mul", "min", "max"])
@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16", "i32", "u8"])
def test_reductions_across_lanes(op: str, dtype: str) -> None:
    from misfold.compiler.arrays import numpy_dtype
    from misfold.compiler.dtypes import BY_NAME

    kind = numpy_dtype(BY_NAME[dtype])
    source = (1 + np.arange(13) % 2).astype(kind)
    for mask in ("true", "i > 4"):
        check(
            f"""function f(a: in {dtype}[13], k: in i64[13], one: inout {dtype}[], all: inout {dtype}[13],
                           some: inout {dtype}[4]) {{
              vectorised i in 0..13 {{
                if {mask} {{
                  one[] {op}= a[i]
                  all[i] {op}= a[12 - i]
                  some[k[i]] {op}= a[i]
                }}
              }}
            }}""",
            source,
            np.arange(13) * 5 % 4,
            np.array(3).astype(kind),
            source[::-1].copy(),
            np.full(4, 2).astype(kind),
        )


def test_reductions_of_what_is_the_same_in_all_lanes() -> None:
    check(
        """function f(o: inout i32[], p: inout bool[], q: inout u8[], r: inout bool[], s: inout u8[]) {
          vectorised i in 0..12 {
            o[] add= 5:i32
            p[] xor= true
            if i < 7 {
              r[] and= false
              q[] or= 6:u8
              s[] xor= 3:u8
            }
          }
        }""",
        np.array(1, np.int32),
        np.array(True),
        np.array(8, np.uint8),
        np.array(True),
        np.array(5, np.uint8),
    )


def test_lanes_have_local_buffers_of_their_own() -> None:
    check(
        """function f(a: in f32[8, 4], o: out f32[8]) {
          vectorised i in 0..8 {
            alloc t: f32[4]
            unrolled j in 0..4 { t[3 - j] = a[i, j] }
            alloc sum: f32[]
            sum[] = 0.0:f32
            unrolled j_1 in 0..4 { if j_1 < i { sum[] add= t[j_1] } }
            let k: i64 = i % 4
            o[i] = sum[] + t[k] * 16.0:f32
          }
        }""",
        numbers(8, 4),
        np.zeros(8, np.float32),
    )


def test_parallel_loops_with_captured_values_and_local_buffers() -> None:
    check(
        """function f(a: in f32[9, 5000], o: out f32[9, 5000], flag: in bool[]) {
          let scale: f32 = a[1, 1]
          let yes: bool = flag[]
          alloc small: f32[3]
          small[1] = 2.0:f32
          alloc large: f32[5000]
          for j in 0..5000 { large[j] = f32(j % 7) }
          unrolled round in 0..2 {
            parallel i in 1..9 step 2 {
              alloc t: f32[5000]
              for j_1 in 0..5000 { t[j_1] = a[i, j_1] * scale + large[j_1] }
              parallel j_2 in 0..5000 { o[i, j_2] = select(yes, t[4999 - j_2], 0.0:f32) + small[1] + f32(round) }
            }
            parallel i_1 in 0..5 { for j_3 in 0..5000 { o[i_1 * 2, j_3] = a[i_1 * 2, j_3] } }
          }
          parallel n in 5..5 { o[0, 0] = 0.0:f32 }
        }""",
        numbers(9, 5000),
        np.zeros((9, 5000), np.float32),
        np.array(True),
    )


LOCALS = """function f(a: in f64[2000], b: out f64[2000], c: out f64[2000]) {
  alloc x: f64[2000]
  alloc y: f64[2000]
  for i in 0..2000 { x[i] = a[i] + 1.0:f64 }
  for j in 0..2000 { y[j] = x[1999 - j] * 2.0:f64 }
  parallel k in 0..2000 {
    alloc z: f64[1200]
    for l in 0..2 { z[l] = x[k] + y[k] }
    b[k] = z[0] - z[1] + x[k]
    c[k] = y[k]
  }
}
"""


@pytest.mark.parametrize("most", [0, 256])
def test_addresses_one_by_one_or_in_an_array(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_PASSED", most)
    check(LOCALS, numbers(2000, dtype="float64"), np.zeros(2000), np.zeros(2000))
    text = build(parse_function(LOCALS)).llvm_ir()
    assert ("@kernel" in text) == (most == 0)


def test_more_parameters_than_ctypes_passes() -> None:
    count = 1100
    names = ", ".join(f"p{number}: in f32[2]" for number in range(count))
    total = " + ".join(f"p{number}[i]" for number in range(0, count, 50))
    check(
        f"function f({names}, y: out f32[2]) {{ for i in 0..2 {{ y[i] = {total} }} }}",
        *[numbers(2) + number for number in range(count)],
        np.zeros(2, "float32"),
    )


def test_strides_of_parameters() -> None:
    function = parse_function(
        """function f(a: in f32[4, 6]{1, 4}, o: out f32[4, 6]{12, 2}) {
          for i in 0..4 { vectorised j in 0..6 { o[i, j] = a[i, j] } }
        }"""
    )
    source = np.asfortranarray(numbers(4, 6))
    target = np.zeros((4, 12), np.float32)[:, ::2]
    build(function)(source, target)
    np.testing.assert_array_equal(target, source)


def test_constants_of_loops_written_out_keep_their_signs() -> None:
    check(
        """function f(o: out i64[3], p: out bool[3], q: out i64[3]) {
          unrolled m in 0..3 {
            p[m] = neg(u64(m)) >= 7:u64
            q[m] = (m - 9223372036854775807 - 1) // i64(neg(u64(m)) | 1:u64)
            o[m] = i64(neg(u64(m))) // 2
          }
        }""",
        np.zeros(3, np.int64),
        np.zeros(3, bool),
        np.zeros(3, np.int64),
    )


def test_vector_registers_are_as_wide_as_asked() -> None:
    text = "function f(a: in f32[64], o: out f32[64]) { vectorised i in 0..64 { o[i] = a[i] + a[i] } }"
    narrow = build(parse_function(text), Options(vector_bits=256)).assembly()
    assert "zmm" not in narrow
    if "avx512f" in jit.features():
        assert "zmm" in build(parse_function(text)).assembly()


def test_products_are_only_fused_when_asked() -> None:
    text = "function f(a: in f32[16], o: inout f32[16]) { vectorised i in 0..16 { o[i] add= a[i] * a[i] } }"
    function = parse_function(text)
    assert "vfmadd" not in build(function).assembly()
    fused = build(function, Options(contract=True))
    assert "vfmadd" in fused.assembly()
    x = np.full(16, 1 + 2.0**-12, np.float32)
    minus_one, exact = np.full(16, -1 - 2.0**-11, np.float32), np.float32(2.0**-24)
    apart, together = minus_one.copy(), minus_one.copy()
    build(function)(x, apart)
    fused(x, together)
    assert (apart == 0).all()
    assert (together == exact).all()


def test_a_tile_in_a_local_buffer_stays_in_registers() -> None:
    """The inner loop of a matrix product touches memory only to read its operands."""
    function = parse_function(
        """function mm(a: in f32[8, 64], b: in f32[64, 32], c: out f32[8, 32]) {
          alloc t: f32[8, 32]
          unrolled r in 0..8 { vectorised v in 0..32 { t[r, v] = 0.0:f32 } }
          for k in 0..64 {
            unrolled r_1 in 0..8 { vectorised v_1 in 0..32 { t[r_1, v_1] add= a[r_1, k] * b[k, v_1] } }
          }
          unrolled r_2 in 0..8 { vectorised v_2 in 0..32 { c[r_2, v_2] = t[r_2, v_2] } }
        }"""
    )
    compiled = build(function, Options(contract=True))
    a, b, c = numbers(8, 64), numbers(64, 32), np.zeros((8, 32), np.float32)
    compiled(a, b, c)
    np.testing.assert_array_equal(c, a @ b)
    assert "alloca" not in compiled.llvm_ir(optimised=True)


@pytest.mark.parametrize("bits", [0, 256, 512])
@pytest.mark.parametrize("lanes", [4, 8, 16, 32])
def test_vectors_wider_than_registers(bits, lanes):
    text = f"""
function scaled(x: in f32[{lanes}], y: out f32[{lanes}], z: out f32[{lanes}]) {{
  vectorised i in 0..{lanes} {{
    y[i] = exp(x[i])
    z[i] = exp2(x[i])
  }}
}}
"""
    x = np.linspace(-100, 80, lanes, dtype=np.float32)
    y, z = np.empty_like(x), np.empty_like(x)
    build(parse_function(text), Options(vector_bits=bits))(x, y, z)
    np.testing.assert_allclose(y, np.exp(x), 1e-6)
    np.testing.assert_allclose(z, np.exp2(x), 1e-6)


NEST = """function f(a: in i32[16, 16, 16], b: inout i32[16, 16]) {
  KIND i in 0..16 {
    alloc t: i32[16]
    unrolled j in 0..16 {
      t[j] = 0:i32
      unrolled k in 0..16 {
        if a[i, j, k] > 0:i32 { t[j] = t[j] + a[i, j, k] * i32(k - j) }
      }
    }
    unrolled l in 0..16 { b[i, l] = b[i, l] + t[15 - l] }
  }
}"""


@pytest.mark.parametrize("kind", ["for", "vectorised", "unrolled"])
def test_nests_of_unrolled_loops_are_not_written_out_whole(kind: str) -> None:
    text = NEST.replace("KIND", kind)
    check(text, numbers(16, 16, 16, dtype="int32"), numbers(16, 16, dtype="int32"))
    written = build(parse_function(text)).llvm_ir()
    assert len(written.splitlines()) < 16 * 16 * 16
