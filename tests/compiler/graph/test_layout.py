"""Which strides intermediate tensors get."""

from __future__ import annotations

import pytest

from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.graph.printer import print_tensor_type
from misfold.compiler.passes.base import make


def _types(nodes: str, outputs: str, **parameters: bool) -> dict[str, str]:
    inputs = "x: f32[2, 3], t: f32[2, 3]{1, 2}, u: f32[2, 3]{1, 2}, s: f32[2, 3]{0, 1}"
    text = f"graph g({inputs}) -> ({outputs}) {{ {nodes} }}"
    after = make("layout", parameters).run(parse_graph(text))  # type: ignore[arg-type]
    return {value.name: print_tensor_type(value.type) for node in after.nodes for value in node.outputs}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("nodes", "outputs", "name", "expected"),
    [
        ("e: f32[2, 3] = exp(x) p: f32[3, 2] = permute[dims=(1, 0)](e)", "p", "e", "f32[2, 3]{1, 2}"),
        ("e: f32[2, 3] = exp(x) p: f32[3, 2] = permute[dims=(1, 0)](e)", "p, e", "e", "f32[2, 3]"),
        ("e: f32[2, 3] = exp(t) f: f32[2, 3] = neg(e) q: f32[6] = reshape[shape=(6)](f)", "q", "f", "f32[2, 3]{1, 2}"),
        ("e: f32[2, 3] = add(t, u) q: f32[6] = reshape[shape=(6)](e)", "q", "e", "f32[2, 3]{1, 2}"),
        ("e: f32[2, 3] = add(t, x) q: f32[6] = reshape[shape=(6)](e)", "q", "e", "f32[2, 3]"),
        ("e: f32[2, 3] = exp(s) q: f32[6] = reshape[shape=(6)](e)", "q", "e", "f32[2, 3]"),
        ("e: f32[2, 3] = exp(x) f: f32[2, 3]{1, 2} = neg(e)", "f", "e", "f32[2, 3]{1, 2}"),
        (
            "c: f32[2, 3] = full[value=1.0, shape=(2, 3), dtype=f32]() e: f32[2, 3] = add(t, c) "
            "q: f32[6] = reshape[shape=(6)](e)", "q", "e", "f32[2, 3]{1, 2}",
        ),
    ],
)  # fmt: skip
def test_strides(nodes: str, outputs: str, name: str, expected: str) -> None:
    assert _types(nodes, outputs)[name] == expected


def test_parameters() -> None:
    nodes = "e: f32[2, 3] = exp(t) p: f32[3, 2] = permute[dims=(1, 0)](e)"
    assert _types(nodes, "p", permutes=False)["e"] == "f32[2, 3]{1, 2}"
    assert _types(nodes, "p", permutes=False, elementwise=False)["e"] == "f32[2, 3]"


def test_outputs_keep_their_strides() -> None:
    assert _types("e: f32[2, 3] = exp(t)", "e")["e"] == "f32[2, 3]"
