"""The tiers of graph reduction: each makes the candidates that it says, and only programs of the language."""

from __future__ import annotations

import pytest

from misfold.programs.case import Case, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.outcome import TensorValue
from misfold.targets.running import run_case
from misfold.triage.reduce import capture
from misfold.triage.reduce.graphs import GraphReduction, graph_weight
from misfold.triage.reduce.pipelines import pipeline_weight, simpler_pipelines
from misfold.triage.reduce.search import INVALID, PASSES, SAME, Answer, Bounds, Search
from misfold.triage.reduce.tiers import attributes, dims, dtypes, inputs, nodes, operators, outputs, ranks
from misfold.triage.reduce.weight import weight

HEAD = "# misfold case, version 1\n"


def case(body: str, **recipes: str) -> Case:
    lines = "".join(f'    "{name}": {recipe},\n' for name, recipe in recipes.items())
    return parse_case(f"{HEAD}{body}\nINPUTS = {{\n{lines}}}\n")


NORMAL = '{"draw": "normal", "seed": 1}'


def captured(one: Case) -> dict[str, TensorValue]:
    return {name: TensorValue(**raw) for name, raw in capture.serve({"case": one.text})["values"].items()}


def runs(one: Case) -> bool:
    return run_case(Eager(), one).kind == "values"


def texts(candidates) -> list[str]:
    return [one.text for one in candidates]


MATMUL = case(
    'def program(x0: "float32[6, 8]", x1: "float32[8, 5]"):\n'
    '    v0: "float32[6, 5]" = torch.matmul(x0, x1)\n    v1: "float32[30]" = v0.reshape([30])\n    return (v1,)',
    x0=NORMAL, x1=NORMAL,
)  # fmt: skip


def test_equal_dimensions_shrink_together_and_arguments_with_them():
    found = [one for one in dims.smaller_dims(MATMUL) if runs(one)]
    shapes = {tuple(value.known.shape for value in one.graph.inputs) for one in found}
    assert ((6, 1), (1, 5)) in shapes
    # 30 is 5 · 6: with half of the 6 it is 15.
    assert ((3, 8), (8, 5)) not in shapes or any("15" in one.text for one in found)
    alone = case(
        'def program(x0: "float32[6, 8]"):\n    v0: "float32[8, 6]" = x0.reshape([8, 6])\n    return (v0,)', x0=NORMAL
    )
    assert any("reshape([8, 1])" in one.text and runs(one) for one in dims.smaller_dims(alone))


def test_a_dimension_is_dropped_and_the_arguments_that_count_move():
    three = case('def program(x0: "float32[2, 3, 4]"):\n    v0 = torch.sum(x0, 2)\n    return (v0,)', x0=NORMAL)
    assert any("torch.sum(x0, 1)" in one.text and runs(one) for one in ranks.fewer_dimensions(three))
    viewed = case('def program(x0: "float32[1, 4]"):\n    v0 = torch.reshape(x0, [1, 4])\n    return (v0,)', x0=NORMAL)
    assert any("[4]" in one.text and runs(one) for one in ranks.fewer_dimensions(viewed))


def test_types_become_plain_together_and_in_arguments():
    half = case(
        'def program(x0: "bfloat16[3]", x1: "bfloat16[3]"):\n    v0 = torch.add(x0, x1)\n'
        "    v1 = v0.to(torch.bfloat16)\n    return (v1,)",
        x0=NORMAL, x1=NORMAL,
    )  # fmt: skip
    first = next(iter(dtypes.plainer_types(half)))
    assert "bfloat16" not in first.text
    assert first.text.count("float32") >= 3


def test_attributes_go_to_their_defaults():
    one = case(
        'def program(x0: "float32[3, 3]"):\n    v0 = torch.sum(x0, 1, keepdim=True)\n    return (v0,)', x0=NORMAL
    )
    found = "".join(texts(attributes.attributes(one, 0)))
    assert "torch.sum(x0, 1)" in found
    assert "torch.sum(x0, keepdim=True)" in found
    assert "torch.sum(x0, 0, keepdim=True)" not in found, "not shorter: 0 says no less than 1"


def test_in_place_becomes_functional_and_later_uses_follow():
    one = case(
        'def program(x0: "float32[3]"):\n    v0 = torch.exp(x0)\n    v1 = v0.add_(1.0)\n'
        "    v2 = torch.neg(v0)\n    return v2, v0",
        x0=NORMAL,
    )
    (found,) = operators.functional(one)
    assert "v1 = torch.add(v0, 1.0)" in found.text
    assert "torch.neg(v1)" in found.text
    assert found.graph.returns == ("v2", "v1")
    before, after = run_case(Eager(), one).values, run_case(Eager(), found).values
    assert [value.data for value in before] == [value.data for value in after]


def test_operators_become_the_plainest_of_their_family():
    one = case('def program(x0: "float32[3]"):\n    v0 = torch.tanh(x0)\n    return (v0,)', x0=NORMAL)
    found = [candidate.graph.operators[0] for candidate in operators.plainer(one)]
    assert found[0] == "torch.neg"
    assert weight(next(iter(operators.plainer(one)))) < weight(one)
    assert not list(operators.plainer(case(
        'def program(x0: "float32[3]"):\n    v0 = torch.neg(x0)\n    return (v0,)', x0=NORMAL
    )))  # fmt: skip
    method = case('def program(x0: "float32[3]"):\n    v0 = x0.neg()\n    return (v0,)', x0=NORMAL)
    assert [candidate.graph.operators for candidate in operators.functions(method)] == [("torch.neg",)]


