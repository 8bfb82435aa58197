"""Tiles in local buffers, forwarded stores, and temporaries that lose dimensions."""

from __future__ import annotations

import random

import pytest

from misfold.compiler.loops.ir import Function
from misfold.compiler.passes.base import make
from misfold.generators.kernels import inputs

from .harness import check_function, check_pass
from .shapes import becomes, function, stays

NAME = "scalar-replacement"
P = "a: in f32[64, 64], b: in f32[64, 64], n: in i64[1], c: inout f32[64, 64], o: out f32[64]"


def test_an_accumulator():
    becomes(
        NAME,
        P,
        "for i in 0..64 { o[i] = 0.0:f32  for k in 0..64 { o[i] add= a[i, k] } }",
        """for i in 0..64 {
          o[i] = 0.0:f32
          alloc o_element: f32[]
          o_element[] = 0.0:f32
          for k in 0..64 { o_element[] add= a[i, k] }
          o[i] = o_element[]
        }""".replace("o_element[] = 0.0:f32", "o_element[] = o[i]"),
        forward=False,
    )


def test_the_tile_of_a_matmul():
    """Two unrolled rows, vectorised columns: the micro-kernel keeps all of it over k."""
    becomes(
        NAME,
        P,
        """for i in 0..32 { for j in 0..8 { for k in 0..64 { vectorised l in 0..8 {
          c[i * 2, j * 8 + l] add= a[i * 2, k] * b[k, j * 8 + l]
          c[i * 2 + 1, j * 8 + l] add= a[i * 2 + 1, k] * b[k, j * 8 + l]
        } } } }""",
        """for i in 0..32 { for j in 0..8 {
          alloc c_tile: f32[2, 8]
          unrolled t0 in 0..2 { vectorised t1 in 0..8 { c_tile[t0, t1] = c[i * 2 + t0, j * 8 + t1] } }
          for k in 0..64 { vectorised l in 0..8 {
            c_tile[0, l] add= a[i * 2, k] * b[k, j * 8 + l]
            c_tile[1, l] add= a[i * 2 + 1, k] * b[k, j * 8 + l]
          } }
          unrolled t0_1 in 0..2 { vectorised t1_1 in 0..8 { c[i * 2 + t0_1, j * 8 + t1_1] = c_tile[t0_1, t1_1] } }
        } }""",
    )


def test_a_tile_of_rows_far_apart():
    """As unroll-and-jam leaves them, with columns in blocks of lanes."""
    becomes(
        NAME,
        P,
        """for i in 0..32 { for k in 0..64 { for j in 0..16 step 8 { vectorised l in 0..8 {
          c[i, j + l] add= a[i, k] * b[k, j + l]
          c[i + 32, j + l] add= a[i + 32, k] * b[k, j + l]
        } } } }""",
        """for i in 0..32 {
          alloc c_tile: f32[2, 16]
          vectorised t0 in 0..16 { c_tile[0, t0] = c[i, t0] }
          vectorised t0_1 in 0..16 { c_tile[1, t0_1] = c[i + 32, t0_1] }
          for k in 0..64 { for j in 0..16 step 8 { vectorised l in 0..8 {
            c_tile[0, j + l] add= a[i, k] * b[k, j + l]
            c_tile[1, j + l] add= a[i + 32, k] * b[k, j + l]
          } } }
          vectorised t0_2 in 0..16 { c[i, t0_2] = c_tile[0, t0_2] }
          vectorised t0_3 in 0..16 { c[i + 32, t0_3] = c_tile[1, t0_3] }
        }""",
    )


def test_what_is_stored_first_is_not_loaded():
    becomes(
        NAME,
        P,
        "for i in 0..64 { for k in 0..4 { o[i] = a[i, k]  if a[i, k] > 0.0:f32 { o[i] = b[i, k] } } }",
        """for i in 0..64 {
          alloc o_element: f32[]
          for k in 0..4 { o_element[] = a[i, k]  if a[i, k] > 0.0:f32 { o_element[] = b[i, k] } }
          o[i] = o_element[]
        }""",
    )


@pytest.mark.parametrize(
    "body",
    [
        "let m: i64 = n[0]  for k in 0..m { c[0, 0] add= a[0, k] }",  # may not run
        "for i in 0..8 { for k in 0..8 { if k > i { c[i, i] add= a[i, k] } } }",  # may not touch the element
        "for k in 0..8 { c[0, 0] add= a[0, k]  c[k, 1] = 0.0:f32 }",  # not one region
        # a region with an element that is not touched
        "for k in 0..8 { for j in 0..4 { c[0, j * 2] add= a[j, k] } }",
        "parallel k in 0..8 { c[k, 0] add= a[0, k] }",
        "for k in 0..8 { if k > 3 { o[0] = 1.0:f32 }  o[1] = o[0] }",  # o[0] may have no value at first
        'for k in 0..8 { assert n[0] > k, "x"  c[0, 0] add= a[0, k] }',  # the function may end before
    ],
)
def test_left_alone(body):
    stays(NAME, P, body)


