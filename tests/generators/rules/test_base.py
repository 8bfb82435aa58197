"""Rules as data: structures, files of rules, and what is said about damaged ones."""

from __future__ import annotations

import gzip
import json

import pytest

from misfold.generators.rules import Case, Evidence, Rule, RuleBase, Scores
from misfold.generators.rules.base import operator_data, write
from misfold.generators.rules.comparing import compare
from misfold.generators.rules.dtypes import DtypeRule
from misfold.generators.rules.showing import rule_lines
from misfold.generators.rules.structure import Structure, structure_of
from misfold.generators.rules.text import parse_constraint, parse_expression
from misfold.generators.traces.call import Call
from misfold.programs.arguments import Symbol
from misfold.programs.errors import TextError, UsageError
from misfold.programs.types import TensorType

T = TensorType.of
CALL = Call(
    "torch.example",
    ((T("float32", (2, 3)), T("int64", ())), 4, "sum", None, True, slice(1, None, 2), ...),
    (("dim", (1, -1)), ("dtype", Symbol("torch.float32")), ("scale", 0.5)),
)


def rule(function="torch.example", dims=("a[0]", "a[1] + 2*n"), where=("n >= 1",), **more):
    call = Call(function, (T("float32", (2, 3)), 4))
    structure, _, _ = structure_of(call, ("a", "n"), lambda name, value: False)
    case = Case((tuple(map(parse_expression, dims)),))
    evidence = (Evidence((2, 3, 4), ("float32",)), Evidence((2, 3, 0), ("float32",), "RuntimeError: no"))
    dtypes = DtypeRule(("same:0",), (0,), (("float32", "float64"),), None, (False,), ("int",))
    constraints = tuple(map(parse_constraint, where))
    return Rule(structure, (case,), constraints, dtypes, Scores(9, 1, 0, 5, 9, 9), evidence, **more)


def test_a_structure_and_its_symbols_make_the_call_again():
    names = tuple(f"x{index}" for index in range(len(CALL.args)))
    structure, values, dtypes = structure_of(CALL, names, lambda name, value: name.startswith("dim"))
    assert values == {"x0[0][0]": 2, "x0[0][1]": 3, "x1": 4, "x5[0]": 1, "x5[2]": 2, "scale": 0.5}
    assert dtypes == ["float32", "int64"]
    assert structure.symbols == tuple(values)
    assert structure.dimensions == {"x0[0][0]", "x0[0][1]"}
    assert structure.floats == {"scale"}
    assert structure.build(values, dtypes) == CALL
    again = Structure.from_data(structure.function, json.loads(json.dumps(structure.to_data())))
    assert again == structure
    assert again.build({**values, "x1": 7}, dtypes).args[1] == 7


@pytest.mark.parametrize("data", [{}, {"args": [1], "names": []}, {"args": [{"tensor": 99}], "names": ["a"]}, []])
def test_damaged_structures(data):
    with pytest.raises(TextError):
        Structure.from_data("torch.add", data)


def test_a_rule_says_what_is_valid_and_what_comes_out():
    mine = rule()
    values = {"a[0]": 2, "a[1]": 3, "n": 4}
    assert mine.valid(values)
    assert mine.valid(values, ("float64",))
    assert not mine.valid(values, ("int64",))
    assert not mine.valid({**values, "n": 0})
    assert not mine.valid({**values, "a[0]": -1})
    assert mine.output_types(values, ("float64",)) == (T("float64", (2, 11)),)
    with pytest.raises(ValueError, match="int64"):
        mine.output_types(values, ("int64",))


def test_negative_sizes_and_division_by_zero_are_invalid():
    mine = rule(dims=("a[0] - n", "a[1]//n"), where=())
    assert mine.valid({"a[0]": 2, "a[1]": 3, "n": 1})
    assert not mine.valid({"a[0]": 2, "a[1]": 3, "n": 3})
    assert not mine.valid({"a[0]": 2, "a[1]": 3, "n": 0})


