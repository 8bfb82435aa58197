"""Other sizes, memory and flags of outputs, with targets that are wrong there and nowhere else; and cost."""

from __future__ import annotations

import pytest
import torch

from misfold.oracles.cost import Spent, judge_cost, words
from misfold.oracles.judge import judge
from misfold.oracles.reference import Reference, evaluate
from misfold.oracles.state import observing, resizing, shapes
from misfold.programs.case import parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from misfold.targets.torch_values import to_function

from .programs import make_case

CASE = make_case("v0 = torch.mul(x0, 2.0); v1 = torch.sum(v0, 1); return v0, v1", {"x0": "float32[4, 6]"})
EAGER = Pipeline("eager")


class Specialised(Eager):
    """Compiled for one size: what lies beyond the rows that it was compiled for stays what it was."""

    def compile(self, graph, inputs, pipeline):
        function, rows = to_function(graph), inputs[0].shape[0]

        def run(tensors):
            outputs = [item.clone() for item in function(*tensors)]
            for item in outputs:
                item[rows:] = 0
            return outputs

        return run


class Stamping(Eager):
    """Writes the element behind its first input, or in it."""

    offset = 0

    def compile(self, graph, inputs, pipeline):
        function = to_function(graph)

        def run(tensors):
            outputs = function(*tensors)
            first = tensors[0]
            with torch.no_grad():
                whole = torch.empty(0, dtype=first.dtype).set_(first.untyped_storage())
                at = first.storage_offset() + first.numel() - 1 + self.offset
                if at < whole.numel():
                    whole[at] += 1
            return outputs

        return run


class Detaching(Eager):
    """Its outputs never require a gradient."""

    def compile(self, graph, inputs, pipeline):
        function = to_function(graph)
        return lambda tensors: [item.detach() for item in function(*tensors)]


def judged(target):
    items = resizing.serve({"case": CASE.text, "most": 20})["cases"]
    outcomes = shapes.run_all(target, EAGER, [CASE.text, *(item["text"] for item in items)])
    assert len(outcomes) == len(items) + 1
    verdicts = {}
    for item, outcome in zip(items, outcomes[1:]):
        eager, reference = Outcome.from_data(item["eager"]), Reference.from_data(item["reference"])
        verdicts[item["how"]] = judge(parse_case(item["text"]), eager, reference, outcome, aliases=False).kind
    return verdicts


def test_other_sizes_of_an_honest_target():
    verdicts = judged(Eager())
    assert set(verdicts.values()) == {"ok"}
    assert {"4 -> 0", "4 -> 1", "6 -> 0", "6 -> 12"} <= set(verdicts)


def test_a_target_that_is_right_only_at_the_size_it_was_compiled_for():
    eager = run_case(Eager(), CASE)
    assert judge(CASE, eager, evaluate(CASE, eager), run_case(Specialised(), CASE), aliases=False).kind == "ok"
    verdicts = judged(Specialised())
    assert verdicts["4 -> 5"] == verdicts["4 -> 8"] == "proved"
    assert verdicts["4 -> 1"] == "ok"


def test_sizes_that_eager_refuses_are_left_out():
    fixed = make_case("v0 = torch.reshape(x0, (4, 6)); return (v0,)", {"x0": "float32[24]"})
    assert resizing.serve({"case": fixed.text, "most": 8})["cases"] == []


@pytest.mark.parametrize(("offset", "words"), [(1, "written behind it"), (0, "was written")])
def test_memory_written_around_and_in_inputs(offset, words, monkeypatch):
    monkeypatch.setattr(Stamping, "offset", offset)
    assert words in observing.stamped(Stamping(), EAGER, CASE.text)
    assert observing.stamped(Eager(), EAGER, CASE.text) is None


def test_outputs_that_lost_their_gradient():
    case = make_case(
        "v0 = torch.mul(x0, 2.0); v1 = torch.gt(v0, 0.0); return v0, v1",
        {"x0": "float32[4]"},
        {"x0": {"draw": "normal", "seed": 1, "requires_grad": True}},
    )
    assert observing.flags(Eager(), EAGER, case.text) == ([True, False], [True, False])
    assert observing.flags(Detaching(), EAGER, case.text) == ([True, False], [False, False])


def test_costs_stand_out_against_cases_of_their_size():
    history = [Spent(nodes, 0.05 * nodes * (1 + (nodes * 7 % 10) / 20)) for nodes in range(1, 31) for _ in range(3)]
    assert judge_cost(Spent(10, 0.7), history).kind == "usual"
    odd = judge_cost(Spent(10, 20.0), history)
    assert odd.kind == "outlier" and odd.deviations > 6 and 0.3 < odd.usual < 1.5
    # a tenth of the history being odd does not hide it
    assert judge_cost(Spent(10, 20.0), [*history, *[Spent(10, 20.0)] * 9]).kind == "outlier"
    assert judge_cost(Spent(10, 20.0), history[:5]).kind == "unknown"
    assert judge_cost(Spent(10, 0.0), history).kind == "unknown"


def test_small_amounts_of_memory_are_no_outliers() -> None:
    history = [Spent(10, 1e5 + index) for index in range(40)]
    assert judge_cost(Spent(10, 2e6), history, "memory").kind == "usual"
    assert judge_cost(Spent(10, 2e7), history, "memory").kind == "outlier"
    assert judge_cost(Spent(10, 2e6), history, "instructions").kind == "outlier"
    assert words(3 * 2**20, "memory") == "3 MiB" and words(2.0, "seconds") == "2 s"
