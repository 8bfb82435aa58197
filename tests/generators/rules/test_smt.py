"""Expressions mean to z3 what they mean to Python."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from misfold.generators.rules.expressions import Const, Op, Sym
from misfold.generators.rules.smt import to_z3

FLOATS = st.integers(-40, 40).map(lambda number: number / 4)


@pytest.mark.parametrize("name", ["//", "%", "ceildiv"])
@given(left=FLOATS, right=FLOATS.filter(bool) | st.integers(1, 9))
def test_division_with_remainder_of_floats(name, left, right):
    def term(value):
        return z3.IntVal(value) if isinstance(value, int) else z3.RealVal(str(value))

    found = z3.simplify(to_z3(Op(name, (Sym("a"), Sym("b"))), {"a": term(left), "b": term(right)}))
    value = found.as_long() if found.is_int() else float(found.as_fraction())
    assert value == {"//": left // right, "%": left % right, "ceildiv": -(-left // right)}[name]


def test_a_float_among_integers_is_real():
    term = to_z3(Op("%", (Sym("a"), Const(2))), {"a": z3.Real("a")})
    assert z3.simplify(z3.substitute(term, (z3.Real("a"), z3.RealVal("-0.5")))).as_fraction() == 1.5
