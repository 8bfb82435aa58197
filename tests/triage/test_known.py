"""Known issues: the file, what it knows, and what it keeps away."""

from __future__ import annotations

from datetime import date
from textwrap import dedent

import pytest

from misfold.programs.errors import UsageError
from misfold.programs.parser import parse_graph
from misfold.triage.known.issues import Call, Failing, Issue, parse_issues, read_issues
from misfold.triage.known.knowing import Knowledge, calls_of

FILE = """
    [[issue]]
    title = "exp of integers is not promoted"
    target = "tvm"
    kinds = ["compile-error"]
    operators = ["exp", "torch.Tensor.exp*"]
    dtypes = ["int*", "uint8"]
    versions = { apache-tvm = ">=0.27,<0.28" }
    link = "https://example.org/1"
    expires = 2027-06-30

    [[issue]]
    title = "segmentation faults of cumprod"
    signature = "tvm | crash | SIGSEGV | *cumprod*"
"""
GRAPH = parse_graph(
    'def program(x0: "int64[3]", x1: "float32[3]"):\n'
    '    v0: "float32[3]" = torch.exp(x0)\n    v1: "float32[3]" = torch.add(v0, x1)\n    return (v1,)\n'
)
VERSIONS = {"apache-tvm": "0.27.0.post1", "torch": "2.13.0+cpu"}
DAY = date(2027, 1, 1)


def failing(**other):
    base = {"target": "tvm", "kind": "compile-error", "signature": "tvm | compile-error | TypeError"}
    base |= {"message": "TypeError: x", "calls": calls_of(GRAPH), "versions": VERSIONS}
    return Failing(**{**base, **other})


def knowledge(day=DAY, versions=VERSIONS):
    return Knowledge(parse_issues(dedent(FILE), "known.toml"), versions, day)


def test_calls_of_a_graph():
    assert calls_of(GRAPH) == (Call("torch.exp", frozenset({"int64"})), Call("torch.add", frozenset({"float32"})))


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ({}, "exp of integers is not promoted"),
        ({"calls": (Call("torch.Tensor.exp_", frozenset({"uint8"})),)}, "exp of integers is not promoted"),
        ({"calls": (Call("torch.exp", frozenset({"float32"})),)}, None),
        ({"calls": (Call("torch.log", frozenset({"int64"})),)}, None),
        # the operator of one call and the element type of another are no match
        ({"calls": (Call("torch.exp", frozenset({"float32"})), Call("torch.log", frozenset({"int64"})))}, None),
        ({"kind": "wrong"}, None),
        ({"target": "inductor"}, None),
        ({"kind": "crash", "signature": "tvm | crash | SIGSEGV | cumprod(float)"}, "segmentation faults of cumprod"),
    ],
)
def test_what_a_finding_is(other, title):
    found = knowledge().explain(failing(**other))
    assert (found and found.title) == title


def test_what_has_expired_or_is_of_another_version_is_not_known():
    assert knowledge(day=date(2027, 6, 30)).explain(failing())
    assert knowledge(day=date(2027, 7, 1)).explain(failing()) is None
    assert knowledge(versions={"apache-tvm": "0.28.1"}).explain(failing()) is None
    assert knowledge(versions={}).explain(failing()) is None


def test_a_target_is_spared_what_can_be_foreseen_only():
    own = knowledge()
    assert own.spare("tvm", GRAPH).title == "exp of integers is not promoted"
    assert own.spare("inductor", GRAPH) is None
    assert own.spared == {"exp of integers is not promoted": 1}
    never = Knowledge(
        [Issue("by message", message="TypeError"), Issue("off", operators=("exp",), steer=False)], {}, DAY
    )
    assert never.spare("tvm", GRAPH) is None
    assert never.explain(failing()).title == "by message"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[issue]", "not TOML"),
        ("[other]\na = 1", "nothing else"),
        ("issue = 7", "nothing else"),
        ("[[issue]]\nkinds = ['crash']", "no title"),
        ("[[issue]]\ntitle = 'x'", "every failure"),
        ("[[issue]]\ntitle = 'x'\ntarget = 'tvm'", "every failure"),
        ("[[issue]]\ntitle = 7\nkinds = ['crash']", "title must be a text"),
        ("[[issue]]\ntitle = 'x'\nkinds = 'crash'", "list of texts"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['boom']", "unknown kind 'boom'"),
        ("[[issue]]\ntitle = 'x'\noperator = ['add']", "unknown key 'operator'"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nexpires = '2027-01-01'", "without quotes"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nexpires = 2027-01-01T00:00:00", "without quotes"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nversions = 'torch'", "must be a table"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nversions = {torch = 'new'}", "version range"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nversions = {torch = 2}", "version range"),
        ("[[issue]]\ntitle = 'x'\ndtypes = ['int8']\nkinds = ['crash']", "dtypes without operators"),
        ("[[issue]]\ntitle = 'x'\nkinds = ['crash']\nsteer = 1", "true or false"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, text, why):
    (tmp_path / "known.toml").write_text(text)
    with pytest.raises(UsageError, match=why) as caught:
        read_issues(tmp_path / "known.toml")
    assert "known.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_issues(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        read_issues(tmp_path / "bytes.toml")
