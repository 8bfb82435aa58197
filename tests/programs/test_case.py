from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from misfold.programs.case import HEADER, Case, merge_cases, parse_case, print_case
from misfold.programs.errors import TextError
from misfold.programs.graph import Value
from misfold.programs.hashing import graph_hash
from misfold.programs.pipeline import Pipeline
from misfold.programs.types import parse_type

from .strategies import cases, graphs

OPTIONS = '{"opt_level": 2, "disabled": ["FuseOps"]}'
PASSES = '[["Fold", {}], ["Fuse", {"n": 1}]]'
TEXT = f"""{HEADER}

def program(x0: "float32[2, 3]", x1: "int64[3]"):
    v0: "float32[2, 3]" = torch.add(x0, x1, alpha=2)
    v1 = v0.mul_(0.5)
    return v1, v0

INPUTS = {{
    "x0": {{"draw": "normal", "seed": 3, "scale": 2.0, "requires_grad": True}},
    "x1": {{"draw": "integers", "seed": 4, "low": -4, "high": 4}},
}}

PIPELINES = {{
    "tvm": {{"name": "O2", "options": {OPTIONS}, "passes": {PASSES}}},
}}

ABOUT = {{
    "exact": True,
    "seed": 7,
    "origin": "made by hand",
}}
"""
CASE = parse_case(TEXT)


def test_what_a_file_holds():
    assert CASE.graph.operators == ("torch.add", "torch.Tensor.mul_")
    assert CASE.recipes["x1"] == {"draw": "integers", "seed": 4, "low": -4, "high": 4}
    options = {"opt_level": 2, "disabled": ["FuseOps"]}
    assert CASE.pipelines == {"tvm": Pipeline("O2", options, (("Fold", {}), ("Fuse", {"n": 1})))}
    assert CASE.exact
    assert CASE.gradient
    assert CASE.about == {"seed": 7, "origin": "made by hand"}
    assert CASE.text == TEXT


def test_windows_line_ends_are_taken():
    assert parse_case(TEXT.replace("\n", "\r\n")) == CASE


@settings(max_examples=150)
@given(cases())
def test_parse_gives_back_what_print_wrote(case):
    again = parse_case(case.text)
    assert again.text == case.text
    assert again.graph == case.graph
    assert again.exact is case.exact
    # repr tells 1 from True and 1.0, and finds NaN equal to itself
    for name in ("recipes", "about", "pipelines"):
        assert repr(getattr(again, name)) == repr(getattr(case, name))
    assert again.hash == case.hash
    case.text.encode("utf-8")


@settings(max_examples=50)
@given(graphs())
def test_names_do_not_count_in_hashes(graph):
    names = {name: f"other_{index}" for index, name in enumerate(graph.values)}
    assert graph_hash(graph.renamed(names)) == graph_hash(graph) == graph_hash(graph.normal())


def test_neither_names_nor_order_of_dicts_nor_about_count_in_a_cases_hash():
    text = (
        TEXT.replace("x0", "a")
        .replace("x1", "b")
        .replace("v0", "x0")
        .replace("v1", "x1")
        .replace('"seed": 7', '"seed": 8')
    )
    text = text.replace('"seed": 3, "scale": 2.0', '"scale": 2.0, "seed": 3')
    text = text.replace('"opt_level": 2, "disabled": ["FuseOps"]', '"disabled": ["FuseOps"], "opt_level": 2')
    assert text != TEXT
    assert parse_case(text).hash == CASE.hash
    assert replace(CASE, recipes=dict(reversed(CASE.recipes.items()))).hash == CASE.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch.add", "torch.sub"),
        ("alpha=2", "alpha=2.0"),
        ("alpha=2", "alpha=True"),
        ("mul_(0.5)", "mul(0.5)"),
        ("mul_(0.5)", "mul_(-0.5)"),
        ("return v1, v0", "return v0, v1"),
        ("return v1, v0", "return (v1,)"),
        ("v1 = v0.mul_", "v1, = v0.mul_"),
        ('v0: "float32[2, 3]" =', "v0 ="),
        ("float32[2, 3]", "float16[2, 3]"),
        ('x0: "float32[2, 3]"', 'x0: "float32[2, 3]{1, 2}"'),
        ('"seed": 3', '"seed": 5'),
        ('"scale": 2.0, ', ""),
        ('"scale": 2.0', '"scale": 2'),
        (', "requires_grad": True', ""),
        ('"low": -4', '"low": -3'),
        ('"name": "O2"', '"name": "O3"'),
        ('"opt_level": 2', '"opt_level": 1'),
        ('[["Fold", {}], ["Fuse", {"n": 1}]]', '[["Fuse", {"n": 1}], ["Fold", {}]]'),
        (', "passes": [["Fold", {}], ["Fuse", {"n": 1}]]', ""),
        (', "passes": [["Fold", {}], ["Fuse", {"n": 1}]]', ', "passes": []'),
        ('"tvm": {', '"onnxruntime": {'),
        ('"exact": True', '"exact": False'),
    ],
)
def test_everything_else_counts_in_a_cases_hash(old, new):
    assert old in TEXT
    assert parse_case(TEXT.replace(old, new)).hash != CASE.hash