def test_a_size_limit():
    body = "for k in 0..64 { for j in 0..32 { c[0, j] add= b[k, j] } }"
    stays(NAME, P, body, limit=16)


def test_forwarding():
    becomes(
        NAME,
        P,
        """for i in 0..64 {
          o[i] = a[i, 0] + 1.0:f32
          c[i, 0] = o[i] * 2.0:f32
          if i > 3 { c[i, 1] = o[i] + c[i, 0] }
          c[i, 2] = c[i, 0]
        }""",
        """for i in 0..64 {
          let o_value: f32 = a[i, 0] + 1.0:f32
          o[i] = o_value
          let c_value: f32 = o_value * 2.0:f32
          c[i, 0] = c_value
          if i > 3 { c[i, 1] = o_value + c_value }
          c[i, 2] = c_value
        }""",
    )


@pytest.mark.parametrize(
    "body",
    [
        "for i in 0..60 { o[i] = 1.0:f32  o[n[0]] = 2.0:f32  c[i, 0] = o[i] }",  # may be the same element
        "for i in 0..60 { o[i] = 1.0:f32  o[i] add= 2.0:f32  c[i, 0] = o[i] }",
        "for i in 0..60 { o[i] = 1.0:f32  if n[0] > i { o[i] = 2.0:f32 }  c[i, 0] = o[i] }",
        "for i in 1..60 { o[i] = 1.0:f32  c[i, 0] = o[i - 1] }",
        "c[0, 0] = 1.0:f32  for i in 0..9 { c[i, 3] = c[0, 0]  c[i, 0] = 2.0:f32 }",  # a later iteration sees another
    ],
)
def test_not_forwarded(body):
    stays(NAME, P, body)


def test_contraction_in_two_loops():
    becomes(
        NAME,
        P,
        """alloc e: f32[64, 64]
        for i in 0..64 {
          for j in 0..64 { e[i, j] = exp(a[i, j]) }
          for k in 0..64 { c[i, k] = e[i, k] * 2.0:f32 }
        }""",
        """for i in 0..64 {
          alloc e: f32[64]
          for j in 0..64 { e[j] = exp(a[i, j]) }
          for k in 0..64 { c[i, k] = e[k] * 2.0:f32 }
        }""",
    )


def test_contraction_to_nothing_and_to_tiles():
    becomes(
        NAME,
        P,
        """alloc t: f32[64]
        for i in 0..16 { for j in 0..4 { t[i * 4 + j] = a[i, j] }  for k in 0..4 { o[i * 4 + k] = t[i * 4 + k] } }""",
        """for i in 0..16 {
          alloc t: f32[4]
          for j in 0..4 { t[j] = a[i, j] }
          for k in 0..4 { o[i * 4 + k] = t[k] }
        }""",
    )


@pytest.mark.parametrize(
    "body",
    [
        # the iteration before fills what this one reads
        "alloc e: f32[65]  e[0] = 0.0:f32  for i in 0..64 { e[i + 1] = a[i, 0]  o[i] = e[i] }",
        "alloc e: f32[64]  for i in 0..64 { e[i // 2] = a[i, 0]  o[i] = e[i // 2] }",
        "alloc e: f32[64]  for i in 0..64 { e[i] = a[i, 0] }  for j in 0..64 { o[j] = e[j] }",
    ],
)
def test_not_contracted(body):
    stays(NAME, P, body, forward=False)


def slices(source: random.Random) -> Function:
    """A loop that fills and reads parts of a temporary, which may or may not overlap from one iteration to the next."""
    step, width, stride = source.randint(1, 6), source.randint(1, 4), source.choice((1, 1, 2))
    write, read = source.choice((0, 0, 1, 2)), source.choice((0, 0, 1))
    row, column = source.choice(("i", "i", "i", "i % 2", "i // 2")), source.choice(("0", "0", "0", "i % 2"))
    first = "for f in 0..60 { e[f, 0] = 0.5:f32 }" if source.random() < 0.1 else ""
    return function(
        "x: in f32[40], o: out f32[8, 4]",
        f"""alloc e: f32[60, 2]  {first}
        for i in 0..8 {{
          for j in 0..{width * stride} {{ e[({row}) * {step} + j + {write}, {column}] = x[i + j] }}
          for l in 0..4 {{ o[i, l] = 0.0:f32 }}
          if i > {source.choice((-1, 2))} {{
            for k in 0..{width} {{ o[i, k] = e[({row}) * {step} + k * {stride} + {read}, 0] }}
          }}
        }}""",
    )


def check_slices(count: int, seed: int) -> None:
    changed = 0
    for number in range(count):
        source = random.Random(f"{seed}/{number}")
        one = slices(source)
        changed += check_function(make(NAME, {"limit": 1}), one, inputs(one, source))
    assert changed > 0.1 * count


def test_random_slices():
    check_slices(60, 0)


def test_random_programs():
    check_pass(NAME, count=40, share=0.3)


@pytest.mark.slow
def test_many_random_programs():
    check_pass(NAME, count=500, seed=1, share=0.3)
    check_slices(1000, 1)
    check_pass(NAME, {"forward": False, "limit": 1024}, count=500, seed=2, share=0.1)
