"""Index arithmetic: what is simplified has the value of what was written."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from misfold.compiler.loops.ir import Binary, Const, Expr, Var, index
from misfold.compiler.lowering.indices import Indices, conjunction, outer_to_inner, row_major

_EXTENTS = {"i": 3, "j": 4, "k": 2}
_POINTS = [dict(zip(_EXTENTS, point)) for point in itertools.product(*map(range, _EXTENTS.values()))]


def _value(expression: Expr, point: dict[str, int]) -> int | bool:
    match expression:
        case Const(value, _):
            return value
        case Var(name, _):
            return point[name]
        case Binary(op, left, right):
            a, b = _value(left, point), _value(right, point)
            return {
                "add": lambda: a + b,
                "sub": lambda: a - b,
                "mul": lambda: a * b,
                "floordiv": lambda: a // b,
                "floormod": lambda: a % b,
                "min": lambda: min(a, b),
                "max": lambda: max(a, b),
                "ge": lambda: a >= b,
                "lt": lambda: a < b,
                "eq": lambda: a == b,
                "and": lambda: a and b,
            }[op]()
    raise AssertionError(expression)


def _indices() -> Indices:
    indices = Indices()
    indices.ranges.update({name: (0, extent - 1) for name, extent in _EXTENTS.items()})
    return indices


def _made(indices: Indices, random: Random, depth: int) -> tuple[Expr, list[int]]:
    """A random index, and its values at all points."""
    if depth == 0 or random.random() < 0.1:
        name = random.choice([*_EXTENTS, ""])
        number = random.randint(-3, 12)
        return (Var(name), [p[name] for p in _POINTS]) if name else (index(number), [number] * len(_POINTS))
    x, xs = _made(indices, random, depth - 1)
    number = random.choice((1, 2, 2, 3, 4, 6, 8, 12))
    match random.choice(("add", "add", "sub", "counted_from", "mul", "floordiv", "floormod", "clamp", "join")):
        case "add":
            y, ys = _made(indices, random, depth - 1)
            return indices.add(x, y), [a + b for a, b in zip(xs, ys)]
        case "sub":
            return indices.sub(x, number), [a - number for a in xs]
        case "counted_from":
            return indices.counted_from(number, x), [number - a for a in xs]
        case "mul":
            return indices.mul(x, number), [a * number for a in xs]
        case "floordiv":
            return indices.floordiv(x, number), [a // number for a in xs]
        case "floormod":
            return indices.floormod(x, number), [a % number for a in xs]
        case "clamp":
            return indices.clamp(x, number), [min(max(a, 0), number - 1) for a in xs]
    joined = indices.add(indices.mul(indices.floordiv(x, number), number), indices.floormod(x, number))
    return joined, xs


@pytest.mark.parametrize("seed", range(20))
def test_random_indices(seed):
    random = Random(seed)
    for _ in range(100):
        indices = _indices()
        expression, values = _made(indices, random, random.randint(1, 5))
        assert [_value(expression, point) for point in _POINTS] == values, expression
        low, high = indices.range(expression)
        assert low <= min(values) and max(values) <= high, expression
        bound = random.choice([*values, min(values) - 1, max(values) + 1])
        for made, wanted in (
            (indices.at_least(expression, bound), [a >= bound for a in values]),
            (indices.below(expression, bound), [a < bound for a in values]),
            (indices.equal(expression, bound), [a == bound for a in values]),
        ):
            assert [_value(made, point) for point in _POINTS] == wanted
            both = conjunction([made, indices.at_least(expression, bound + 1)])
            assert [_value(both, point) for point in _POINTS] == [w and a > bound for w, a in zip(wanted, values)]


def test_what_is_known_is_not_computed():
    indices = _indices()
    i, j = Var("i"), Var("j")
    flat = indices.add(indices.mul(i, 4), j)
    assert indices.floordiv(flat, 4) == i
    assert indices.floormod(flat, 4) == j
    assert indices.add(indices.mul(indices.floordiv(flat, 8), 2), indices.floormod(indices.floordiv(flat, 4), 2)) == i
    assert indices.sub(indices.add(i, index(5)), 5) == i
    assert indices.clamp(j, 4) == j and indices.clamp(j, 1) == index(0)
    unknown = Var("unknown")
    assert indices.range(Binary("add", unknown, index(1))) == indices.range(unknown), "it may wrap around"


def test_memory_order():
    assert row_major((2, 3, 4)) == (12, 4, 1)
    assert outer_to_inner((2, 3, 4), None) == [0, 1, 2]
    assert outer_to_inner((2, 3, 4), (1, 8, 2)) == [1, 2, 0]
    assert outer_to_inner((2, 1, 4), (1, 100, 2)) == [2, 0, 1]
    assert outer_to_inner((5, 3, 4), (0, 4, 1)) == [0, 1, 2]
