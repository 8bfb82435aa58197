"""Mutators of pipelines, and the model that learns which orders of passes work."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from misfold.mutators.legality import Legality
from misfold.mutators.pipelines import MAX_PASSES, PIPELINE_MUTATORS, mutate_pipeline, names, steps
from misfold.programs.pipeline import Pipeline

LETTERS = "abcdefghijkl"
PARAMETERS = {"size": (1, 2, 4), "on": (True, False)}


@dataclass(frozen=True)
class Space:
    passes: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(
        default_factory=lambda: {
            name: {"size": (1, 2, 4), "on": (True, False)} if name in "aek" else {} for name in LETTERS
        }
    )
    default: Sequence[str] = ("a", "b", "c", "d", "e")
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: {"level": (0, 1, 2), "fast": (True, False)})
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)


#: What a pass needs before it, and what must not come before another.
NEEDS = {"c": "a", "f": "b", "h": "f", "i": "a", "l": "c"}
FORBIDDEN = {("g", "c"), ("k", "a"), ("h", "d"), ("j", "e"), ("e", "b")}


def is_legal(passes: Sequence[str]) -> bool:
    for place, name in enumerate(passes):
        before = set(passes[:place])
        if name in NEEDS and NEEDS[name] not in before:
            return False
        if any((one, name) in FORBIDDEN for one in before):
            return False
    return True


PARENTS = [Pipeline("p", passes=tuple([(name, {}) for name in one])) for one in ("abcde", "bfacl", "abfhce", "acil")]


def observe(source: random.Random, count: int, legality: Legality, learn: bool = True) -> float:
    """The share of legal ones among mutants of legal pipelines, those with the passes of their parents left out."""
    space = Space()
    legal = total = 0
    while total < count:
        parent = source.choice(PARENTS)
        made = mutate_pipeline(parent, source, space, donors=PARENTS, legality=legality)
        if names(made, space) == names(parent, space):
            continue
        ok = is_legal(names(made, space))
        if learn:
            legality.learn(names(made, space), ok)
        total += 1
        legal += ok
    return legal / total


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_what_is_legal_is_learnt(seed):
    assert all(is_legal(names(one, Space())) for one in PARENTS)
    source, legality = random.Random(seed), Legality()
    start = observe(source, 300, Legality(), learn=False)
    observe(source, 300, legality)
    after = observe(source, 300, legality, learn=False)
    assert start < 0.7
    assert after >= 0.9, (start, after)


def test_what_the_space_states_helps_from_the_start():
    stated = Legality({name: (needed,) for name, needed in NEEDS.items()})
    without = observe(random.Random(1), 300, Legality(), learn=False)
    assert observe(random.Random(1), 300, stated, learn=False) > without + 0.05


def test_rules_are_found():
    legality = Legality()
    observe(random.Random(4), 600, legality)
    rules = {("without", needed, name) for name, needed in NEEDS.items()} | {("before", *one) for one in FORBIDDEN}
    relations = [(kind, a, b) for kind in ("before", "without") for a in LETTERS for b in LETTERS if a != b]
    ranked = sorted(relations, key=legality.badness, reverse=True)
    # 12 passes have 264 relations: what is learnt first is what matters first.
    assert len(rules & set(ranked[:20])) >= 8
    assert legality.badness(ranked[len(ranked) // 2]) < 0.05


def test_scores():
    legality = Legality({"b": ("a",)})
    assert legality.score(["b", "a"]) < legality.score(["a", "b"]) <= 1
    for _ in range(5):
        legality.learn(["b"], True)
    assert legality.score(["b"]) > 0.9
    before = legality.score(["c", "d"])
    legality.learn(["c", "d"], False)
    assert legality.score(["c", "d"]) < before
    assert Legality().score([]) == 1.0


def test_as_plain_data():
    legality = Legality({"b": ("a",)})
    observe(random.Random(5), 50, legality)
    data = json.loads(json.dumps(legality.to_data()))
    again = Legality.from_data(data)
    assert again.to_data() == legality.to_data()
    source = random.Random(6)
    for _ in range(50):
        passes = source.choices(LETTERS, k=6)
        assert again.score(passes) == legality.score(passes)
        again.learn(passes, is_legal(passes))
        legality.learn(passes, is_legal(passes))
    assert again.to_data() == legality.to_data()


def test_pipelines_are_of_the_space():
    space = Space()
    source = random.Random(7)
    pipeline, pool = Pipeline("mine"), [Pipeline("other", {"level": 2}, (("k", {"size": 4}), ("b", {})))]
    for _ in range(500):
        made = mutate_pipeline(pipeline, source, space, donors=pool, legality=Legality())
        assert made.name == "mine" and made != pipeline
        assert Pipeline.from_data(made.to_data()) == made
        assert len(steps(made, space)) <= MAX_PASSES
        for name, parameters in steps(made, space):
            assert all(value in space.passes[name][key] for key, value in parameters.items())
        assert all(value in space.options[key] for key, value in made.options.items())
        pipeline = made


@pytest.mark.parametrize("name", list(PIPELINE_MUTATORS))
def test_every_mutator_changes_something(name):
    space, source = Space(), random.Random(8)
    pipeline = Pipeline("p", {"level": 1}, (("a", {"size": 2}), ("c", {}), ("b", {})))
    donor = Pipeline("q", {"fast": True}, (("d", {}), ("e", {"on": False}), ("f", {})))
    mutator = PIPELINE_MUTATORS[name]
    made = [mutator(pipeline, source, space, [donor], None) for _ in range(20)]
    changed = [one for one in made if one is not None and one != pipeline]
    assert changed and mutator.__doc__
    lengths = {len(one.passes) for one in changed}
    if name in ("insert-pass", "delete-pass"):
        assert lengths == {4 if name == "insert-pass" else 2}
    elif name in ("swap-passes", "move-pass"):
        assert all(sorted(names(one, space)) == ["a", "b", "c"] and names(one, space) != "acb" for one in changed)
    elif name in ("change-parameter", "change-option"):
        assert all(names(one, space) == ["a", "c", "b"] for one in changed)
    elif name == "cross":
        assert any(set("ef") & set(names(one, space)) and "a" in names(one, space) for one in changed)


def test_nothing_to_change():
    empty = Space(passes={}, default=(), options={})
    pipeline = Pipeline("p")
    assert mutate_pipeline(pipeline, random.Random(9), empty) in (pipeline, Pipeline("p", passes=()))


def test_the_same_chance_gives_the_same_mutants():
    def made() -> list[Pipeline]:
        source, legality, pipeline, found = random.Random(10), Legality(), Pipeline("p"), []
        for _ in range(60):
            pipeline = mutate_pipeline(pipeline, source, Space(), found[-3:], legality)
            legality.learn(names(pipeline, Space()), is_legal(names(pipeline, Space())))
            found.append(pipeline)
        return found

    assert made() == made()
