"""The text form reads back exactly, and says where it is wrong."""

from __future__ import annotations

import random

import pytest

from misfold.compiler.errors import CompilerError, ParseError
from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.graph.printer import print_graph
from misfold.compiler.graph.verify import verify
from misfold.compiler.passes.graph.operator_fusion import OperatorFusion

from .graphs import random_graph

_TEXT = """\
graph softmax(x0: f32[4, 16]{1, 4}) -> (v4) {
  v0: f32[4] = reduce[op="max", dims=(1)](x0)
  v1: f32[4, 16] = fused(x0, v0) graph sub_exp(p0: f32[4, 16]{1, 4}, p1: f32[4]) -> (b2) {
    b0: f32[4, 16] = broadcast[shape=(4, 16), dims=(0)](p1)
    b1: f32[4, 16] = sub(p0, b0)
    b2: f32[4, 16] = exp(b1)
  }
  v2: f32[4] = reduce[op="add", dims=(1)](v1)
  v3: f32[4, 16] = broadcast[shape=(4, 16), dims=(0)](v2)
  v4: f32[4, 16] = div(v1, v3)
  v5: f32[3] = literal[values=(nan, -inf, -0.0), shape=(3), dtype=f32]()
  v6: f32[3], v7: i64[3] = sort[dim=0, descending=true](v5)
}
"""


def test_text_is_as_documented() -> None:
    graph = parse_graph(_TEXT)
    verify(graph)
    assert print_graph(graph) == _TEXT


def _round_trip(seeds: range) -> None:
    for seed in seeds:
        graph = random_graph(seed)
        for one in (graph, OperatorFusion().run(graph)):
            verify(one)
            text = print_graph(one)
            assert print_graph(parse_graph(text)) == text
            if "nan" not in text:  # NaN is not equal to itself
                assert parse_graph(text) == one


def test_random_graphs_read_back() -> None:
    _round_trip(range(60))


@pytest.mark.slow
def test_many_random_graphs_read_back() -> None:
    _round_trip(range(1000, 2000))


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message"),
    [
        ("graph softmax(", "graf softmax(", 1, 1, "expected 'graph'"),
        ("f32[4, 16]{1, 4}", "f32[4, -16]", 1, 19, "sizes must not be negative"),
        ("f32[4, 16]{1, 4}", "f32[4, 16]{1}", 1, 19, "2 dimensions, but 1 strides"),
        ("f32[4, 16]{1, 4}", "f33[4, 16]", 1, 19, "expected an element type"),
        ("-> (v4)", "-> (v9)", 1, 41, "v9 is not defined"),
        ("dims=(1)](x0)", "dims=(1)](y0)", 2, 43, "y0 is not defined"),
        ("v2: f32[4]", "v0: f32[4]", 8, 3, "v0 is defined twice"),
        ("(v1, v3)", "(b2, v3)", 10, 24, "b2 is not defined"),
        ('op="max"', "op=", 2, 26, "a value of an attribute"),
        ("-0.0)", "1e999)", 11, 43, "1e999 is out of the range"),
    ],
)
def test_errors_say_where(old: str, new: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_graph(_TEXT.replace(old, new, 1))
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_deep_nesting_is_an_error() -> None:
    opening = "graph g() -> () { v: f32[] = fused() "
    with pytest.raises(ParseError, match="nest deeper"):
        parse_graph(opening * 2000)


def test_damaged_text_never_crashes() -> None:
    chance = random.Random(5)
    pieces = '(){}[]:,=-"0 9 1e9 graph fused f32 nan v0 x0 \\ é'.split(" ")
    accepted = 0
    for seed in range(300):
        text = print_graph(random_graph(seed % 20, 5)) if seed % 2 else _TEXT
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(pieces) + text[at + chance.choice((0, 1, 5)) :]
        try:
            verify(parse_graph(text))
            accepted += 1
        except CompilerError:
            pass
    assert accepted < 150