def error_of(text):
    with pytest.raises(TextError) as caught:
        parse_case(text, "a.py")
    assert str(caught.value).isprintable()
    assert caught.value.source == "a.py"
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "allowed"),
    [
        (HEADER, "", 1, "not a case file", HEADER),
        (HEADER, "import os", 1, "not a case file", HEADER),
        (HEADER, HEADER.replace("1", "2"), 1, "unknown version of the format", HEADER),
        (HEADER, HEADER + "0", 1, "unknown version of the format", HEADER),
        ("torch.add", "torch.save", 4, "torch.save is not an operator", "misfold operators"),
        ("torch.add(x0", "torch.add(y0", 4, "uses y0, which is not defined before it", None),
        ("return v1, v0", "return v1, v2", 6, "v2 is returned but not defined", None),
        ("def program", "def main", 3, "a plain function called program", "def program"),
        ("ABOUT =", "NOTES =", 17, "an assignment in a case file", "def program, INPUTS"),
        ("ABOUT =", "INPUTS =", 17, "an assignment in a case file", "once each"),
        ("ABOUT =", "import os\nABOUT =", 17, "an import in a case file", "once each"),
        ("ABOUT =", "print(1)\nABOUT =", 17, "an expression by itself in a case file", "once each"),
        ("ABOUT = {", "ABOUT = lambda: {", 17, "an assignment in a case file", "once each"),
        ("ABOUT = {", "A, B = {", 17, "an assignment in a case file", "once each"),
        ('"seed": 7', '"seed": f()', 19, "a call in data", "floats"),
        ('"seed": 7', '"seed": __import__("os")', 19, "a call in data", "floats"),
        ('"seed": 7', '"seed": 7 + 1', 19, "arithmetic in data", "floats"),
        ('"seed": 7', '"seed": -True', 19, "a unary operation in data", "floats"),
        ('"seed": 7', '"seed": x', 19, "a name in data", "floats"),
        ('"seed": 7', '"seed": (7,)', 19, "a tuple in data", "floats"),
        ('"seed": 7', '"seed": [0 for _ in []]', 19, "a comprehension in data", "floats"),
        ('"seed": 7', '"seed": f"{x}"', 19, "an f-string in data", "floats"),
        ('"seed": 7', '"seed": b"7"', 19, "a constant in data", "floats"),
        ('"seed": 7', '"seed": ...', 19, "a constant in data", "floats"),
        ('"seed": 7', '"seed": 0x10000000000000000', 19, "does not fit 64 bits", None),
        ('"seed": 7', '"seed": -0x10000000000000000', 19, "does not fit 64 bits", None),
        ('"seed": 7', '"seed": float("1")', 19, "a call in data", 'float("inf")'),
        ('"seed": 7', "7: 7", 19, "a key that is not a string", "dicts with strings as keys"),
        ('"seed": 7', "**{}", 19, "** in a dict", "dicts"),
        ('"seed": 7', '"seed": 7, "seed": 8', 19, "the key 'seed' a second time", None),
        ('"seed": 7', '"seed": ' + "[" * 40 + "]" * 40, 19, "nested too deeply", "16 levels"),
        ('"exact": True', '"exact": 1', 18, "exact must be True or False", None),
        ('    "x1": {"draw"', '    "x2": {"draw"', 10, "a recipe for x2, which is not an input", None),
        ('    "x1": {"draw"', '    "x\\n\\x1b": {"draw"', 10, "a recipe for x\\n\\x1b, which is not an input", None),
        ('    "x1": {"draw": "integers", "seed": 4, "low": -4, "high": 4},\n', "", 8, "input x1 has no recipe", None),
        ('"draw": "normal", ', "", 9, "input x0: not an input recipe", "one of normal"),
        ('"scale": 2.0', '"width": 2.0', 9, "input x0: unknown parameter 'width'", "scale"),
        ('"low": -4', '"low": 9', 10, "input x1: low 9 is above high 4", None),
        ('"name": "O2", ', "", 14, "tvm: not a pipeline", '"name": str'),
        ('"name": "O2"', '"name": 2', 14, "tvm: not a pipeline", '"name": str'),
        ('"options": {"opt_level": 2, "disabled": ["FuseOps"]}', '"options": []', 14, "tvm: not a pipeline", "str"),
        ('"options"', '"flags"', 14, "tvm: not a pipeline", '"name": str'),
        ('"passes": [["Fold", {}], ', '"passes": [["Fold"], ', 14, "tvm: not a pass with its parameters", "passes"),
        ('"passes": [["Fold", {}], ', '"passes": [[1, {}], ', 14, "tvm: not a pass with its parameters", "passes"),
        ('[["Fold", {}], ["Fuse", {"n": 1}]]', '"Fold"', 14, "tvm: a pipeline's passes must be a list", "passes"),
    ],
)
def test_errors_say_where_what_and_what_is_allowed(old, new, line, what, allowed):
    assert TEXT.count(old) == 1
    error = error_of(TEXT.replace(old, new))
    assert what in error.what
    assert error.line == line
    assert (error.allowed is None) == (allowed is None)
    assert allowed is None or allowed in error.allowed
    assert str(error).startswith(f"a.py:{line}: ")


