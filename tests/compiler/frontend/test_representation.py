"""What depends on how floats are held, to the bit: each short float, and all kinds of long ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from misfold.compiler.driver import compile_graph
from misfold.compiler.pipelines import NAMED, named

from .checking import Compute, evaluated, laid_out, run
from .single import import_call, overload

BITS = {torch.float16: torch.int16, torch.bfloat16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}


def all_kinds(dtype: torch.dtype) -> torch.Tensor:
    """Every number of a short type; of a long one those around powers of two, the smallest, the largest and others."""
    whole = BITS[dtype]
    if whole is torch.int16:
        return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(whole).view(dtype)
    width = torch.iinfo(whole).bits
    fraction = 23 if width == 32 else 52
    random = torch.Generator().manual_seed(3)
    exponents = torch.arange(2 ** (width - 1 - fraction), dtype=whole) << fraction
    around = torch.cat([exponents + off for off in (0, 1, 2, 3, -1 + (1 << fraction))])
    small = torch.arange(9, dtype=whole)
    some = torch.randint(torch.iinfo(whole).min, torch.iinfo(whole).max, (2000,), generator=random).to(whole)
    bits = torch.cat([around, small, some])
    found = torch.cat([bits, bits | torch.iinfo(whole).min]).view(dtype)
    return found[~found.isnan()]


def by(name: str) -> Compute:
    """Machine code of a named pipeline."""

    def compute(graph, arrays):
        function = compile_graph(graph, named(name))
        inputs = [laid_out(array, value.type) for array, value in zip(arrays, graph.inputs, strict=True)]
        outputs = [array.copy() for array in evaluated(graph, arrays)]
        for one in outputs:
            one.view(np.uint8)[...] = 0xAB
        function.call_pointers([array.ctypes.data for array in (*inputs, *outputs)])
        return outputs

    return compute


COMPUTED = {"evaluated": evaluated, **{name: by(name) for name in NAMED}}


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    agree = one.view(BITS[one.dtype]) == other.view(BITS[other.dtype])
    return bool((agree | (one.isnan() & other.isnan())).all())


@pytest.mark.parametrize("how", COMPUTED)
@pytest.mark.parametrize("dtype", BITS)
def test_the_next_number(dtype, how):
    x = all_kinds(dtype)
    for towards in (math.inf, -math.inf, 0.0):
        given = [x, torch.full_like(x, towards)]
        imported, tensors = import_call(overload("nextafter.default"), given, {})
        (found,), _ = run(imported, tensors, COMPUTED[how])
        assert same_bits(found, torch.nextafter(*given))


@pytest.mark.parametrize("how", COMPUTED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_mantissa_and_exponent(dtype, how):
    x = all_kinds(dtype)
    x = x[x.isfinite()]
    imported, tensors = import_call(overload("frexp.Tensor"), [x], {})
    (mantissa, exponent), _ = run(imported, tensors, COMPUTED[how])
    expected = torch.frexp(x)
    assert same_bits(mantissa, expected.mantissa)
    assert torch.equal(exponent, expected.exponent)
