"""Register blocking: which nests become blocks, what a block looks like, and that it computes the same."""

from __future__ import annotations

import random

import numpy
import pytest

from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Function
from misfold.compiler.passes.base import make
from misfold.generators.kernels import inputs

from .harness import Arrays, check_pass, outcome, same
from .shapes import becomes, function, stays

ABC = "a: in f32[64, 64], b: in f32[64, 64], c: inout f32[64, 64]"
PRODUCT = "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] add= a[m, k] * b[k, n] } } }"


def test_a_matrix_product():
    becomes(
        "register-blocking",
        ABC,
        PRODUCT,
        """
        for n_1 in 0..64 step 32 {
          for m_1 in 0..64 step 4 {
            alloc c_block: f32[4, 32]
            unrolled row_1 in 0..4 {
              unrolled vector_1 in 0..32 step 16 {
                vectorised lane_1 in 0..16 { c_block[row_1, vector_1 + lane_1] = -0.0:f32 }
              }
            }
            for k_1 in 0..64 {
              unrolled row in 0..4 {
                unrolled vector in 0..32 step 16 {
                  vectorised lane in 0..16 {
                    c_block[row, vector + lane] add= a[m_1 + row, k_1] * b[k_1, n_1 + (vector + lane)]
                  }
                }
              }
            }
            unrolled row_2 in 0..4 {
              unrolled vector_2 in 0..32 step 16 {
                vectorised lane_2 in 0..16 {
                  c[m_1 + row_2, n_1 + (vector_2 + lane_2)] add= c_block[row_2, vector_2 + lane_2]
                }
              }
            }
          }
        }
        """,
        rows=4,
    )


@pytest.mark.parametrize(
    "body",
    (
        # the sum is read
        "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] add= a[m, k] * c[k, n] } } }",
        # nothing is summed
        "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] = a[m, k] * b[k, n] } } }",
        # columns are not consecutive
        "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] add= a[m, k] * b[n, k] } } }",
        # no operand is shared by rows
        "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] add= a[m, k] * b[m, n] } } }",
        # bounds are not constant
        "for m in 0..64 { for k in m..64 { for n in 0..64 { c[m, n] add= a[m, k] * b[k, n] } } }",
        # something else is in the nest
        "for m in 0..64 { for k in 0..64 { c[0, 0] = 1.0:f32\nfor n in 0..64 { c[m, n] add= a[m, k] * b[k, n] } } }",
        # too few terms
        "for m in 0..64 { for k in 0..2 { for n in 0..64 { c[m, n] add= a[m, k] * b[k, n] } } }",
    ),
)
def test_what_stays(body):
    stays("register-blocking", ABC, body)


def test_small_nests_stay_if_asked():
    stays("register-blocking", ABC, PRODUCT, smallest=1 << 20)


def product(source: random.Random) -> tuple[Function, Arrays]:
    """A product or a convolution, of sizes that fill blocks and others, and arguments for it."""
    dtype = source.choice(("f32", "f64", "i32", "u8", "f16"))
    op = source.choice(("add", "add", "max", "min", "mul"))
    order = source.choice((("m", "k", "n"), ("m", "n", "k"), ("k", "n", "m")))
    first = source.choice((0, 0, 1))
    m, n, k = first + source.randint(2, 9), first + source.choice((4, 7, 16, 19, 33, 40)), source.randint(4, 6)
    spans = {"m": f"{first}..{m}", "n": f"{first}..{n}", "k": f"0..{k}"}
    heads = "".join(f"for {one} in {spans[one]} {{ " for one in order)
    if source.random() < 0.5:
        body = f"{heads} c[m, n] {op}= a[m, k] * b[k, n] {'}' * 3}"
        parameters = f"a: in {dtype}[{m}, {k}], b: in {dtype}[{k}, {n}], c: inout {dtype}[{m}, {n}]"
    else:
        body = f"{heads} for t in 0..3 {{ c[m, n] {op}= a[m, k, t] * b[k, n + t] {'}' * 4}"
        parameters = f"a: in {dtype}[{m}, {k}, 3], b: in {dtype}[{k}, {n + 2}], c: inout {dtype}[{m}, {n}]"
    made = function(parameters, body)
    arrays = inputs(made, source)
    for number, array in enumerate(arrays):
        # small numbers: sums and products of a few are exact in any order
        array[...] = numpy.asarray([source.choice((0, 1, 1, 2)) for _ in range(array.size)]).reshape(array.shape)
        if op == "mul":
            array[...] = 1 + (number == 0 and source.random() < 0.5)
    return made, arrays


@pytest.mark.parametrize("options", ({}, {"rows": 4, "vectors": 1}, {"rows": 6, "vectors": 4, "width": 256}))
def test_random_products(options):
    check_pass("register-blocking", options, count=25, programs=product, share=0.9)


def test_any_program():
    check_pass("register-blocking", {}, count=20, share=0.0)


def test_zeros_keep_their_sign():
    one = function(
        "a: in f32[4, 4], b: in f32[4, 16], c: inout f32[4, 16]",
        "for m in 0..4 { for k in 0..4 { for n in 0..16 { c[m, n] add= a[m, k] * b[k, n] } } }",
    )
    arrays = [numpy.full((4, 4), -0.0, "f4"), numpy.ones((4, 16), "f4"), numpy.full((4, 16), -0.0, "f4")]
    blocked = make("register-blocking").run(one)
    assert blocked is not one
    interpret(blocked, arrays)
    assert numpy.signbit(arrays[2]).all()


def test_machine_code_of_random_products():
    from misfold.compiler.driver import build, optimise
    from misfold.compiler.pipelines import named

    for number in range(12):
        one, arrays = product(random.Random(f"machine/{number}"))
        wanted = outcome(one, arrays)
        build(optimise(one, named("O3"), verify=True), named("O3"))(*arrays)
        assert all(same(old, new) for old, new in zip(wanted, arrays)), number