def test_a_file_without_a_program_or_inputs():
    assert error_of(HEADER + "\n").what == "the file has no program"
    function = TEXT[TEXT.index("def") : TEXT.index("INPUTS")]
    assert error_of(f"{HEADER}\n{function}").what == "the file has no INPUTS"
    assert error_of(f"{HEADER}\n{function}{function}").line == 7


@pytest.mark.parametrize(
    ("about", "what"),
    [
        ({"exact": True}, "an entry called exact"),
        ({"a": {1: 2}}, "a key that is not a string"),
        ({"a": np.float64(1)}, "a float64 that a case file cannot hold"),
        ({"a": 2**64}, "a int that a case file cannot hold"),
        ({"a": b""}, "a bytes that a case file cannot hold"),
        ({"a": object()}, "a object that a case file cannot hold"),
    ],
)
def test_what_text_could_not_say_is_an_error_when_printed(about, what):
    with pytest.raises(TextError, match=what):
        print_case(replace(CASE, about=about))


def test_a_case_made_by_a_program_is_checked_too():
    with pytest.raises(TextError, match="input x1 has no recipe"):
        Case(CASE.graph, {"x0": CASE.recipes["x0"]})
    with pytest.raises(TextError, match="a recipe for y"):
        Case(CASE.graph, {**CASE.recipes, "y": {"draw": "constant", "value": 0}})
    with pytest.raises(TextError, match="only floating tensors can require a gradient, not int64"):
        Case(CASE.graph, {**CASE.recipes, "x1": {"draw": "constant", "value": 0, "requires_grad": True}})


def test_with_seed_changes_random_inputs_and_nothing_else():
    recipes = {**CASE.recipes, "x1": {"draw": "constant", "value": 1}}
    case = replace(CASE, recipes=recipes)
    other = case.with_seed(5)
    assert other.recipes["x0"]["seed"] != 3
    assert {**other.recipes["x0"], "seed": 3} == recipes["x0"]
    assert other.recipes["x1"] == recipes["x1"]
    assert (other.graph, other.pipelines, other.exact, other.about) == (CASE.graph, CASE.pipelines, True, CASE.about)
    assert case.with_seed(5) == other
    assert case.with_seed(6) != other
    assert parse_case(case.with_seed(2**63 - 1).text).recipes["x0"]["seed"] < 2**63


def test_inputs_of_one_case_get_different_seeds():
    other = CASE.with_seed(5)
    assert other.recipes["x0"]["seed"] != other.recipes["x1"]["seed"]


def test_merged_cases_lie_side_by_side():
    other = parse_case(TEXT.replace("x0", "y").replace("mul_", "div_"))
    merged = merge_cases([CASE, other, CASE])
    assert [value.name for value in merged.graph.inputs] == ["g0_x0", "g0_x1", "g1_y", "g1_x1", "g2_x0", "g2_x1"]
    assert merged.graph.operators == (*CASE.graph.operators, *other.graph.operators, *CASE.graph.operators)
    assert merged.graph.returns == ("g0_v1", "g0_v0", "g1_v1", "g1_v0", "g2_v1", "g2_v0")
    assert merged.recipes["g1_y"] == CASE.recipes["x0"]
    assert merged.pipelines == CASE.pipelines
    assert merged.exact
    assert parse_case(merged.text) == merged


def test_merging_takes_the_longest_names_too():
    long = parse_case(TEXT.replace("x0", "x" * 64).replace("v0", "v" * 64))
    merged = merge_cases([CASE, long])
    assert parse_case(merged.text) == merged
    assert merged.recipes["g1_n0"] == CASE.recipes["x0"]


@settings(max_examples=30)
@given(cases(), cases())
def test_any_two_cases_merge(left, right):
    merged = merge_cases([left, replace(right, exact=left.exact)])
    assert parse_case(merged.text).text == merged.text
    assert len(merged.graph.nodes) == len(left.graph.nodes) + len(right.graph.nodes)
    assert len(merged.graph.returns) == len(left.graph.returns) + len(right.graph.returns)


def test_renaming_may_swap_names():
    graph = CASE.graph.renamed({"v0": "v1", "v1": "v0"})
    assert graph.returns == ("v0", "v1")
    assert graph.renamed({"v0": "v1", "v1": "v0"}) == CASE.graph


def test_values_and_producers_of_a_graph():
    graph = CASE.graph
    assert list(graph.values) == ["x0", "x1", "v0", "v1"]
    assert graph.values["x0"] == Value("x0", parse_type("float32[2, 3]"))
    assert graph.producers == {"v0": 0, "v1": 1}
    assert graph.nodes[0].uses == ("x0", "x1")
