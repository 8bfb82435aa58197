"""Shortcuts through Inductor's Python give what the long way gives."""

from __future__ import annotations

import itertools
from importlib import import_module

import pytest
import sympy
import torch

from misfold.targets import inductor_shortcuts

X, Y, Z = (sympy.Symbol(name, integer=True, nonnegative=True) for name in ("x0", "x1", "c2"))


@pytest.fixture(scope="module")
def sizevars():
    inductor_shortcuts.install()
    from torch._inductor import sizevars

    return sizevars


def indices():
    from torch.utils._sympy.functions import FloorDiv, ModularIndexing

    for a, b, c in itertools.product((0, 1, -3, 16, 48), (0, 1, 7, 32), (0, 5)):
        yield sympy.Integer(a) * X + sympy.Integer(b) * Y + c
    yield 16 * (X + Y) + Z
    yield X * Y + X
    yield 3 * X * Z + 1
    yield FloorDiv(X, 8) + 2 * Y
    yield ModularIndexing(X, 1, 32) + 4 * FloorDiv(Y, 3)
    yield sympy.Max(X, Y)


@pytest.mark.parametrize("length", [None, 1, 8, 16])
def test_strides(sizevars, length):
    short = sizevars.stride_at_vec_range
    long = short.misfold
    for index, symbol in itertools.product(indices(), (X, Y, Z)):
        assert short(index, symbol, length) == long(index, symbol, length), (index, symbol)


def test_sums_of_products_are_told_from_others(sizevars):
    assert inductor_shortcuts.coefficients(16 * X - Y + 3) == {X: 16, Y: -1}
    assert inductor_shortcuts.coefficients(sympy.Integer(4)) == {}
    for other in (X * Y, X**2, 2 * X * Y + 1, sympy.Max(X, 1), X / 2):
        assert inductor_shortcuts.coefficients(other) is None


def test_rules_for_element_types_are_those_of_a_new_object(sizevars):
    import_module("torch._inductor.lowering")  # fills the rules
    from torch._inductor.dtype_propagation import DtypePropagationOpsHandler as Handler

    short = vars(Handler()).copy()
    again = Handler()
    assert vars(again).keys() == short.keys()
    assert all(vars(again)[name] is short[name] for name in short)
    Handler._instance = None
    new = vars(Handler())
    assert new.keys() == short.keys()
    assert [item.keywords for item in new.values()] == [short[name].keywords for name in new]


def test_installing_twice_is_installing_once(sizevars):
    before = sizevars.stride_at_vec_range
    inductor_shortcuts.install()
    assert sizevars.stride_at_vec_range is before
    assert torch._inductor.codegen.cpp.stride_at_vec_range is before