def test_any_operator_that_keeps_its_operand_s_type_may_become_the_plainest():
    rolled = case(
        'def program(x0: "float32[3]"):\n    v0: "float32[3]" = torch.roll(x0, 1)\n    return (v0,)', x0=NORMAL
    )
    (found,) = operators.plainer(rolled)
    assert "torch.neg(x0)" in found.text
    assert weight(found) < weight(rolled)
    indexed = case('def program(x0: "float32[3]"):\n    v0: "float32[2]" = x0[1:]\n    return (v0,)', x0=NORMAL)
    assert not list(operators.plainer(indexed)), "the output has another type than the operand"


def test_the_plainest_operators_are_tried_on_distinct_elements_too():
    zeros = {"draw": "values", "values": [0.0] * 20}
    one = case(
        'def program(x0: "float32[20]"):\n    v0: "float32[20]" = torch.cumprod(x0, 0)\n    return (v0,)', x0=zeros
    )
    found = list(operators.plainest(one))
    assert {candidate.graph.operators[0] for candidate in found if runs(candidate)} == {"torch.neg", "torch.cumsum"}
    for candidate in found:
        assert candidate.recipes["x0"]["values"] == list(range(1, operators.DISTINCT + 1))
        assert weight(candidate) < weight(one)


def test_integers_and_truth_values_become_floats_where_any_type_will_do():
    for old in ("int64", "uint8", "bool"):
        one = case(f'def program(x0: "{old}[3]"):\n    v0 = torch.cumsum(x0, 0)\n    return (v0,)',
                   x0={"draw": "integers", "low": 0, "high": 1, "seed": 1})  # fmt: skip
        first = next(iter(dtypes.plainest_types(one)))
        assert "float32[3]" in first.text
        assert weight(first) < weight(one)
        assert runs(first)
        assert not any("float32" in candidate.text for candidate in dtypes.plainer_types(one))


def test_a_node_is_bypassed():
    one = case(
        'def program(x0: "float32[3]"):\n    v0 = torch.tanh(x0)\n    v1 = torch.neg(v0)\n    return (v1,)', x0=NORMAL
    )
    assert {candidate.graph.operators for candidate in nodes.bypassed(one)} == {("torch.tanh",), ("torch.neg",)}


def test_the_wrong_output_is_tried_first():
    one = case(
        'def program(x0: "float32[3]"):\n    v0 = torch.tanh(x0)\n    v1 = torch.neg(x0)\n    return v0, v1', x0=NORMAL
    )
    (only,) = outputs.only(one, "out1")
    assert only.graph.operators == ("torch.neg",)
    assert not list(outputs.only(one, "grad0"))
    assert not list(outputs.only(one, "out7"))


def test_inputs_become_zeros_but_one():
    one = case('def program(x0: "float32[8]"):\n    v0 = torch.neg(x0)\n    return (v0,)', x0=NORMAL)

    def test(candidate: Case) -> Answer:
        if not runs(candidate):
            return Answer(INVALID)
        values = captured(candidate)["x0"].array()
        return Answer(SAME if values[5] not in (0.0, 1.0) and values[5] < 0.5 else PASSES)

    start = next(candidate for seed in range(50) for candidate in [one.with_seed(seed)] if test(candidate).kind == SAME)
    search = Search(start, [test], weight, Bounds(400, float("inf")))
    few = inputs.few_values(captured)
    search.exhaust("few values", lambda candidate: few(candidate, 0))
    values = search.case.recipes["x0"]["values"]
    assert sum(map(bool, values)) == 1
    assert values[5]


def test_pipelines_go_to_the_default_then_lose_passes_options_and_parameters():
    usual = [Pipeline("default")]
    passes = tuple((name, {"size": 4} if name == "b" else {}) for name in "abcd")
    long = Pipeline("long", {"level": 2, "config": {"x": 1, "y": 2}}, passes)
    found = list(simpler_pipelines(long, usual))
    assert found[0] == usual[0]
    assert all(pipeline_weight(one, usual) < pipeline_weight(long, usual) for one in found)

    def fails(pipeline: Pipeline) -> bool:
        names = [name for name, _ in pipeline.passes or ()]
        return "b" in names and "d" in names and pipeline.options.get("config", {}).get("y") == 2

    current = long
    while True:
        better = [one for one in simpler_pipelines(current, usual) if fails(one)]
        if not better:
            break
        current = min(better, key=lambda one: pipeline_weight(one, usual))
    assert [name for name, _ in current.passes or ()] == ["b", "d"]
    assert current.passes == (("b", {}), ("d", {}))
    assert current.options == {"config": {"y": 2}}


@pytest.mark.parametrize("operator", ["torch.Tensor.cumsum", "torch.special.erf", "torch.softmax"])
def test_a_whole_reduction_ends_small_and_plain(operator):
    body = (
        'def program(x0: "bfloat16[4, 6]", x1: "float32[6]"):\n    v0 = torch.add(x0, x1)\n'
        "    v1 = torch.special.erf(v0)\n    v2 = v1.cumsum(1)\n    v3 = torch.softmax(v2, 0)\n"
        "    v4 = torch.mul(v3, 2.0)\n    return v4, v2"
    )
    start = case(body, x0=NORMAL, x1=NORMAL)

    def test(candidate: Case) -> Answer:
        if not runs(candidate):
            return Answer(INVALID)
        return Answer(SAME if operator in candidate.graph.operators else PASSES)

    search = Search(start, [test], graph_weight("", ()), Bounds(800, float("inf")))
    reduced = GraphReduction(search, "", (), captured).run()
    assert reduced.graph.operators == (operator,)
    assert sum(value.known.elements for value in reduced.graph.inputs) <= 1
    assert reduced.graph.inputs[0].known.dtype.name == "float32"
    assert all(recipe["draw"] == "constant" for recipe in reduced.recipes.values())
