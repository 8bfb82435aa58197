"""Each rule of the graph IR is checked, and the error names the place."""

from __future__ import annotations

import pytest

from misfold.compiler.dtypes import F32
from misfold.compiler.errors import VerificationError
from misfold.compiler.graph.ir import Graph, Node, TensorType, Value
from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.graph.verify import verify

from .graphs import random_graph


def test_random_graphs_are_valid() -> None:
    for seed in range(200, 260):
        verify(random_graph(seed))


def _fused(body: str, head: str = "(x0) graph b(p0: f32[4, 3]) -> (b0)", made: str = "f32[4, 3]") -> str:
    return f"graph g(x0: f32[4, 3]) -> (v0) {{ v0: {made} = fused{head} {{ {body} }} }}"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("graph g(x0: f32[2]) -> (v0) { v0: f32[3] = neg(x0) }", "v0", r"neg makes f32\[2\], not f32\[3\]"),
        ("graph g(x0: f32[2]) -> (v0) { v0: f16[2] = neg(x0) }", "v0", "neg makes"),
        ("graph g(x0: f32[2]) -> (v0) { v0: f32[2] = negate(x0) }", "v0", "no operator 'negate'"),
        ("graph g(x0: f32[2]) -> (v0) { v0: f32[2] = add(x0) }", "v0", "add takes 2 inputs, not 1"),
        ("graph g(x0: f32[2]) -> (v0) { v0: f32[2] = neg[a=1](x0) }", "v0", r"attributes \[\], not \[a\]"),
        ('graph g(x0: f32[2]) -> (v0) { v0: f32[] = reduce[dims=(0), op="add"](x0) }', "v0", "has the attributes"),
        ('graph g(x0: f32[2]) -> (v0) { v0: f32[] = reduce[op="add", op="add"](x0) }', "v0", "stands there twice"),
        ("graph g(x0: f32[2]) -> (v0) { v0: f32[2], v1: f32[2] = neg(x0) }", "v0", "1 outputs, not 2"),
        ("graph g(x0: f32[2, 2]) -> (v0) { v0: f32[2, 2]{1, 1} = neg(x0) }", "v0", "several elements in one place"),
        (_fused("b0: f32[4, 3] = neg(p0)", "(x0) graph b(p0: f32[4]) -> (b0)"), "v0", "the body's input p0"),
        (_fused("b0: f32[4, 3] = neg(p0)", "() graph b(p0: f32[4, 3]) -> (b0)"), "v0", "1 inputs, not 0"),
        (_fused("x0: f32[4, 3] = neg(p0)", "(x0) graph b(p0: f32[4, 3]) -> (x0)"), "x0", "defined twice"),
        (_fused("b0: f32[4, 3] = relu(p0)"), "v0", "primitives only, not relu"),
        (
            _fused('b1: f32[4] = reduce[op="add", dims=(1)](p0) b2: f32[] = reduce[op="add", dims=(0)](b1)'
                   " b0: f32[] = neg(b2)", made="f32[]"),
            "v0", "one loop nest, not both reduce and reduce",
        ),
        (
            _fused('b1: f32[4] = reduce[op="add", dims=(1)](p0) b0: f32[4, 3] = broadcast[shape=(4, 3), dims=(0)](b1)'),
            "v0", "broadcast cannot be computed element by element",
        ),
        (
            _fused('b1: f32[4] = reduce[op="add", dims=(1)](p0) b0: f32[4, 3] = neg(p0)'), "v0",
            "b0 does not depend on reduce",
        ),
        (
            "graph g(x0: f32[2]) -> (v0) { v0: f32[2], v1: f32[1] = fused(x0) graph b(p0: f32[2]) -> (b0, b1) {"
            " b0: f32[2] = neg(p0) b1: f32[1] = slice[starts=(0), stops=(1), steps=(1)](b0) } }",
            "v0", "one shape",
        ),
    ],
)  # fmt: skip
def test_broken_rules_are_found(text: str, place: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message) as caught:
        verify(parse_graph(text))
    assert caught.value.place == place


def test_names_and_uses() -> None:
    value, other = Value("v", TensorType(F32, (2,))), Value("v", TensorType(F32, (3,)))
    broken = [
        ("'9' is not a name", Graph("9", (), (), ())),
        ("not defined before", Graph("g", (), (Node("neg", (value,), (value,)),), ())),
        ("defined twice", Graph("g", (value, value), (), ())),
        (r"used as f32\[3\], but defined as f32\[2\]", Graph("g", (value,), (), (other,))),
        ("is no shape", Graph("g", (Value("v", TensorType(F32, (-1,))),), (), ())),
    ]
    for message, graph in broken:
        with pytest.raises(VerificationError, match=message):
            verify(graph)
