"""Each rewrite rule fires where it should, changes no bit, and stops where its side condition does not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from misfold.compiler.dtypes import BF16, BOOL, F16, F32, F64, I8, I16, I32, I64, U8, DType
from misfold.compiler.graph.arithmetic import NUMPY, cast
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.ir import Graph, TensorType, Value
from misfold.compiler.graph.printer import print_graph
from misfold.compiler.graph.verify import verify
from misfold.compiler.passes.graph.algebraic_simplification import RULES, AlgebraicSimplification, _Simplifier

from .graphs import same

_SHAPE = (4, 3)
_INF = float("inf")
_SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -3.0, _INF, -_INF, float("nan"), 1e-7, 100.0, 0.5]


class _Maker:
    """``m.add(m.x, m.k(1))`` appends nodes; ``x`` and ``y`` are inputs of the dtype, ``b`` one of bools."""

    def __init__(self, dtype: DType):
        self.builder = Builder()
        self.dtype = dtype
        self.x, self.y, self.z = (self.builder.input(TensorType(dtype, _SHAPE), name) for name in "xyz")
        self.b = self.builder.input(TensorType(BOOL, _SHAPE), "b")

    def k(self, value: Any, dtype: DType | None = None) -> Value:
        return self.builder.one("full", value=value, shape=_SHAPE, dtype=dtype or self.dtype)

    def __getattr__(self, name: str) -> Callable[..., Value]:
        return lambda *inputs, **attributes: self.builder.one(name.rstrip("_"), *inputs, **attributes)


Case = tuple[DType, Callable[[_Maker], Value]]


def _slice(m: _Maker, x: Value, starts: Any, stops: Any, steps: Any = (1, 1)) -> Value:
    return m.slice_(x, starts=starts, stops=stops, steps=steps)


def _pad(m: _Maker, x: Value, low: int, interior: int = 0, value: Any = 0.0) -> Value:
    return m.pad(x, low=(low, 0), high=(0, 0), interior=(interior, 0), value=value)


def _dot(m: _Maker) -> Value:
    left = m.reshape(m.x, shape=(1, 4, 3))
    return m.dot(left, m.permute(left, dims=(0, 2, 1)))


_ONES = (0, 0), _SHAPE

#: For each rule: where it fires, and where it does not.
CASES: dict[str, tuple[Case, Case]] = {
    "constant-to-the-right": ((F32, lambda m: m.add(m.k(2.0), m.x)), (F32, lambda m: m.sub(m.k(2.0), m.x))),
    "add-zero": ((F32, lambda m: m.add(m.x, m.k(-0.0))), (F32, lambda m: m.add(m.x, m.k(0.0)))),
    "sub-zero": ((F32, lambda m: m.sub(m.x, m.k(0.0))), (F32, lambda m: m.sub(m.x, m.k(-0.0)))),
    "zero-sub": ((F16, lambda m: m.sub(m.k(-0.0), m.x)), (F16, lambda m: m.sub(m.k(0.0), m.x))),
    "sub-self": ((I8, lambda m: m.sub(m.x, m.x)), (F32, lambda m: m.sub(m.x, m.x))),
    "add-negated": ((F32, lambda m: m.add(m.neg(m.x), m.y)), (F32, lambda m: m.add(m.abs(m.x), m.y))),
    "sub-negated": ((F32, lambda m: m.sub(m.x, m.neg(m.y))), (F32, lambda m: m.sub(m.neg(m.x), m.y))),
    "neg-of-sub": ((I8, lambda m: m.neg(m.sub(m.x, m.y))), (F32, lambda m: m.neg(m.sub(m.x, m.y)))),
    "mul-one": ((F32, lambda m: m.mul(m.x, m.k(1.0))), (F32, lambda m: m.mul(m.x, m.k(-1.0)))),
    "mul-minus-one": ((F32, lambda m: m.mul(m.x, m.k(-1.0))), (U8, lambda m: m.mul(m.x, m.k(255)))),
    "mul-zero": ((I8, lambda m: m.mul(m.x, m.k(0))), (F32, lambda m: m.mul(m.x, m.k(0.0)))),
    "mul-two": ((F32, lambda m: m.mul(m.x, m.k(2.0))), (F32, lambda m: m.mul(m.x, m.k(-2.0)))),
    "mul-negated": ((F32, lambda m: m.div(m.neg(m.x), m.neg(m.y))), (F32, lambda m: m.div(m.neg(m.x), m.y))),
    "div-power-of-two": ((F32, lambda m: m.div(m.x, m.k(-0.25))), (F32, lambda m: m.div(m.x, m.k(3.0)))),
    "quotient-by-one": ((I8, lambda m: m.floordiv(m.x, m.k(1))), (F32, lambda m: m.floordiv(m.x, m.k(1.0)))),
    "remainder-by-one": ((I8, lambda m: m.floormod(m.x, m.k(1))), (F32, lambda m: m.floormod(m.x, m.k(1.0)))),
    "pow-zero": ((F32, lambda m: m.pow(m.x, m.k(-0.0))), (F32, lambda m: m.pow(m.k(0.0), m.x))),
    "pow-one": ((I8, lambda m: m.pow(m.x, m.k(1))), (I8, lambda m: m.pow(m.x, m.k(-1)))),
    "pow-two": ((F64, lambda m: m.pow(m.x, m.k(2.0))), (F64, lambda m: m.pow(m.x, m.k(-2.0)))),
    "double-negation": ((I8, lambda m: m.neg(m.neg(m.x))), (I8, lambda m: m.neg(m.not_(m.x)))),
    "abs-of-unsigned": ((U8, lambda m: m.abs(m.x)), (I8, lambda m: m.abs(m.x))),
    "abs-of-abs": ((I8, lambda m: m.abs(m.neg(m.x))), (I8, lambda m: m.abs(m.not_(m.x)))),
    "rounding-of-rounded": ((F32, lambda m: m.floor(m.round(m.x))), (F32, lambda m: m.floor(m.abs(m.x)))),
    "copysign-self": ((F32, lambda m: m.copysign(m.x, m.x)), (F32, lambda m: m.copysign(m.x, m.y))),
    "min-max-self": ((F32, lambda m: m.min(m.x, m.x)), (F32, lambda m: m.min(m.x, m.y))),
    "min-max-neutral": ((F32, lambda m: m.max(m.x, m.k(-_INF))), (F32, lambda m: m.max(m.x, m.k(F32.min)))),
    "min-max-absorbing": ((I8, lambda m: m.max(m.x, m.k(127))), (F32, lambda m: m.max(m.x, m.k(_INF)))),
    "chain-of-constants": (
        (I8, lambda m: m.mul(m.mul(m.x, m.k(100)), m.k(3))), (F32, lambda m: m.add(m.add(m.x, m.k(0.5)), m.k(0.25)))),
    "not-not": ((U8, lambda m: m.not_(m.not_(m.x))), (I8, lambda m: m.not_(m.neg(m.x)))),
    "not-of-comparison": ((I8, lambda m: m.not_(m.lt(m.x, m.y))), (F32, lambda m: m.not_(m.lt(m.x, m.y)))),
    "and-or-self": ((I8, lambda m: m.and_(m.x, m.x)), (I8, lambda m: m.and_(m.x, m.y))),
    "xor-self": ((BOOL, lambda m: m.xor(m.b, m.b)), (BOOL, lambda m: m.xor(m.b, m.x))),
    "and-constant": ((I8, lambda m: m.and_(m.x, m.k(-1))), (I8, lambda m: m.and_(m.x, m.k(1)))),
    "or-constant": ((U8, lambda m: m.or_(m.x, m.k(255))), (I16, lambda m: m.or_(m.x, m.k(255)))),
    "xor-constant": ((BOOL, lambda m: m.xor(m.b, m.k(True))), (I8, lambda m: m.xor(m.x, m.k(1)))),
    "shift-by-zero": ((I8, lambda m: m.shl(m.x, m.k(0))), (I8, lambda m: m.shl(m.x, m.k(8)))),
    "compare-self-false": ((F32, lambda m: m.lt(m.x, m.x)), (F32, lambda m: m.ne(m.x, m.x))),
    "compare-self-true": ((I8, lambda m: m.eq(m.x, m.x)), (F32, lambda m: m.eq(m.x, m.x))),
    "compare-with-least": ((U8, lambda m: m.ge(m.x, m.k(0))), (I8, lambda m: m.ge(m.x, m.k(0)))),
    "compare-bool": ((BOOL, lambda m: m.eq(m.b, m.k(False))), (I8, lambda m: m.eq(m.x, m.k(0)))),
    "select-constant": ((I8, lambda m: m.select(m.k(False, BOOL), m.x, m.y)), (I8, lambda m: m.select(m.b, m.x, m.y))),
    "select-equal-arms": ((F32, lambda m: m.select(m.b, m.x, m.x)), (F32, lambda m: m.select(m.b, m.x, m.y))),
    "select-of-not": (
        (F32, lambda m: m.select(m.not_(m.b), m.x, m.y)), (F32, lambda m: m.select(m.ne(m.x, m.x), m.x, m.y))),
    "select-bools": (
        (BOOL, lambda m: m.select(m.b, m.k(False), m.k(True))), (I8, lambda m: m.select(m.b, m.k(1), m.k(0)))),
    "select-of-select": (
        (F32, lambda m: m.select(m.b, m.select(m.b, m.x, m.y), m.z)),
        (F32, lambda m: m.select(m.eq(m.x, m.y), m.select(m.b, m.x, m.y), m.z))),
    "cast-to-same": ((F32, lambda m: m.cast(m.x, dtype=F32)), (F32, lambda m: m.cast(m.x, dtype=F64))),
    "cast-of-cast": (
        (F16, lambda m: m.cast(m.cast(m.x, dtype=F32), dtype=I8)),
        (I16, lambda m: m.cast(m.cast(m.x, dtype=F32), dtype=I8))),
    "cast-wraps-twice": (
        (I64, lambda m: m.cast(m.cast(m.x, dtype=I16), dtype=U8)),
        (I64, lambda m: m.cast(m.cast(m.x, dtype=I16), dtype=I32))),
    "cast-of-bool-is-not-zero": (
        (BOOL, lambda m: m.ne(m.cast(m.b, dtype=I8), m.k(0, I8))), (I8, lambda m: m.ne(m.cast(m.x, dtype=F32),
                                                                                       m.k(0.0, F32)))),
    "moves-nothing": (
        (F32, lambda m: _slice(m, m.x, *_ONES)), (F32, lambda m: m.reverse(m.x, dims=(0,)))),
    "reshape-of-reshape": (
        (F32, lambda m: m.reshape(m.reshape(m.x, shape=(12,)), shape=(3, 4))),
        (F32, lambda m: m.reshape(m.permute(m.x, dims=(1, 0)), shape=(12,)))),
    "permute-of-permute": (
        (F32, lambda m: m.permute(m.permute(m.x, dims=(1, 0)), dims=(1, 0))),
        (F32, lambda m: m.permute(m.reverse(m.x, dims=(0,)), dims=(1, 0)))),
    "broadcast-of-broadcast": (
        (F32, lambda m: m.broadcast(m.broadcast(m.x, shape=(2, 4, 3), dims=(1, 2)), shape=(2, 4, 5, 3),
                                    dims=(0, 1, 3))),
        (F32, lambda m: m.broadcast(m.permute(m.x, dims=(1, 0)), shape=(2, 3, 4), dims=(1, 2)))),
    "broadcast-of-unsqueezed": (
        (F32, lambda m: m.broadcast(m.reshape(m.x, shape=(4, 1, 3)), shape=(4, 6, 3), dims=(0, 1, 2))),
        (F32, lambda m: m.broadcast(m.reshape(m.x, shape=(3, 1, 4)), shape=(3, 6, 4), dims=(0, 1, 2)))),
    "slice-of-slice": (
        (F32, lambda m: _slice(m, _slice(m, m.x, (1, 0), (4, 3), (2, 1)), (1, 1), (2, 3))),
        (F32, lambda m: _slice(m, m.neg(m.x), (1, 1), (2, 3)))),
    "slice-of-concatenate": (
        (F32, lambda m: _slice(m, m.concatenate(m.x, m.y, dim=0), (5, 0), (8, 3), (2, 1))),
        (F32, lambda m: _slice(m, m.concatenate(m.x, m.y, dim=0), (3, 0), (5, 3)))),
    "reverse-of-reverse": (
        (F32, lambda m: m.reverse(m.reverse(m.x, dims=(0, 1)), dims=(0,))),
        (F32, lambda m: m.reverse(m.neg(m.x), dims=(0,)))),
    "pad-of-pad": (
        (F32, lambda m: _pad(m, _pad(m, m.x, 1, 2), 3)), (F32, lambda m: _pad(m, _pad(m, m.x, 1), 3, value=-0.0))),
    "concatenate-one": (
        (F32, lambda m: m.concatenate(m.x, _slice(m, m.y, (0, 0), (0, 3)), dim=0)),
        (F32, lambda m: m.concatenate(m.x, m.x, dim=0))),
    "reduce-of-single": (
        (F32, lambda m: m.reduce(_slice(m, m.x, (0, 0), (4, 1)), op="max", dims=(1,))),
        (F32, lambda m: m.reduce(_slice(m, m.x, (0, 0), (4, 1)), op="add", dims=(1,)))),
    "reduce-of-reduce": (
        (I8, lambda m: m.reduce(m.reduce(m.x, op="add", dims=(0,)), op="add", dims=(0,))),
        (F32, lambda m: m.reduce(m.reduce(m.x, op="add", dims=(0,)), op="add", dims=(0,)))),
    "elementwise-of-permutes": (
        (F32, lambda m: m.select(m.permute(m.b, dims=(1, 0)), m.permute(m.x, dims=(1, 0)),
                                 m.permute(m.y, dims=(1, 0)))),
        (F32, lambda m: m.neg(m.permute(m.x, dims=(1, 0))))),
    "elementwise-of-reshape": (
        (F32, lambda m: m.select(m.lt(m.reshape(_dot(m), shape=(2, 2, 4)), m.builder.one(
            "full", value=1.0, shape=(2, 2, 4), dtype=F32)), m.reshape(_dot(m), shape=(2, 2, 4)),
            m.broadcast(m.reshape(_slice(m, m.x, (0, 0), (4, 1)), shape=(4,)), shape=(2, 2, 4), dims=(2,)))),
        (F32, lambda m: m.add(m.reshape(m.reshape(_dot(m), shape=(16,)), shape=(1, 4, 4)), _dot(m)))),
}  # fmt: skip


def test_every_rule_has_examples() -> None:
    assert [rule.name for rule in RULES] == list(CASES)
    assert len({rule.name for rule in RULES}) == len(RULES) >= 30
    assert all(rule.reason for rule in RULES)


def _graph(case: Case) -> Graph:
    dtype, make = case
    maker = _Maker(dtype)
    graph = maker.builder.finish([make(maker)])
    verify(graph)
    return graph


def _by_rule(name: str, graph: Graph) -> Graph:
    """The graph after one rule alone."""
    simplifier = _Simplifier(graph)
    simplifier.rules = {op: (rule,) for rule in RULES if rule.name == name for op in rule.operators}
    return simplifier.run()


def _assert_same(graph: Graph, after: Graph) -> None:
    verify(after)
    chance = np.random.default_rng(1)
    for _ in range(20):
        arrays = []
        for value in graph.inputs:
            dtype = value.type.dtype
            if dtype.is_float:
                array = cast(chance.choice(_SPECIAL, _SHAPE), dtype)
            else:
                array = chance.integers(int(dtype.min), int(dtype.max), _SHAPE, NUMPY[dtype.name], endpoint=True)
            arrays.append(array)
        for old, new in zip(evaluate(graph, arrays), evaluate(after, arrays)):
            assert same(old, new), print_graph(after)


@pytest.mark.parametrize("name", CASES)
def test_rule_fires_and_changes_no_bit(name: str) -> None:
    graph = _graph(CASES[name][0])
    after = _by_rule(name, graph)
    assert after is not graph
    assert (after.outputs, after.nodes) != (graph.outputs, graph.nodes)
    _assert_same(graph, after)


@pytest.mark.parametrize("name", CASES)
def test_rule_stops(name: str) -> None:
    graph = _graph(CASES[name][1])
    assert _by_rule(name, graph) is graph


@pytest.mark.parametrize("dtype", [BF16, F16, F32, F64, I8, U8], ids=str)
def test_all_rules_together(dtype: DType) -> None:
    for name, (_, (_, stops)) in CASES.items():
        for make in (CASES[name][0][1], stops):
            try:
                graph = _graph((dtype, make))
            except ValueError:
                continue  # not for this dtype
            _assert_same(graph, AlgebraicSimplification().run(graph))
