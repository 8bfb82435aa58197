"""The normal form, learnt rules and readers: what sentences say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.generators.documentation import rules, values
from misfold.generators.documentation.defaults import stated_default
from misfold.generators.documentation.facts import Parameter
from misfold.generators.documentation.labels import CATEGORIES
from misfold.generators.documentation.normal import TEXT, sentences
from misfold.generators.documentation.readers.docstrings import parameters
from misfold.generators.documentation.readers.modules import documented
from misfold.generators.documentation.readers.signatures import stated
from misfold.programs.errors import UsageError


def normal(text, field=TEXT, **names):
    return [str(sentence) for sentence in sentences(text, field, **names)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 2-D float tensor of shape (N, C).", ["a NDIM DTYPE STRUCT of shape SHAPE"]),
        ("One of 'a', 'b' or 'c'.", ["one of ENUM"]),
        ("must be in [0, 1)", ["must be in INTERVAL"]),
        ("must be at least 1", ["must be REL"]),
        ("The number of groups. Default: 1", ["the number of group", "default : NUM"]),
        (r"of shape :math:`(\text{batch}, C_{in})`", ["of shape SHAPE"]),
        ("a LongTensor", ["a DTYPE STRUCT"]),
    ],
)
def test_normal_form(text, expected):
    assert normal(text) == expected


def test_placeholders_keep_their_values():
    (sentence,) = sentences("One of 'a', 'b' or 'c' for 2-D input in [0, 1]")
    assert sentence.values("ENUM") == ("a", "b", "c")
    assert sentence.values("NDIM") == ("2",)
    assert sentence.values("INTERVAL") == ("[0,1]",)


def test_names_of_parameters_are_placeholders():
    assert normal("as `other` and `mine`", own="mine", others=["other"]) == ["as PARAM and SELF"]


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_normal_form_and_facts(text):
    known = rules.load().read(Parameter("api", "p", text[:40], text, text[:10]))
    assert all(fact.category in (*CATEGORIES, "relation", "optional", "default") for fact in known.facts)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("Tensor", "the input tensor", {("structure", "tensor")}),
        ("int, optional", "number of groups", {("dtype", "int"), ("range", "[0,inf)")}),
        ("str", "One of ``'none'`` | ``'sum'``", {("dtype", "string"), ("enum", "none"), ("enum", "sum")}),
        ("", "A 4-D `Tensor`.", {("structure", "tensor"), ("ndim", "4")}),
        ("", "whether to keep the dimensions", {("dtype", "bool")}),
        ("float", "must be in the range [0, 1]", {("dtype", "float"), ("range", "[0,1]")}),
    ],
)
def test_shipped_rules_read_common_phrases(kind, text, expected):
    found = {(fact.category, fact.value) for fact in rules.load().read(Parameter("api", "p", kind, text)).facts}
    assert expected <= found


def test_a_fact_quotes_its_sentence_and_its_patterns():
    known = rules.load().read(Parameter("api", "p", "int", "Something else. Must be positive."))
    (fact,) = known.of("range")
    assert fact.quote == "Must be positive."
    assert any("positive" in pattern for pattern in fact.patterns)


def test_relations():
    known = rules.load().read(Parameter("api", "p", "", "must have the same shape as `other`"), ["other"])
    assert known.values("relation") == ("same shape: other",)


@pytest.mark.parametrize(
    ("category", "text", "expected"),
    [
        ("range", ">= 0", ["[0,inf)"]),
        ("range", "x < 1.0", ["(-inf,1)"]),
        ("range", "( 0, infinity ]", ["(0,inf)"]),
        ("ndim", "2-D", ["2"]),
        ("ndim", "n > 2", [">2"]),
        ("shape", "(N, C_in)", ["[n,c_in]"]),
        ("enum", "{'a', 'b'}", ["a", "b"]),
        ("dtype", "boolean", ["bool"]),
        ("structure", "NDArrays", ["tensor"]),
    ],
)
def test_canonical_values(category, text, expected):
    assert values.canonical(category, text) == expected


@pytest.mark.parametrize(
    "broken", ["", "[]", "{}", '{"format": "other"}', '{"format": "misfold documentation rules 1"}']
)
def test_what_is_no_rule_file_is_refused(tmp_path, broken):
    path = tmp_path / "rules.json"
    path.write_text(broken)
    with pytest.raises(UsageError):
        rules.load(path)


def test_rules_are_written_and_read_again(tmp_path):
    path = tmp_path / "rules.json"
    rules.write(rules.load(), path)
    again = rules.load(path)
    assert again.weights == rules.load().weights and again.biases == rules.load().biases


GOOGLE = """Adds.

Args:
    x (Tensor): the first one
        on two lines
    y, z (int, optional): numbers. Default: ``3``

Keyword args:
    out (Tensor, optional): the output

Shape:
    - Input: :math:`(N, C)`
    - Output: :math:`(N)`

Returns:
    nothing (at all): really
"""
NUMPY = """Adds.

Parameters
----------
x : array_like
    The first one.
y, z : int, optional
    Numbers.

Returns
-------
r : float
"""
SPHINX = """Adds.

:param x: the first one
:type x: Tensor
:param int y: a number
:returns: nothing
"""


def test_docstring_styles():
    google = {p.name: p for p in parameters("m.f", GOOGLE)}
    assert list(google) == ["x", "y", "z", "out", "input"]
    assert google["x"].type == "Tensor" and google["x"].description == "the first one on two lines"
    assert google["out"].keyword_only and not google["x"].keyword_only
    numpy = {p.name: p.type for p in parameters("m.f", NUMPY)}
    assert numpy == {"x": "array_like", "y": "int, optional", "z": "int, optional"}
    sphinx = {p.name: p.type for p in parameters("m.f", SPHINX)}
    assert sphinx == {"x": "Tensor", "y": "int"}


def test_signatures_of_docstrings():
    found = stated("add(input, other, *, alpha=1, out=None) -> Tensor\n\nAdds.", "add")
    assert found.names == ("input", "other", "alpha", "out")
    assert found.defaults == {"alpha": "1", "out": "None"}
    assert found.keyword_only == {"alpha", "out"} and not found.actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Default: ``False``", False),
        ("eps (default: 1e-5)", 1e-5),
        ("defaults to ``'mean'``.", "mean"),
        ("Default: 1./3.", None),
        ("Default: 1 if given. Default: 2", None),
        ("nothing", None),
    ],
)
def test_stated_defaults(text, expected):
    found = stated_default(text)
    assert (None if found is None else found[0]) == expected


def test_missing_modules_are_one_clear_error():
    with pytest.raises(UsageError, match="there is no module no_such_module"):
        documented("no_such_module.part")
    with pytest.raises(UsageError, match="has no nothing"):
        documented("json.nothing")


def test_signatures_of_name_spaces():
    # torch.linalg.qr calls itself linalg_qr.
    assert stated("qr(A, mode='reduced', *, out=None) -> (Tensor, Tensor)", "linalg_qr").names == ("A", "mode", "out")
    assert stated("qr(A, mode='reduced')", "svd") is None
