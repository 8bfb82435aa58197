"""The joint loop's choices, on a made-up world in which it is known what pays."""

import random
from collections import Counter

import pytest

from misfold.fuzz.joint.bandit import Bandit
from misfold.fuzz.joint.corpus import Corpus
from misfold.fuzz.joint.scheduler import Scheduler
from misfold.fuzz.joint.settings import LoopSettings
from misfold.programs.errors import UsageError

MUTATORS = {"insert": True, "delete": True, "tile": False}
USUAL = {"name": "default"}


def scheduler(**choices) -> Scheduler:
    return Scheduler(1, LoopSettings(**choices), ("a", "b"), MUTATORS)


def test_the_first_programs_are_generated():
    plans = [scheduler().plan() for _ in range(5)]
    assert {plan.what for plan in plans} == {"generate"}


def test_the_same_seed_makes_the_same_plans():
    def story() -> list[tuple]:
        one, told = scheduler(), []
        for step in range(200):
            plan = one.plan()
            told.append((plan.what, plan.seed, plan.target, plan.mutator, plan.parent and plan.parent.number))
            one.learn(plan, f"program {step}", USUAL, [("tvm", step)] if step % 7 == 0 else [])
        return told

    assert story() == story()


def test_a_program_that_stalls_has_its_pipeline_mutated_and_then_another_chance():
    one = Scheduler(1, LoopSettings(fresh=0.0, stalls=3), ("a",), MUTATORS)
    one.learn(one.plan(), "program", USUAL, [("tvm", 1)])
    what = []
    for _ in range(8):
        plan = one.plan()
        what.append(plan.what)
        one.learn(plan, "other", USUAL, [])
    assert what == ["program"] * 3 + ["pipeline"] + ["program"] * 3 + ["pipeline"]


def test_what_reaches_nothing_new_is_not_kept_unless_unguided():
    guided, blind = scheduler(), scheduler(guided=False)
    for one in (guided, blind):
        plan = one.plan()
        one.learn(plan, "old news", USUAL, [])
        one.learn(plan, "refused", USUAL, [("tvm", 3)], valid=False)
    assert guided.size() == 0
    assert blind.size() == 1


@pytest.mark.parametrize(
    ("choices", "allowed"),
    [
        ({"programs": False}, {"generate", "pipeline"}),
        ({"pipelines": False}, {"generate", "program"}),
        ({"programs": False, "pipelines": False}, {"generate"}),
        ({"fresh": 1.0}, {"generate"}),
    ],
)
def test_each_part_can_be_taken_away(choices, allowed):
    one, seen = scheduler(**choices), set()
    for step in range(120):
        plan = one.plan()
        seen.add(plan.what)
        one.learn(plan, "program", USUAL, [("tvm", step)] if step < 5 else [])
    assert seen == allowed


def test_specific_mutators_can_be_taken_away():
    assert set(scheduler().bandit.shares()) == set(MUTATORS)
    assert set(scheduler(specific=False).bandit.shares()) == {"insert", "delete"}


def test_the_bandit_prefers_what_pays_and_forgets():
    source, bandit = random.Random(0), Bandit(["good", "bad"])

    def play(rounds: int, good: str) -> Counter:
        chosen = Counter()
        for _ in range(rounds):
            arm = bandit.choose(source)
            chosen[arm] += 1
            bandit.reward(arm, source.random() < (0.5 if arm == good else 0.02))
        return chosen

    first = play(600, "good")
    assert first["good"] > 4 * first["bad"] > 0
    play(3000, "bad")
    assert play(600, "bad")["bad"] > 300


def test_a_bandit_is_stored_and_taken_up_again():
    bandit = Bandit(["x", "y"])
    for _ in range(20):
        bandit.reward("x", True)
    other = Bandit(["x", "z"])
    other.load(bandit.to_data())
    assert other.shares()["x"] == pytest.approx(bandit.shares()["x"])
    assert other.shares()["z"] == 0.5


def test_rare_and_little_used_entries_are_favoured():
    corpus = Corpus(100)
    common = [corpus.add(f"common {n}", "a", USUAL, [("tvm", n)]) for n in range(30)]
    rare = corpus.add("rare", "a", USUAL, [("tvm", 9999)])
    assert corpus.energy(rare) > 5 * corpus.energy(common[0])
    source = random.Random(0)
    chosen = Counter(corpus.choose(source).number for _ in range(40))
    assert chosen[rare.number] >= max(chosen[one.number] for one in common)
    before = corpus.energy(rare)
    rare.chosen += 50
    assert corpus.energy(rare) < before / 5


def test_the_poorest_entry_makes_room():
    corpus = Corpus(3)
    corpus.add("worn out", "a", USUAL, [("tvm", 1)]).chosen = 100
    for n in range(3):
        corpus.add(f"new {n}", "a", USUAL, [("tvm", 1000 * n + 500)])
    assert [entry.text for entry in corpus.entries] == ["new 0", "new 1", "new 2"]


def test_entries_of_an_earlier_run_are_restored():
    corpus, again = Corpus(10), Corpus(10)
    made = [corpus.add(f"program {n}", "a", USUAL, [("tvm", n)]) for n in range(4)]
    for entry in made:
        again.restore(entry)
    assert [again.energy(one) for one in made] == [corpus.energy(one) for one in made]
    assert again.add("next", "a", USUAL, []).number == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [({"stall": 3}, "no setting 'stall'"), ({"stalls": "3"}, "of type int"), ({"fresh": 2.0}, "from 0 to 1")],
)
def test_settings_that_do_not_fit(data, message):
    with pytest.raises(UsageError, match=message):
        LoopSettings.from_data(data)
