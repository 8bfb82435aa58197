from __future__ import annotations

import pytest
from hypothesis import given, settings

from misfold.programs.arguments import Ref, same
from misfold.programs.errors import GraphError
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.parser import parse_graph
from misfold.programs.printer import print_graph
from misfold.programs.types import parse_type

from .strategies import GETITEM, graphs


@settings(max_examples=250)
@given(graphs())
def test_parse_gives_back_what_print_wrote(graph):
    text = print_graph(graph)
    again = parse_graph(text)
    assert again == graph
    assert print_graph(again) == text
    # a reproducer is this text, so Python must take it whole, and an editor must be able to show it
    compile(text, "program", "exec")
    assert text.replace("\n", "").isprintable()


def one(node_args, op="torch.add", kwargs=None, outputs=("v0",), unpack=False):
    inputs = (Value("x0", parse_type("float32[2]")), Value("x1", parse_type("int64[]")))
    return Graph(inputs, (Node(op, node_args, kwargs or {}, tuple(map(Value, outputs)), unpack),), ("v0",))


@pytest.mark.parametrize(
    ("graph", "line"),
    [
        (one((Ref("x0"), Ref("x1"))), "v0 = torch.add(x0, x1)"),
        (one((Ref("x0"), -0.0), "torch.Tensor.add", {"alpha": 2}), "v0 = x0.add(-0.0, alpha=2)"),
        (one((1.5, Ref("x0")), "torch.Tensor.add"), "v0 = torch.Tensor.add(1.5, x0)"),
        (one((), "torch.zeros"), "v0 = torch.zeros()"),
        (one((Ref("x0"),), "torch.max", outputs=("v0", "v1"), unpack=True), "v0, v1 = torch.max(x0)"),
        (one((Ref("x0"),), "torch.Tensor.split", unpack=True), "v0, = x0.split()"),
        (one((Ref("x0"), slice(1, None, None)), GETITEM), "v0 = x0[1:]"),
        (one((Ref("x0"), (slice(None), None, ..., 0)), GETITEM), "v0 = x0[:, None, ..., 0]"),
        (one((Ref("x0"), (slice(None, None, -1),)), GETITEM), "v0 = x0[::-1,]"),
        (one((Ref("x0"), ()), GETITEM), "v0 = x0[()]"),
        (one((Ref("x0"), Ref("x1")), GETITEM), "v0 = x0[x1]"),
        (one((Ref("x0"), [slice(0, 1, None)]), GETITEM), "v0 = x0[[slice(0, 1, None)]]"),
        (one(([Ref("x0")], (Ref("x1"),)), "torch.cat"), "v0 = torch.cat([x0], (x1,))"),
        (one((float("inf"), float("-inf"), float("nan"))), 'v0 = torch.add(float("inf"), float("-inf"), float("nan"))'),
        (one(("a", "it's", "\n")), 'v0 = torch.add("a", "it\'s", \'\\n\')'),
        (one((1e-320, 2**63, True, None)), "v0 = torch.add(1e-320, 9223372036854775808, True, None)"),
    ],
)
def test_what_it_looks_like(graph, line):
    text = print_graph(graph)
    assert text.splitlines()[1] == f"    {line}"
    assert parse_graph(text) == graph


def test_types_stand_where_they_are_known():
    kind = parse_type("float32[2]")
    nodes = (
        Node("torch.abs", (Ref("x0"),), {}, (Value("v0", kind),)),
        Node("torch.max", (Ref("v0"), 0), {}, (Value("v1", kind), Value("v2")), True),
    )
    text = print_graph(Graph((Value("x0", kind),), nodes, ("v1",)))
    assert text == (
        'def program(x0: "float32[2]"):\n'
        '    v0: "float32[2]" = torch.abs(x0)\n'
        '    v1: "float32[2]"\n'
        "    v1, v2 = torch.max(v0, 0)\n"
        "    return (v1,)\n"
    )


class _Number(int):
    pass


class _Shape(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    ("graph", "what"),
    [
        (lambda: one((_Number(1),)), "an argument of type _Number"),
        (lambda: one((_Shape((1, 2)),)), "an argument of type _Shape"),
        (lambda: one((1 + 2j,)), "an argument of type complex"),
        (lambda: one((b"",)), "an argument of type bytes"),
        (lambda: one((2**64,)), "does not fit 64 bits"),
        (lambda: one(("a" * 5000,)), "a string of 5000 characters"),
        (lambda: one(([[[[[[[[[[]]]]]]]]]],)), "nested deeper than 8"),
        (lambda: one((Ref("y"),)), "uses y, which is not defined"),
        (lambda: one((), "os.system"), "os.system is not an operator"),
        (lambda: one((), kwargs={"x=1)\nimport os\n(": 1}), "keyword argument called"),
        (lambda: one((), kwargs={"if": 1}), "keyword argument called 'if'"),
        (lambda: one((), kwargs={"ﬁ": 1}), "keyword argument called"),
        (lambda: one((), outputs=("v0", "v1")), "has 2 outputs"),
        (lambda: one((), outputs=()), "has 0 outputs"),
        (lambda: one((), outputs=("v0", "v0"), unpack=True), "v0 is assigned twice"),
        (lambda: one((), outputs=("x0",)), "x0 is assigned twice"),
        (lambda: one((), outputs=("torch",)), "cannot name a value"),
        (lambda: one((), outputs=("slice",)), "cannot name a value"),
        (lambda: one((), outputs=("X",)), "cannot name a value"),
        (lambda: one((), outputs=("a" * 65,)), "cannot name a value"),
        (lambda: one((), outputs=("if",)), "cannot name a value"),
        (lambda: Graph((Value("x0"),), (), ("x0",)), "input x0 has no type"),
        (lambda: Graph((), (), ()), "nothing is returned"),
        (lambda: Graph((), (), ("v0",)), "v0 is returned but not defined"),
    ],
)
def test_what_text_could_not_say_cannot_be_made(graph, what):
    with pytest.raises(GraphError, match=what) as caught:
        graph()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, True, False),
        (1, 1.0, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        ([1], (1,), False),
        ((1, [2.0]), (1, [2.0]), True),
        (slice(1, 2, None), slice(1, 2, None), True),
        (slice(1, 2, None), slice(True, 2, None), False),
        (Ref("x"), Ref("x"), True),
        (Ref("x"), "x", False),
        ("", None, False),
    ],
)
def test_sameness_of_arguments(left, right, equal):
    assert same(left, right) is equal
