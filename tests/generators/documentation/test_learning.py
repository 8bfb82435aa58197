"""Learning: the sample, gold and scores; rules learnt from little data generalise."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sklearn")

from misfold.generators.documentation import learning, sample, validation
from misfold.generators.documentation.normal import sentences
from misfold.generators.documentation.scoring import score
from misfold.programs.errors import UsageError

SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "parameter-docs-mxnet.csv"
HEAD = ",".join(sample.COLUMNS)


@pytest.mark.parametrize(
    ("normalised", "text", "name", "expected"),
    [
        (
            "ENUM optional default ENUM",
            "DD: {'fit', 'force'},optional, default='fit'",
            "ENUM",
            ["{'fit', 'force'}", "'fit'"],
        ),
        (
            "D_TYPE or D_STRUCTURE of CONSTANT_NUM D_TYPE",
            "DD: int or tuple/list of 3 int",
            "D_STRUCTURE",
            ["tuple/list"],
        ),
        ("Must be REXPR", "A slope. Must be >= 0.", "REXPR", [">= 0"]),
    ],
)
def test_placeholders_are_found_in_the_text(normalised, text, name, expected):
    assert sample.captures(normalised, text)[name] == expected


def test_gold_is_resolved_against_the_text():
    row = sample.Row(
        "a", "p", "DD: int or tuple", "D_TYPE or D_STRUCTURE", {"dtype": ("D_TYPE",), "structure": ("D_STRUCTURE",)}
    )
    assert row.resolved() == {("dtype", "int"), ("structure", "tuple")}


def test_scores():
    gold, found = frozenset({("dtype", "int"), ("ndim", "0")}), frozenset({("dtype", "int"), ("enum", "a")})
    scores = score([(found, gold)])
    assert (scores["all"].right, scores["all"].wrong, scores["all"].missed) == (1, 1, 1)
    assert scores["dtype"].precision == 1 and scores["ndim/shape"].recall == 0


def test_a_sample_without_columns_is_refused(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text("API,Arg\n")
    with pytest.raises(UsageError, match="no column Descp"):
        sample.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        sample.read(tmp_path / "missing.csv")


@pytest.mark.parametrize("way", learning.WAYS)
def test_phrases_are_learnt(way):
    phrases = sample.phrases()
    rules = learning.learn(phrases * 2, way)
    (sentence,) = sentences("One of 'red', 'green' or 'blue'.")
    assert {("enum", "red"), ("enum", "green")} <= {(f.category, f.value) for f in rules.facts(sentence)}
    (other,) = sentences("the memory layout of the result")
    assert not rules.facts(other)


def test_folds_are_stable():
    assert [validation.fold_of(name) for name in ("a", "b", "c")] == [
        validation.fold_of(name) for name in ("a", "b", "c")
    ]
    assert len({validation.fold_of(f"api{i}") for i in range(100)}) == validation.FOLDS


@pytest.mark.slow
@pytest.mark.skipif(not SAMPLE.exists(), reason="the annotated sample is not part of the repository")
def test_cross_validation_reaches_its_goals():
    parameters = sample.documented(sample.read(SAMPLE))
    found = validation.cross_validate(parameters, extra=sample.phrases()).scores["all"]
    assert found.precision >= 0.90 and found.recall >= 0.88
