"""What is fused with what."""

from __future__ import annotations

from typing import Any

import pytest

from misfold.compiler.graph.ir import Graph
from misfold.compiler.graph.parser import parse_graph
from misfold.compiler.graph.verify import verify
from misfold.compiler.passes.base import make


def _groups(program: str, outputs: str, **parameters: Any) -> list[list[str]]:
    """The operators in each group, in the order of the result."""
    inputs = "x: f32[4, 8], y: f32[4, 8], r: f32[8], a: f32[1, 4, 8], w: f32[1, 8, 5]"
    text = f"graph g({inputs}) -> ({outputs}) {{ {program} }}"
    graph = parse_graph(text)
    verify(graph)
    after = make("operator-fusion", parameters).run(graph)  # type: ignore[arg-type]
    assert isinstance(after, Graph)
    verify(after)
    return [[one.operator for one in node.body.nodes] if node.body else [node.operator] for node in after.nodes]


_SUM = 's: f32[4] = reduce[op="add", dims=(1)]'
_ALONG = "shape=(4, 8), dims=(0)"


@pytest.mark.parametrize(
    ("nodes", "outputs", "groups"),
    [
        pytest.param(
            "e: f32[4, 8] = exp(x) f: f32[4, 8] = add(e, y)", "f", [["exp", "add"]], id="producer into consumer"
        ),
        pytest.param(f"e: f32[4, 8] = exp(x) {_SUM}(e)", "s", [["exp", "reduce"]], id="producer into reduction"),
        pytest.param(
            f"{_SUM}(x) q: f32[4] = sqrt(s)", "q", [["reduce", "sqrt"]], id="epilogue of a reduction"
        ),
        pytest.param(
            "d: f32[1, 4, 5] = dot(a, w) z: f32[1, 4, 5] = full[value=0.0, shape=(1, 4, 5), dtype=f32]()"
            " m: f32[1, 4, 5] = max(d, z)", "m", [["dot", "full", "max"]], id="epilogue of a dot",
        ),
        pytest.param(
            "n: f32[1, 4, 8] = neg(a) d: f32[1, 4, 5] = dot(n, w)", "d", [["neg"], ["dot"]],
            id="nothing is computed in a dot",
        ),
        pytest.param(
            "c: f32[1, 8, 4] = permute[dims=(0, 2, 1)](a) d: f32[1, 8, 8] = dot(c, a)", "d", [["permute", "dot"]],
            id="views go into a dot",
        ),
        pytest.param(
            f"{_SUM}(x) b: f32[4, 8] = broadcast[{_ALONG}](s) d: f32[4, 8] = sub(x, b)", "d",
            [["reduce"], ["broadcast", "sub"]], id="a reduction is not computed again for each element",
        ),
        pytest.param(
            "e: f32[8] = exp(r) b: f32[4, 8] = broadcast[shape=(4, 8), dims=(1)](e) d: f32[4, 8] = sub(x, b)", "d",
            [["exp"], ["broadcast", "sub"]], id="nor is an expensive operator behind a broadcast",
        ),
        pytest.param(
            "e: f32[8] = neg(r) b: f32[4, 8] = broadcast[shape=(4, 8), dims=(1)](e) d: f32[4, 8] = sub(x, b)", "d",
            [["neg", "broadcast", "sub"]], id="but a cheap one is",
        ),
        pytest.param(
            "e: f32[4, 8] = exp(x) v: f32[4, 8] = reverse[dims=(0)](e) d: f32[4, 8] = sub(e, v)", "d",
            [["exp"], ["reverse", "sub"]], id="an expensive operator is not computed at two indices",
        ),
        pytest.param(
            "e: f32[4, 8] = neg(x) v: f32[4, 8] = reverse[dims=(0)](e) d: f32[4, 8] = sub(e, v)", "d",
            [["neg", "reverse", "sub"]], id="a cheap operator is",
        ),
        pytest.param(
            f"n: f32[4, 8] = neg(x) {_SUM}(n) e: f32[4, 8] = exp(n)", "s, e", [["neg", "reduce"], ["neg", "exp"]],
            id="cheap operators are computed in each group",
        ),
        pytest.param(
            f"n: f32[4, 8] = add(x, y) {_SUM}(n) e: f32[4, 8] = exp(n)", "s, e", [["add"], ["reduce"], ["exp"]],
            id="unless they read more than they make",
        ),
        pytest.param(
            "e: f32[4, 8] = exp(x) f: f32[4, 8] = neg(e)", "e, f", [["exp", "neg"]], id="several outputs"
        ),
        pytest.param(
            f"{_SUM}(x) q: f32[4] = sqrt(s) p: f32[4] = neg(q)", "s, q, p", [["reduce", "sqrt", "neg"]],
            id="several outputs behind a reduction",
        ),
        pytest.param(
            f"e: f32[4, 8] = exp(x) {_SUM}(e) b: f32[4, 8] = broadcast[{_ALONG}](s) d: f32[4, 8] = div(e, b)", "d",
            [["exp"], ["reduce"], ["broadcast", "div"]], id="softmax",
        ),
        pytest.param(
            f"e: f32[4, 8] = exp(x) {_SUM}(e) b: f32[4, 8] = broadcast[{_ALONG}](s) d: f32[4, 8] = div(e, b)", "d, e",
            [["exp"], ["reduce"], ["broadcast", "div"]], id="no output that the group itself waits for",
        ),
        pytest.param(
            "e: f32[4, 8] = exp(x) c: f32[8, 8] = concatenate[dim=0](e, y)", "c", [["exp"], ["concatenate"]],
            id="nothing expensive where it may be in vain",
        ),
    ],
)  # fmt: skip
def test_groups(nodes: str, outputs: str, groups: list[list[str]]) -> None:
    assert _groups(nodes, outputs) == groups


