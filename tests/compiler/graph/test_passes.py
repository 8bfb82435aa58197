"""Passes over random graphs leave them valid and change nothing that they compute, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from misfold.compiler.dtypes import F32
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.ir import Graph, TensorType
from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.graph.printer import print_graph
from misfold.compiler.graph.verify import verify
from misfold.compiler.passes.base import GraphPass, make, registry

from .graphs import random_graph, random_inputs, same

_NAMES = sorted(name for name, kind in registry().items() if issubclass(kind, GraphPass))
_VARIANTS: list[list[tuple[str, dict]]] = [
    *([(name, {})] for name in _NAMES),
    [("constant-folding", {"elements": 1})],
    [("operator-fusion", {"nodes": 2})],
    [("operator-fusion", {"nodes": 128, "recompute": False})],
    [("operator-fusion", {"producers": False})],
    [("operator-fusion", {"reductions": False})],
    [("operator-fusion", {"epilogues": False})],
    [("layout", {"permutes": False})],
    [("layout", {"elementwise": False})],
    [("operator-fusion", {}), ("dead-code-elimination", {}), ("layout", {}), ("constant-folding", {})],
    [(name, {}) for name in (
        "decomposition", "constant-folding", "algebraic-simplification", "common-subexpression-elimination",
        "dead-code-elimination", "layout", "operator-fusion",
    )],
]  # fmt: skip


def _check(passes: Sequence[tuple[str, dict]], seeds: range) -> int:
    """How many of the graphs the passes changed."""
    made = [make(name, parameters) for name, parameters in passes]
    changed = 0
    for seed in seeds:
        graph = random_graph(seed, 12 if seed % 4 else 25)
        arrays = random_inputs(graph, seed)
        after = graph
        for one in made:
            assert isinstance(one, GraphPass)
            after = one.run(after)
            verify(after)
        assert after.inputs == graph.inputs
        assert [value.type for value in after.outputs] == [value.type for value in graph.outputs]
        for old, new in zip(evaluate(graph, arrays), evaluate(after, arrays)):
            assert same(old, new), f"seed {seed}\n{print_graph(graph)}\n{print_graph(after)}"
        changed += after is not graph
    return changed


def _named(passes: Sequence[tuple[str, dict]]) -> str:
    return "+".join(name + "".join(f",{key}={value}" for key, value in given.items()) for name, given in passes)


@pytest.mark.parametrize("passes", _VARIANTS, ids=_named)
def test_nothing_computed_changes(passes: Sequence[tuple[str, dict]]) -> None:
    assert _check(passes, range(60)) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("passes", _VARIANTS, ids=_named)
def test_nothing_computed_changes_in_many_graphs(passes: Sequence[tuple[str, dict]]) -> None:
    _check(passes, range(10_000, 11_000))


@pytest.mark.parametrize("name", _NAMES)
def test_what_has_nothing_to_do_gives_the_same_object(name: str) -> None:
    graph = parse_graph("graph g(x0: f32[2], x1: f32[2]) -> (v0) { v0: f32[2] = div(x0, x1) }")
    one = make(name)
    assert isinstance(one, GraphPass)
    assert one.run(graph) is graph
    assert one.precondition and type(one).__doc__


def _chain(count: int) -> Graph:
    """Shared values, broadcasts and reductions in turn."""
    builder = Builder()
    x = builder.input(TensorType(F32, (4, 8)))
    last = [x, x]
    while len(builder.nodes) < count:
        one = builder.one("add", last[-1], last[-2])
        two = builder.one("tanh", builder.one("mul", one, last[-2]))
        row = builder.one("reduce", two, op="add", dims=(1,))
        last += [one, builder.one("sub", two, builder.one("broadcast", row, shape=(4, 8), dims=(0,)))]
    return builder.finish([last[-1]])


@pytest.mark.parametrize("name", _NAMES)
def test_cost_is_linear(name: str) -> None:
    one = make(name)
    assert isinstance(one, GraphPass)
    times = []
    for count in (250, 2000):
        graph = _chain(count)
        best = 1e9
        for _ in range(3):
            start = time.process_time()
            one.run(graph)
            best = min(best, time.process_time() - start)
        times.append(best)
    # Eight times as many nodes: quadratic cost would be 64 times as much.
    assert times[1] < 25 * max(times[0], 1e-3)


def test_equal_constants_of_different_meaning_stay_apart() -> None:
    text = """graph g() -> (v0, v1, v2, v3) {
      v0: f32[2] = full[value=0.0, shape=(2), dtype=f32]()
      v1: f32[2] = full[value=-0.0, shape=(2), dtype=f32]()
      v2: i32[2] = full[value=1, shape=(2), dtype=i32]()
      v3: i32[2] = full[value=1, shape=(2), dtype=i32]()
    }"""
    graph = parse_graph(text)
    after = make("common-subexpression-elimination").run(graph)  # type: ignore[arg-type]
    assert [value.name for value in after.outputs] == ["v0", "v1", "v2", "v2"]  # type: ignore[union-attr]


def test_an_output_is_shared_only_with_its_own_strides() -> None:
    text = """graph g(x0: f32[2, 3]) -> (v0, v1, v2) {
      v0: f32[2, 3] = neg(x0)
      v1: f32[2, 3]{1, 2} = neg(x0)
      v2: f32[2, 3] = neg(x0)
    }"""
    after = make("common-subexpression-elimination").run(parse_graph(text))  # type: ignore[arg-type]
    assert [value.name for value in after.outputs] == ["v0", "v1", "v0"]  # type: ignore[union-attr]


_FOLDED = [
    ("v: f32[9, 9] = exp(zero)", "v: f32[9, 9] = full[value=1.0, shape=(9, 9), dtype=f32]()"),
    ("v: f32[81] = reshape[shape=(81)](zero)", "v: f32[81] = full[value=0.0, shape=(81), dtype=f32]()"),
    ('v: i8[] = reduce[op="add", dims=(0, 1)](threes)', "v: i8[] = full[value=-13, shape=(), dtype=i8]()"),
    ('v: i8[9] = reduce[op="xor", dims=(0)](threes)', "v: i8[9] = full[value=3, shape=(9), dtype=i8]()"),
    ("v: i64[3] = mul(line, line)", "v: i64[3] = literal[values=(0, 1, 4), shape=(3), dtype=i64]()"),
    ("v: i64[3] = truncdiv(line, line)", None),  # 0 / 0
    ("v: i64[3] = gather(line, far)", None),  # out of range
    ('v: f32[9] = reduce[op="add", dims=(0)](tenths)', None),  # depends on the order
    ('v: f32[] = reduce[op="min", dims=(0, 1)](tenths)', "v: f32[] = full[value=0.5, shape=(), dtype=f32]()"),
]


@pytest.mark.parametrize(("node", "expected"), _FOLDED)
def test_what_is_folded(node: str, expected: str | None) -> None:
    text = f"""graph g() -> (v) {{
      zero: f32[9, 9] = full[value=0.0, shape=(9, 9), dtype=f32]()
      tenths: f32[9, 9] = full[value=0.5, shape=(9, 9), dtype=f32]()
      threes: i8[9, 9] = full[value=3, shape=(9, 9), dtype=i8]()
      line: i64[3] = iota[dim=0, shape=(3), dtype=i64]()
      far: i64[3] = full[value=3, shape=(3), dtype=i64]()
      {node}
    }}"""
    after = make("constant-folding", {"elements": 64}).run(parse_graph(text))  # type: ignore[arg-type]
    assert (expected or node) in print_graph(after)  # type: ignore[arg-type]


def test_dead_outputs_of_fused_disappear() -> None:
    text = """graph g(x0: f32[2], x1: f32[2]) -> (v1) {
      v0: f32[2], v1: f32[2] = fused(x0, x1) graph b(p0: f32[2], p1: f32[2]) -> (b0, b1) {
        b0: f32[2] = exp(p0)
        b1: f32[2] = neg(p1)
      }
    }"""
    after = make("dead-code-elimination").run(parse_graph(text))  # type: ignore[arg-type]
    verify(after)  # type: ignore[arg-type]
    assert "exp" not in print_graph(after) and "fused(x1)" in print_graph(after)  # type: ignore[arg-type]
