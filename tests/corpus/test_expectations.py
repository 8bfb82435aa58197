"""What cases say of targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfold.corpus.expectations import RESULTS, Expectation
from misfold.programs.errors import TextError

WORDS = st.text(min_size=1, max_size=8)


@given(
    st.builds(
        Expectation,
        WORDS,
        st.sampled_from(RESULTS),
        st.dictionaries(WORDS, st.sampled_from([">=2.13", "<3,>=1", "==1.*", ""]), max_size=2),
        st.none() | WORDS,
        st.none() | WORDS,
    )
)
def test_data_gives_the_same_expectation_back(one):
    assert Expectation.from_data(one.to_data()) == one


@pytest.mark.parametrize(
    ("versions", "installed", "applies"),
    [
        ({}, {}, True),
        ({"torch": ">=2.13"}, {"torch": "2.13.0+cpu"}, True),
        ({"torch": ">=2.13,<2.14"}, {"torch": "2.14.0"}, False),
        ({"torch": ">=2.13"}, {"torch": "2.14.0.dev20270101"}, True),
        ({"torch": ">=2.13"}, {"torch": "not installed"}, False),
        ({"torch": ">=2.13"}, {}, False),
        ({"torch": ">=2", "numpy": "<2"}, {"torch": "2.13.0", "numpy": "2.1"}, False),
    ],
)
def test_versions(versions, installed, applies):
    assert Expectation("inductor", "wrong", versions).applies(installed) is applies


@pytest.mark.parametrize(
    ("expected", "seen", "matches"),
    [
        (Expectation("t", "ok"), ("ok", "values", ""), True),
        (Expectation("t", "ok"), ("wrong", "values", ""), False),
        (Expectation("t", "wrong"), ("wrong", "shape", ""), True),
        (Expectation("t", "wrong", oracle="values"), ("wrong", "shape", ""), False),
        (Expectation("t", "crash", message="SIGFPE"), ("crash", "crash", "SIGFPE: killed"), True),
        (Expectation("t", "crash", message="SIGFPE"), ("crash", "crash", "SIGSEGV: killed"), False),
        (Expectation("t", "crash"), ("hang", "hang", ""), False),
    ],
)
def test_what_was_seen_is_what_is_expected(expected, seen, matches):
    assert expected.matches(*seen) is matches


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"target": "t"},
        {"target": "t", "result": "bad"},
        {"target": 3, "result": "ok"},
        {"target": "t", "result": "ok", "versions": ["torch"]},
        {"target": "t", "result": "ok", "versions": {"torch": 2}},
        {"target": "t", "result": "ok", "versions": {"torch": "from 2 on"}},
        {"target": "t", "result": "ok", "command": "rm"},
        {"target": "t", "result": "wrong", "message": None},
    ],
)
def test_what_is_no_expectation_is_one_clear_error(data):
    with pytest.raises(TextError) as caught:
        Expectation.from_data(data, "a.case.py")
    assert "a.case.py" in str(caught.value)
    assert "\n" not in str(caught.value)
