"""What docs/case-format.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from misfold.programs.arguments import SYMBOLS
from misfold.programs.case import HEADER, MAX_DEPTH, parse_case
from misfold.programs.dtypes import DTYPES
from misfold.programs.files import read_case
from misfold.programs.graph import MAX_DEPTH as ARGUMENT_DEPTH
from misfold.programs.graph import MAX_NAME, MAX_NODES, MAX_STRING
from misfold.programs.operators import NAMESPACES
from misfold.programs.parser import MAX_TEXT
from misfold.programs.recipes import COMMON, KINDS
from misfold.programs.types import MAX_DIM, MAX_RANK

PAGE = (Path(__file__).parents[2] / "docs" / "case-format.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_cases_in_the_form_that_misfold_writes(text):
    assert text.startswith(HEADER)
    assert parse_case(text).text == text


def test_the_examples_show_every_kind_of_recipe():
    shown = {recipe["draw"] for text in EXAMPLES for recipe in parse_case(text).recipes.values()}
    assert shown == set(KINDS)


def test_tables_list_every_recipe_with_its_parameters_and_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    del rows["draw"]  # the head of the table
    assert set(rows) == set(KINDS)
    for kind, parameters in KINDS.items():
        expected = [f"`{name}`" + ("" if default is None else f" ({default})") for name, default in parameters.items()]
        assert rows[kind] == ", ".join(expected)
    for name in COMMON:
        assert f'"{name}": ' in PAGE


def test_types_and_constants_are_all_named():
    grammar = PAGE[PAGE.index("DTYPE   =") : PAGE.index("Up to 16 dimensions")]
    assert set(re.findall(r"[a-z]+\d*", grammar)) == set(DTYPES)
    for symbol in SYMBOLS - {f"torch.{name}" for name in DTYPES}:
        assert f"`{symbol}`" in PAGE
    for namespace in set(NAMESPACES) - {"torch.Tensor"}:
        assert f"`{namespace}.NAME(…)`" in PAGE


def test_limits_are_those_of_the_code():
    assert MAX_TEXT == 2**20
    assert "at most 1 MiB" in PAGE
    assert f"At most {MAX_NODES:,} statements" in PAGE
    assert f"then up to {MAX_NAME - 1} lower-case letters" in PAGE
    assert f"strings of up to {MAX_STRING} characters" in PAGE
    assert f"up to {ARGUMENT_DEPTH} deep" in PAGE
    assert f"up to\n{MAX_DEPTH} deep" in PAGE
    assert MAX_DIM == 2**40
    assert f"Up to {MAX_RANK} dimensions, each from 0 to 2⁴⁰" in PAGE


def test_the_session_shown_in_python_is_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.case.py").write_text(EXAMPLES[0], encoding="utf-8")
    session = re.search(r"^```pycon\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
    scope = {}
    for source, shown in re.findall(r"^>>> (.*)\n((?!>>> ).+\n)?", session, re.MULTILINE):
        if shown:
            assert repr(eval(source, scope)) == shown.strip()
        else:
            exec(source, scope)
    assert read_case("b.case.py").recipes["x0"]["seed"] != scope["case"].recipes["x0"]["seed"]
    assert len(scope["outputs"]) == 3
