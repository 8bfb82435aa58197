"""The search that reductions are: order, cache, bounds, side by side, history, other failures, flakiness."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass

import pytest

from misfold.programs.errors import UsageError
from misfold.triage.reduce.history import LOG, History
from misfold.triage.reduce.search import INVALID, OTHER, PASSES, SAME, Answer, Bounds, Search
from misfold.triage.reduce.stability import Stability, measure, repeated


@dataclass(frozen=True)
class Word:
    """A case that is a text; lighter when shorter."""

    text: str

    @property
    def hash(self) -> str:
        return self.text


def shorter(case: Word) -> list[Word]:
    return [Word(case.text[:place] + case.text[place + 1 :]) for place in range(len(case.text))]


def contains(letters: str):
    return lambda case: Answer(SAME if set(letters) <= set(case.text) else PASSES)


def search(text: str, *testers, **options) -> Search[Word]:
    return Search(Word(text), list(testers), lambda case: len(case.text), **options)


def test_what_is_not_needed_goes():
    one = search("abracadabra", contains("bd"))
    assert one.exhaust("letters", shorter)
    assert sorted(one.case.text) == ["b", "d"]


def test_several_testers_give_what_one_gives():
    alone = search("abracadabra", contains("bd"))
    alone.exhaust("letters", shorter)
    three = search("abracadabra", *[contains("bd")] * 3)
    three.exhaust("letters", shorter)
    assert three.case == alone.case


def test_nothing_is_tested_twice():
    seen: list[str] = []

    def test(case: Word) -> Answer:
        seen.append(case.text)
        return contains("bd")(case)

    one = search("bdbdbdbd", test)
    one.exhaust("letters", shorter)
    one.exhaust("letters again", shorter)
    assert len(seen) == len(set(seen)) == one.tests


def test_what_is_not_lighter_is_no_candidate():
    one = search("ab", contains("a"))
    assert not one.first("same size", [Word("ba"), Word("aa")])
    assert one.tests == 0


def test_bounds_end_a_search():
    one = search("a" * 30, contains("a"), bounds=Bounds(7, 100))
    one.exhaust("letters", shorter)
    assert one.tests == 7
    late = search("a" * 30, contains("a"), bounds=Bounds(100, -1))
    assert not late.exhaust("letters", shorter)


def test_other_failures_are_handed_over_once_each_case():
    met: list[tuple[str, str]] = []

    def test(case: Word) -> Answer:
        return Answer(OTHER, "short") if len(case.text) < 3 else Answer(SAME)

    one = search("abcd", test, other=lambda case, answer: met.append((case.text, answer.what)))
    one.exhaust("letters", shorter)
    assert len(one.case.text) == 3
    assert met
    assert len(met) == len(set(met))
    assert {what for _, what in met} == {"short"}


def test_a_stopped_search_believes_nothing_that_came_after():
    stop = itertools.count()
    one = search("abcd", lambda case: Answer(PASSES), stopping=lambda: next(stop) > 2)
    one.exhaust("letters", shorter)
    assert one.tests <= 3


def test_history_steps_can_be_read_and_a_second_run_tests_nothing(tmp_path):
    def run() -> Search[Word]:
        history = History(tmp_path, ".txt", "key")
        try:
            one = search("abracadabra", contains("bd"), history=history)
            one.exhaust("letters", shorter)
        finally:
            history.close()
        return one

    first = run()
    steps = sorted(tmp_path.glob("*.txt"))
    assert steps[0].name == "000-start.txt"
    assert steps[0].read_text() == "abracadabra"
    assert steps[-1].read_text() == first.case.text
    assert all(contains("bd")(Word(path.read_text())).kind == SAME for path in steps)
    again = run()
    assert (again.case, again.tests) == (first.case, 0)
    assert sorted(tmp_path.glob("*.txt")) == steps


def test_a_cut_history_goes_on_where_it_ended(tmp_path):
    history = History(tmp_path, ".txt", "key")
    cut = search("abracadabra", contains("bd"), history=history, bounds=Bounds(5, 100))
    cut.exhaust("letters", shorter)
    history.close()
    # As if it had been killed in the middle of a line.
    with (tmp_path / LOG).open("a") as log:
        log.write('{"tier": "lett')
    history = History(tmp_path, ".txt", "key")
    whole = search("abracadabra", contains("bd"), history=history)
    whole.exhaust("letters", shorter)
    history.close()
    alone = search("abracadabra", contains("bd"))
    alone.exhaust("letters", shorter)
    assert whole.case == alone.case
    assert whole.tests == alone.tests - 5


def test_a_folder_with_another_history_is_refused(tmp_path):
    History(tmp_path, ".txt", "one").close()
    with pytest.raises(UsageError, match="another reduction"):
        History(tmp_path, ".txt", "two")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / LOG).write_text('{"reduction": "key"}\nnot json\n{"case": "a", "answer": "same"}\n')
    with pytest.raises(UsageError, match="line 2"):
        History(tmp_path / "odd", ".txt", "key")


def test_the_log_has_a_line_per_test(tmp_path):
    history = History(tmp_path, ".txt", "key")
    one = search("abcd", contains("ab"), history=history)
    one.exhaust("letters", shorter)
    history.close()
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert len(lines) == 1 + one.tests
    assert {line["answer"] for line in lines[1:]} == {SAME, PASSES}


def test_flaky_failures_are_tried_often_enough():
    source = random.Random(3)

    def sometimes(case: Word) -> Answer:
        return Answer(SAME if "b" in case.text and source.random() < 0.5 else PASSES)

    stability = measure(Word("b"), sometimes, 20)
    assert 5 <= stability.failed <= 15
    assert stability.repeats > 3
    one = search("abcabc", repeated(sometimes, stability.repeats))
    one.exhaust("letters", shorter)
    assert one.case.text == "b"


def test_steady_failures_are_tried_once():
    assert Stability(5, 5).repeats == 1
    count = itertools.count()

    def test(case: Word) -> Answer:
        next(count)
        return Answer(INVALID)

    assert repeated(test, 6)(Word("a")).kind == INVALID
    assert next(count) == 1
