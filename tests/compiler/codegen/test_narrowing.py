"""Vectors wider than registers: shorter steps where they change nothing, and nothing elsewhere."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from misfold.compiler.codegen.narrowing import narrowed
from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.passes.base import LoopPass, make
from misfold.generators.kernels import inputs

from ..passes.harness import any_kernel, check_function
from ..passes.nests import random_nests
from ..passes.shapes import function

PARAMETERS = "x: in f32[100], h: in bf16[100], d: inout f64[100], y: inout f32[100], z: inout f32[16]"


@dataclass
class Narrowing:
    """In the form of a pass."""

    bits: int

    def data(self) -> list[Any]:
        return ["narrowing", {"bits": self.bits}]

    def run(self, function: Function) -> Function:
        body = narrowed(function.body, self.bits)
        return function if body is function.body else replace(function, body=body)


def after(body: str, bits: int) -> tuple[str, str]:
    """The program before and after."""
    before = function(PARAMETERS, body)
    return print_function(before), print_function(Narrowing(bits).run(before))


LOOP = """
  for b in {start}..{stop} step {lanes} {{
    vectorised lane in 0..{lanes} {{
      {body}
    }}
  }}
"""


@pytest.mark.parametrize(
    ("bits", "lanes", "fitting", "body"),
    [
        (256, 16, 8, "y[b + lane] = x[b + lane] * 2.0:f32"),
        (128, 16, 4, "y[b + lane] = x[b + lane] * 2.0:f32"),
        (512, 16, 16, "y[b + lane] = x[b + lane] * 2.0:f32"),
        (256, 16, 8, "y[b + lane] = f32(h[b + lane])"),
        (256, 16, 4, "d[b + lane] = f64(x[b + lane])"),
        (256, 16, 8, "y[3 + b + lane] add= x[b + lane]"),
        (256, 16, 8, "y[b + lane] = x[3]"),
        (256, 8, 8, "y[b + lane] = x[b + lane]"),
    ],
)
def test_lanes_fit_registers(bits, lanes, fitting, body):
    before, found = after(LOOP.format(start=0, stop=48, lanes=lanes, body=body), bits)
    wanted = LOOP.format(start=0, stop=48, lanes=fitting, body=body)
    assert found == print_function(function(PARAMETERS, wanted))
    assert (found == before) == (lanes == fitting)


@pytest.mark.parametrize(
    ("start", "stop", "body"),
    [
        (0, 48, "z[lane] add= x[b + lane]"),  # partial results: there would be fewer
        (0, 48, "z[0] add= x[b + lane]"),  # lanes meet
        (0, 48, "y[b + lane] = z[lane]"),
        (0, 48, "y[b + lane] = x[b]"),
        (0, 48, "y[b + lane] = x[lane + b]"),  # not looked for
        (0, 47, "y[b + lane] = x[b + lane]"),  # the last step goes beyond
        (0, 48, "if b + lane < 40 { y[b + lane] = x[b + lane] }"),
    ],
)
def test_others_stay(start, stop, body):
    before, found = after(LOOP.format(start=start, stop=stop, lanes=16, body=body), 256)
    assert found == before


#: What lanes may do side by side, and what they may not: then the loop stays.
STATEMENTS = (
    "y[b + lane] = x[b + lane] * 2.0:f32",
    "y[3 + b + lane] add= x[b + lane]",
    "y[b + lane] max= x[3 + b + lane] - y[b + lane]",
    "d[b + lane] = f64(x[b + lane])",
    "d[50 + b + lane] = d[50 + b + lane] + f64(h[b + lane])",
    "z[lane] add= x[b + lane]",
    "z[lane] = z[lane] + x[b + lane]",
    "z[0] add= x[b + lane]",
)


def test_random_programs_mean_the_same():
    changed = 0
    for number in range(150):
        source = random.Random(number)
        lanes = source.choice([4, 8, 16])
        start = source.choice([0, 5])
        stop = start + lanes * source.randint(1, 2) + source.choice([0, 0, 0, 1])
        statements = source.sample(STATEMENTS, source.randint(1, 3))
        body = LOOP.format(start=start, stop=stop, lanes=lanes, body="\n".join(statements))
        program = function(PARAMETERS, body)
        changed += check_function(Narrowing(source.choice([64, 128, 256])), program, inputs(program, source))
    assert 30 <= changed <= 120


@pytest.mark.parametrize("programs", [any_kernel, random_nests])
def test_random_vectors_mean_the_same(programs):
    vectorise = make("vectorisation", {"lanes": 4})
    assert isinstance(vectorise, LoopPass)
    for number in range(60):
        program, arrays = programs(random.Random(f"narrow/{number}"))
        check_function(Narrowing(64), vectorise.run(program), arrays)  # type: ignore[arg-type]
