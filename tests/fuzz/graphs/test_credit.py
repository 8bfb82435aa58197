"""Which members of a batch are thanked for what it was the first to reach."""

from __future__ import annotations

from misfold.fuzz.graphs.credit import MOST, Credit, features
from misfold.programs.graph import Graph
from misfold.programs.parser import parse_graph


def graph(*lines: str, dtype: str = "float32") -> Graph:
    body = "\n".join(f"    {line}" for line in lines)
    return parse_graph(f'def program(x0: "{dtype}[4]"):\n{body}\n    return (v{len(lines) - 1},)\n')


ADD = graph("v0 = torch.add(x0, x0)")
EXP = graph("v0 = torch.exp(x0)")
BOTH = graph("v0 = torch.add(x0, x0)", "v1 = torch.exp(v0)")


def test_features_are_calls_with_types_and_who_takes_from_whom():
    assert features(ADD) < features(BOTH)
    assert len(features(BOTH) - features(ADD)) == 2
    assert features(ADD) != features(graph("v0 = torch.add(x0, x0)", dtype="int64"))


def test_one_alone_is_thanked():
    credit = Credit()
    credit.saw("a", [ADD])
    assert credit.thanked("a", [ADD]) == [0]


def test_members_with_something_new_are_thanked():
    credit = Credit()
    credit.saw("a", [ADD, ADD])
    assert credit.thanked("a", [ADD, EXP, ADD]) == [1]
    assert credit.thanked("a", [BOTH, ADD, EXP]) == [0, 2]
    # another target has seen nothing yet
    assert credit.thanked("b", [ADD, EXP]) == [0, 1]


def test_where_nothing_is_new_the_rarest_is_thanked():
    credit = Credit()
    credit.saw("a", [ADD] * 9 + [EXP])
    assert credit.thanked("a", [ADD, ADD, EXP]) == [2]


def test_not_everyone_is_thanked():
    assert len(Credit().thanked("a", [ADD, EXP, BOTH, ADD, EXP])) == MOST