def test_a_varying_number_of_outputs():
    mine = rule()
    case = Case(((parse_expression("min(n, a[0] - i*n)"),),), count=parse_expression("ceildiv(a[0], n)"))
    mine = Rule(mine.structure, (case,), (), mine.dtypes, single=False)
    assert mine.output_shapes({"a[0]": 7, "a[1]": 1, "n": 3}) == ((3,), (3,), (1,))
    assert len(mine.output_types({"a[0]": 7, "a[1]": 1, "n": 3}, ("float32",))) == 3


def test_cases_are_told_by_their_conditions():
    mine = rule()
    first = Case((None,), (parse_constraint("a[0] == 1"),))
    mine = Rule(mine.structure, (first, *mine.cases), (), mine.dtypes)
    assert mine.output_shapes({"a[0]": 1, "a[1]": 3, "n": 4}) == (None,)
    assert mine.output_shapes({"a[0]": 2, "a[1]": 3, "n": 4}) == ((2, 11),)


def test_files(tmp_path):
    path = tmp_path / "rules.jsonl.gz"
    rules = [rule(), rule(dims=("a[0]",), reason="held-out shapes 50%", values=True, single=False)]
    data = {"torch.example": operator_data(rules), "torch.other": operator_data([rule("torch.other")])}
    write(path, data, "2.13.0+cpu", seed=7)
    first = path.read_bytes()
    write(path, data, "2.13.0+cpu", seed=7)
    assert path.read_bytes() == first
    base = RuleBase.load(path=path)
    assert base.version == "2.13.0"
    assert base.header["seed"] == 7
    assert base.operators == ("torch.example", "torch.other")
    assert base.of("torch.example") == rules
    assert [item.usable for item in base.of("torch.example")] == [True, False]
    assert base.of("torch.unknown") == []
    shown = "\n".join(rule_lines(rules[0]))
    for text in (
        "output = [a[0], a[1] + 2*n]",
        "where n >= 1",
        "precision 0.900",
        "float32[2, 3], 0)  ->  RuntimeError: no",
    ):
        assert text in shown


def test_differences(tmp_path):
    for name, data in (
        ("old", {"torch.example": operator_data([rule()]), "torch.gone": operator_data([rule("torch.gone")])}),
        ("new", {"torch.example": operator_data([rule(where=("n >= 2",), reason="held-out recall 1%")])}),
    ):
        write(tmp_path / name, data, "2.13.0")
    found = compare(RuleBase.load(path=tmp_path / "old"), RuleBase.load(path=tmp_path / "new"))
    assert [(item.kind, item.structure.partition("(")[0]) for item in found] == [
        ("use", "torch.example"),
        ("shapes", "torch.example"),
        ("gone", "torch.gone"),
    ]
    assert "+ where n >= 2" in found[1].text()
    assert not compare(RuleBase.load(path=tmp_path / "old"), RuleBase.load(path=tmp_path / "old"))


def packed(*lines):
    return gzip.compress("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"garbage", "cannot be read"),
        (packed("[]"), "not a file of rules"),
        (packed('{"kind": "misfold trials"}'), "not a file of rules"),
        (packed('{"kind": "misfold rules", "format": 99, "torch": "2", "operators": []}'), "format 99"),
        (packed('{"kind": "misfold rules", "format": 1, "torch": "2", "operators": ["a", "b"]}', "{}"), "1 operators"),
        (packed("not json"), "not a file of rules"),
    ],
    # Compressed bytes carry the time they were made at: they name no test that several processes have to agree on.
    ids=["not compressed", "no header", "another kind", "a later format", "operators missing", "not JSON"],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "rules.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        RuleBase.load(path=path)


@pytest.mark.parametrize("line", ["{}", "[]", '{"dtypes": [], "rules": [{}]}', '{"dtypes": [{}], "rules": [1]}', "{"])
def test_a_damaged_operator_is_told_when_it_is_asked_for(tmp_path, line):
    path = tmp_path / "rules.jsonl.gz"
    path.write_bytes(packed('{"kind": "misfold rules", "format": 1, "torch": "2", "operators": ["torch.add"]}', line))
    base = RuleBase.load(path=path)
    with pytest.raises(UsageError, match=r"torch\.add"):
        base.of("torch.add")


def test_a_version_without_rules():
    with pytest.raises(UsageError, match="misfold infer"):
        RuleBase.load("0.0.1")
