"""Readings held against a reader's judgement; what sentences of one parameter say together."""

from __future__ import annotations

from pathlib import Path

import pytest

from misfold.generators.documentation import judged, rules
from misfold.generators.documentation.facts import Parameter
from misfold.generators.documentation.normal import leading_type, sentences
from misfold.generators.documentation.spelling import plain
from misfold.programs.errors import UsageError

DATA = Path(__file__).parent / "data"


def values(kind, text, default=None, category=None):
    facts = rules.load().read(Parameter("api", "p", kind, text, default)).facts
    return {f"{fact.category} {fact.value}" for fact in facts if category in (None, fact.category)}


def test_styles_that_nothing_was_learnt_from():
    found = judged.judge(rules.load(), judged.read_texts(DATA / "other-styles.tsv"))
    assert found.right > 150
    assert found.precision >= 0.93 and found.recall >= 0.93, found.mistakes


def test_torch_as_a_reader_judges_it():
    pytest.importorskip("torch")
    entries, other = judged.read_installed(DATA / "torch-parameters.tsv")
    if other > 10:
        pytest.skip(f"the installed torch says {other} of 50 otherwise")
    found = judged.judge(rules.load(), entries, other)
    assert found.precision >= 0.93 and found.recall >= 0.93, found.mistakes


def test_a_judgement_counts_what_is_true_apart():
    entry = judged.Judged(Parameter("api", "p", "int", ""), frozenset({"dtype int", "ndim 7"}))
    found = judged.judge(rules.load(), [entry])
    assert (found.right, found.missed, found.found_stated) == (1, 1, 1)
    nothing = judged.judge(rules.load(), [judged.Judged(Parameter("api", "p", "int", ""), frozenset())])
    assert (nothing.wrong, nothing.precision) == (1, 0.0)
    true = judged.Judged(Parameter("api", "p", "int", ""), frozenset(), frozenset({"dtype int"}))
    assert judged.judge(rules.load(), [true]).precision == 1.0


def test_a_damaged_table_is_one_line(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("a\tb\tc\td\te\tf\tg\n")
    with pytest.raises(UsageError, match="line 1: 7 columns"):
        judged.read_texts(path)
    with pytest.raises(UsageError, match="cannot be read"):
        judged.read_texts(tmp_path / "missing.tsv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 < p <= 1", "p in the interval (0, 1]"),
        ("a value > 0 and < 1", "a value in the interval (0, 1)"),
        ("less than 1 and greater than or equal to 0", "in the interval [0, 1)"),
        ("0 <= x1 < x2", "0 <= x1 < x2"),
        ("nonnegative", "non-negative"),
        ("'a' (default) or 'b'", "'a' or 'b'"),
        (">= `0`", ">= 0"),
    ],
)
def test_spellings(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "placeholder", "expected"),
    [
        ("in the interval (0, 1)", "INTERVAL", ("(0,1)",)),
        ("a tuple (0, 1)", "INTERVAL", ()),
        ("the last two dimensions", "NDIM", ()),
        ("of the 2D convolution", "NDIM", ()),
        ("a 2-D tensor", "NDIM", ("2",)),
        ("with `K >= 1`", "REL", ()),
        ("must be >= 1", "REL", (">=1",)),
        ("of dtype float32", "DTYPE", ("float32",)),
        ("the dtype of the result", "DTYPE", ("dtype",)),
        ("return half of the results", "DTYPE", ()),
    ],
)
def test_what_is_a_placeholder_and_what_is_not(text, placeholder, expected):
    (sentence,) = sentences(text, own="p")
    assert sentence.values(placeholder) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int or tuple of 2 ints, the factors.", "int or tuple of 2 ints"),
        ("A Tensor. Must be positive.", "A Tensor"),
        ("The number of groups, if any.", ""),
        ("Tensor of shape (N, C)", ""),
    ],
)
def test_first_words_may_be_the_type(text, kind):
    assert leading_type(text)[0] == kind


def test_what_facts_say_together():
    assert not values("str", "One of 'a' or 'b'. The number of elements is counted.", category="range")
    assert values("callable", "a function of an integer and a tensor") <= set()
    assert values("", "the layout", "'NCHW'", "enum") == set()
    assert values("int", "A positive integer, the number of groups.", category="range") == {"range (0,inf)"}
