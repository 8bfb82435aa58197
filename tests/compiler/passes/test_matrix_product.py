"""Passes together: the naive matrix product becomes a micro-kernel whose accumulators fit into registers."""

from __future__ import annotations

import random
import time

import numpy

from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.passes.base import make
from misfold.generators.kernels import inputs

PIPELINE = (
    ("interchange", {}),
    ("tiling", {"size": 32, "depth": 1}),
    ("interchange", {"order": "register"}),
    ("unroll-and-jam", {"factor": 4}),
    ("vectorisation", {"lanes": 16}),
    ("parallelisation", {"minimum": 0}),
)
REGISTERS = (("unrolling", {}), ("simplify", {}), ("scalar-replacement", {}))

#: Four rows of two vectors over k.
KERNEL = """\
  parallel m in 0..512 step 4 {
    for n_tile in 0..512 step 32 {
      for k in 0..512 {
        for n_in_block in 0..32 step 16 {
          vectorised n_in_lane in 0..16 {
            c[m, n_tile + (n_in_block + n_in_lane)] add= a[m, k] * b[k, n_tile + (n_in_block + n_in_lane)]
            c[m + 1, n_tile + (n_in_block + n_in_lane)] add= a[m + 1, k] * b[k, n_tile + (n_in_block + n_in_lane)]
            c[m + 2, n_tile + (n_in_block + n_in_lane)] add= a[m + 2, k] * b[k, n_tile + (n_in_block + n_in_lane)]
            c[m + 3, n_tile + (n_in_block + n_in_lane)] add= a[m + 3, k] * b[k, n_tile + (n_in_block + n_in_lane)]
          }
        }
      }
    }
  }
"""


def product(rows: int, columns: int, inner: int) -> Function:
    return parse_function(
        f"""function dot(a: in f32[{rows}, {inner}], b: in f32[{inner}, {columns}], c: out f32[{rows}, {columns}]) {{
          for m_1 in 0..{rows} {{ for n_1 in 0..{columns} {{ c[m_1, n_1] = 0.0:f32 }} }}
          for m in 0..{rows} {{ for n in 0..{columns} {{ for k in 0..{inner} {{ c[m, n] add= a[m, k] * b[k, n] }} }} }}
        }}
        """
    )


def transformed(function: Function, pipeline) -> Function:
    for name, parameters in pipeline:
        function = make(name, parameters).run(function)
        verify(function)
    return function


def test_the_shape():
    text = print_function(transformed(product(512, 512, 512), PIPELINE))
    assert KERNEL in text, text


def test_accumulators_leave_memory():
    text = print_function(transformed(product(512, 512, 512), (*PIPELINE, *REGISTERS)))
    _, kernel = text.split("for k in 0..512 {")
    loop = kernel[: kernel.index("\n      }")]
    assert loop.count(" add= ") == 8
    assert "c[" not in loop, text


def test_the_product_is_right_for_sizes_that_fit_and_others():
    for sizes in ((8, 64, 5), (7, 40, 3), (4, 33, 2), (3, 16, 1)):
        function = product(*sizes)
        a, b, c = inputs(function, random.Random(0))
        for pipeline in (PIPELINE, (*PIPELINE, *REGISTERS)):
            c[...] = 0
            interpret(transformed(function, pipeline), [a, b, c])
            assert (c == a.astype(numpy.float64) @ b).all(), (sizes, pipeline)


def test_it_takes_little_time():
    """Far below what code generation takes."""
    function = product(512, 512, 512)
    transformed(function, PIPELINE)  # modules are imported
    passes = [make(name, parameters) for name, parameters in PIPELINE]
    started = time.process_time()
    for one in passes:
        function = one.run(function)
    assert time.process_time() - started < 0.1