def test_parameters() -> None:
    chain = "e: f32[4, 8] = exp(x) f: f32[4, 8] = add(e, y) g0: f32[4, 8] = exp(f)"
    assert _groups(chain, "g0", nodes=2) == [["exp"], ["add", "exp"]]
    assert _groups(chain, "g0", producers=False) == [["exp"], ["add"], ["exp"]]
    reduction = f"e: f32[4, 8] = exp(x) {_SUM}(e) q: f32[4] = sqrt(s)"
    assert _groups(reduction, "q") == [["exp", "reduce", "sqrt"]]
    assert _groups(reduction, "q", reductions=False) == [["exp"], ["reduce", "sqrt"]]
    assert _groups(reduction, "q", epilogues=False) == [["exp", "reduce"], ["sqrt"]]
    shared = f"n: f32[4, 8] = neg(x) {_SUM}(n) e: f32[4, 8] = exp(n)"
    assert _groups(shared, "s, e", recompute=False) == [["neg"], ["reduce"], ["exp"]]


def test_an_expensive_operator_is_never_computed_twice() -> None:
    # The view is computed in both groups; what it views must not be.
    nodes = (
        "e: f32[4, 8] = exp(x) t: f32[8, 4] = permute[dims=(1, 0)](e) "
        'q: f32[8] = reduce[op="add", dims=(1)](t) k: f32[4] = reduce[op="max", dims=(0)](t)'
    )
    assert _groups(nodes, "q, k") == [["exp"], ["permute", "reduce"], ["permute", "reduce"]]


def test_what_is_stored_in_one_group_is_not_stored_in_another():
    """v3 is computed anew for v5, from v2: then v2 is stored beside v3, and not by a group of its own."""
    program = (
        "v1: f32[8] = exp(r) v2: f32[8] = div(r, v1) v3: f32[8] = neg(v2) "
        "v4: f32[8], v6: i64[8] = sort[dim=0, descending=false](v3) v5: f32[8] = mul(v3, r)"
    )
    assert _groups(program, "v1, v5, v4") == [["exp", "div", "neg"], ["sort"], ["neg", "mul"]]
