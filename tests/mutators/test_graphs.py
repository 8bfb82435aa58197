"""Mutators of graphs: what they make runs in eager, within bounds, with the types it states."""

from __future__ import annotations

import random
import re
import warnings
from collections import Counter

import pytest

torch = pytest.importorskip("torch")

from misfold.generators.calling import type_of  # noqa: E402
from misfold.generators.generator import Generator, Options  # noqa: E402
from misfold.generators.records import RecordBase  # noqa: E402
from misfold.mutators.graphs.mutate import changed, mutate_graph  # noqa: E402
from misfold.mutators.graphs.names import GENERAL  # noqa: E402
from misfold.mutators.graphs.signatures import Signatures, structure  # noqa: E402
from misfold.mutators.graphs.table import GRAPH_MUTATORS  # noqa: E402
from misfold.programs.bounds import check  # noqa: E402
from misfold.programs.case import Case, parse_case  # noqa: E402
from misfold.programs.operators import is_operator  # noqa: E402
from misfold.targets.torch_values import gradients, make_inputs, to_function  # noqa: E402


@pytest.fixture(scope="module")
def signatures() -> Signatures:
    return Signatures(RecordBase.load())


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    generator = Generator()
    return [generator.case(21, index) for index in range(60)]


def runs(case: Case) -> bool:
    """Whether a case, read back from its text, runs with the types that it states, its backward pass included."""
    case = parse_case(case.text)
    check(case)
    inputs = make_inputs(case)
    with warnings.catch_warnings(), torch.set_grad_enabled(case.gradient):
        warnings.simplefilter("ignore")
        try:
            outputs = list(to_function(case.graph)(*inputs))
            if case.gradient:
                gradients(outputs, inputs)
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError):
            return False
    return [type_of(one) for one in outputs] == [case.graph.values[name].known for name in case.graph.returns]


def check_mutants(cases: list[Case], count: int, signatures: Signatures) -> None:
    made: Counter[str] = Counter()
    good: Counter[str] = Counter()
    names = list(GRAPH_MUTATORS)
    current: dict[int, Case] = {}
    number = 0
    while sum(made.values()) < count:
        source = random.Random(number)
        place = source.randrange(len(cases))
        name = names[number % len(names)]
        number += 1
        # Now and then the mutant of a mutant.
        case = current.get(place, cases[place])
        mutant = changed(name, case, source, signatures, [source.choice(cases) for _ in range(2)])
        if mutant is None:
            continue
        assert mutant.hash != case.hash
        made[name] += 1
        if runs(mutant):
            good[name] += 1
            current[place] = mutant
    assert sum(good.values()) >= 0.9 * count, {name: (good[name], made[name]) for name in names}
    assert [name for name in names if not made[name]] == []
    assert number < 1.5 * count


def test_mutants_run(cases, signatures):
    check_mutants(cases, 100, signatures)


@pytest.mark.slow
def test_many_mutants_run(cases, signatures):
    check_mutants(cases, 1000, signatures)


def test_names_are_known_without_a_framework():
    assert list(GENERAL) == list(GRAPH_MUTATORS)


@pytest.mark.parametrize("name", list(GRAPH_MUTATORS))
def test_every_mutator_changes_what_it_says(name, cases, signatures):
    found = []
    for number, case in enumerate(cases[:12]):
        mutant = changed(name, case, random.Random(number), signatures, cases[-3:])
        if mutant is not None:
            found.append((case.graph, mutant.graph))
    assert len(found) >= 4
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and GRAPH_MUTATORS[name].__doc__
    inputs = [([x.type for x in a.inputs], [x.type for x in b.inputs]) for a, b in found]
    counts = [len(b.nodes) - len(a.nodes) for a, b in found]
    operators = [Counter(b.operators) - Counter(a.operators) for a, b in found]
    match name:
        case "replace-operator":
            assert set(counts) == {0} and all(one.total() == 1 for one in operators)
        case "insert-operator":
            assert set(counts) == {1}
        case "insert-view" | "splice":
            assert min(counts) >= 1
        case "delete-node":
            assert set(counts) == {-1}
        case "change-layout" | "change-size" | "change-type":
            assert all(a != b for a, b in inputs)
        case "change-returns":
            assert all(len(b.returns) > len(a.returns) for a, b in found)
        case "change-form":
            assert all(one.total() >= 1 for one in operators)
            assert all(is_operator(op) for one in operators for op in one)


def test_some_mutants_work_in_place(cases, signatures):
    found = 0
    for number, case in enumerate(cases):
        mutant = changed("change-form", case, random.Random(number), signatures)
        if mutant is not None:
            added = Counter(mutant.graph.operators) - Counter(case.graph.operators)
            found += any(op.endswith("_") for op in added)
    assert found >= 10


def test_operators_of_one_structure_take_the_same(signatures, cases):
    node = next(node for case in cases for node in case.graph.nodes if len(signatures.like(node)) > 10)
    assert node.op not in signatures.like(node)
    records = RecordBase.load()
    for op in signatures.like(node)[:20]:
        assert structure(node) in {structure(one.node) for one in records.of(op)}


def test_the_same_chance_gives_the_same_mutant(cases):
    def made() -> list[str]:
        found = [mutate_graph(case, random.Random(number), cases[:2]) for number, case in enumerate(cases[:15])]
        return [one.text if one is not None else "" for one in found]

    texts = made()
    assert texts == made()
    assert len(set(texts)) >= 14


def test_only_some_mutators(cases):
    for number in range(6):
        mutant = mutate_graph(cases[number], random.Random(number), only=("delete-node",))
        assert mutant is None or len(mutant.graph.nodes) < len(cases[number].graph.nodes)
    with pytest.raises(KeyError):
        mutate_graph(cases[0], random.Random(0), only=("delete-nodes",))


def test_recipes_gradients_and_pipelines_are_kept():
    generator = Generator(Options(gradient=1.0, exact=0.0))
    kept = 0
    for index in range(12):
        case = generator.case(22, index)
        mutant = mutate_graph(case, random.Random(index), only=("insert-view", "change-returns"))
        if mutant is not None and case.gradient:
            assert mutant.pipelines == case.pipelines and mutant.exact == case.exact and mutant.about == case.about
            kept += mutant.gradient
    assert kept >= 6


def test_types_whose_range_eager_cannot_tell():
    text = """# misfold case, version 1

def program(x0: "uint32[4]", x1: "int32[4]"):
    v0: "int32[4]" = torch.Tensor.to(x0, torch.int32)
    v1: "int32[4]" = torch.add(v0, x1)
    v2: "uint32[4]" = torch.Tensor.to(v1, torch.uint32)
    return v1, v2

INPUTS = {
    "x0": {"draw": "integers", "seed": 0, "low": 0, "high": 3},
    "x1": {"draw": "integers", "seed": 1, "low": 0, "high": 3},
}
"""
    case = parse_case(text)
    made = [mutate_graph(case, random.Random(seed), [case], only=("rewire", "splice")) for seed in range(30)]
    assert sum(one is not None for one in made) >= 10
    assert all(runs(one) for one in made if one is not None)
