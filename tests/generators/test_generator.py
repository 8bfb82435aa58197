"""Programs: the same for the same seed, valid, varied, within what was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.generators.calling import type_of
from misfold.generators.generator import Generator
from misfold.generators.options import Options
from misfold.programs.aliasing import written_arguments
from misfold.programs.bounds import Bounds, check
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import UsageError
from misfold.targets.torch_values import gradients, make_inputs, to_function

COUNT = 400


@pytest.fixture(scope="module")
def cases(generator: Generator) -> list[Case]:
    return [generator.case(7, index) for index in range(COUNT)]


def run(case: Case) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    inputs = make_inputs(case)
    with torch.set_grad_enabled(case.gradient):
        outputs = list(to_function(case.graph)(*inputs))
    return outputs, gradients(outputs, inputs) if case.gradient else []


# -- determinism ------------------------------------------------------------------------------------------------------


def test_a_case_depends_on_seed_and_index_alone(records, cases):
    other = Generator(source=records)
    for index in (150, 3, 20):  # in another order, without those in between
        assert other.case(7, index).text == cases[index].text
    assert other.case(8, 3).text != cases[3].text


def test_a_case_is_the_same_in_another_process(cases):
    script = "from misfold.generators.generator import Generator; print(Generator().case(7, 11).text, end='')"
    environment = {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout == cases[11].text, done.stderr


def test_torch_s_random_state_is_neither_read_nor_moved(generator, cases):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert generator.case(7, 30).text == cases[30].text
    assert torch.equal(before, torch.get_rng_state())


# -- validity ---------------------------------------------------------------------------------------------------------


def test_cases_run_from_their_text_with_the_types_stated_and_finite_results(cases):
    for case in cases:
        case = parse_case(case.text)
        outputs, found = run(case)
        assert [type_of(tensor) for tensor in outputs] == [case.graph.values[name].type for name in case.graph.returns]
        for tensor in [*outputs, *(item for item in found if item is not None)]:
            assert bool(torch.isfinite(tensor).all()), case.text


def test_what_is_handed_out_with_a_case_is_what_the_case_gives(generator):
    for index in range(60):
        made = generator.generate(9, index)
        outputs, found = run(made.case)
        assert all(map(torch.equal, made.outputs, outputs))
        assert [item is None for item in made.gradients] == [item is None for item in found]
        assert len(made.inputs) == len(made.case.graph.inputs)


def test_every_type_in_the_graph_is_stated_and_within_bounds(cases):
    for case in cases:
        assert all(value.type is not None for value in case.graph.values.values())
        check(case)


def test_all_that_is_not_used_is_returned_and_no_input_is_idle(cases):
    for case in cases:
        used = {name for node in case.graph.nodes for name in node.uses}
        assert {value.name for value in case.graph.inputs} <= used
        for node in case.graph.nodes:
            for value in node.outputs:
                assert value.name in used or value.name in case.graph.returns


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), index=st.integers(0, 2**20))
def test_a_generated_case_survives_printing_and_parsing(generator, seed, index):
    case = generator.case(seed, index)
    again = parse_case(case.text)
    assert again == case
    assert again.text == case.text


# -- variety ----------------------------------------------------------------------------------------------------------


def test_many_operators(cases):
    assert len({op for case in cases for op in case.graph.operators}) >= 600


def test_few_outputs_are_of_one_element(cases):
    sizes = [value.known.elements for case in cases for node in case.graph.nodes for value in node.outputs]
    assert 0.01 < sizes.count(1) / len(sizes) <= 0.15


def test_calls_differ_in_operators_element_types_and_ranks(records):
    generator = Generator(Options(min_nodes=10, max_nodes=10), records)
    graphs = [generator.case(3, index).graph for index in range(100)]
    seen = Counter()
    for graph in graphs:
        for node in graph.nodes:
            kinds = [graph.values[name].known for name in node.uses]
            seen[node.op, *(f"{kind.dtype}/{kind.rank}" for kind in kinds)] += 1
    assert seen.total() == 1000
    assert len(seen) >= 920


def test_every_kind_of_input_and_shape_occurs(cases):
    seen: Counter[str] = Counter()
    for case in cases:
        seen["exact"] += case.exact
        seen["gradient"] += case.gradient
        seen["edges"] += any(recipe.get("edges") for recipe in case.recipes.values())
        seen["in place"] += any(written_arguments(node) for node in case.graph.nodes)
        seen["several outputs"] += any(len(node.outputs) > 1 for node in case.graph.nodes)
        types = [value.known for value in case.graph.inputs]
        seen["0-d"] += any(kind.rank == 0 for kind in types)
        seen["zero-size"] += any(kind.elements == 0 for kind in types)
        seen["long"] += any(dim >= 17 for kind in types for dim in kind.shape)
        strided = [kind for kind in types if kind.strides is not None]
        seen["expanded"] += any(s == 0 < d - 1 for kind in strided for s, d in zip(kind.strides, kind.shape))
        seen["permuted"] += any(0 not in kind.strides and kind.storage_elements == kind.elements for kind in strided)
        seen["stepped"] += any(kind.storage_elements > kind.elements for kind in strided)
        seen["small"] += all(prod(kind.shape) <= 1024 for kind in types)
    for what in ("exact", "gradient"):
        assert 0.1 * COUNT < seen[what] < 0.4 * COUNT, (what, seen)
    least = {"edges": 15, "in place": 80, "several outputs": 40, "0-d": 40, "zero-size": 10, "long": 60}
    least |= {"expanded": 10, "permuted": 20, "stepped": 20, "small": COUNT // 2}
    for what, count in least.items():
        assert seen[what] >= count, (what, seen)


def test_every_element_type_occurs_and_float32_most(cases):
    seen = Counter(value.known.dtype.name for case in cases for value in case.graph.inputs)
    assert set(seen) >= set(Options().dtypes)
    assert seen.most_common(1)[0][0] == "float32"


def test_operators_are_put_in_front_of_inputs_too(records):
    grown = Generator(Options(backward=1.0, min_nodes=6, max_nodes=6), records)
    plain = Generator(Options(backward=0.0, min_nodes=6, max_nodes=6), records)
    assert all(len(grown.case(1, index).graph.nodes) == 6 for index in range(20))
    differing = sum(grown.case(1, index).text != plain.case(1, index).text for index in range(20))
    assert differing >= 15


def test_exact_cases_have_small_integers_or_simple_fractions_only(records):
    generator = Generator(Options(exact=1.0), records)
    for index in range(60):
        case = generator.case(2, index)
        assert case.exact
        for tensor in make_inputs(case):
            if tensor.is_floating_point() and tensor.numel():
                assert bool((tensor * 16 == (tensor * 16).round()).all())
                assert float(tensor.detach().abs().max()) <= 1024


def test_gradient_cases_write_no_input_that_requires_one(cases):
    for case in cases:
        for node in case.graph.nodes:
            for name in written_arguments(node):
                assert not case.recipes.get(name, {}).get("requires_grad")


def test_special_values_are_off_unless_asked_for(records, cases):
    assert all(bool(torch.isfinite(tensor).all()) for case in cases[:100] for tensor in make_inputs(case))
    special = Generator(Options(special_values=1.0, exact=0.0), records)
    drawn = [tensor for index in range(20) for tensor in make_inputs(special.case(1, index))]
    assert any(tensor.is_floating_point() and bool(tensor.isnan().any()) for tensor in drawn)


# -- options ----------------------------------------------------------------------------------------------------------


def test_only_is_obeyed(generator):
    only = ["torch.add", "torch.Tensor.mul", "torch.relu", "torch.matmul", "torch.Tensor.reshape"]
    for index in range(20):
        assert set(generator.case(1, index, only=only).graph.operators) <= set(only)


def test_include_and_exclude_are_obeyed(records):
    generator = Generator(Options(include=("torch.fft.*", "add", "c*"), exclude=("cos*",)), records)
    for index in range(20):
        for op in generator.case(1, index).graph.operators:
            last = op.rpartition(".")[2]
            assert (op.startswith("torch.fft.") or last == "add" or last.startswith("c")) and not last.startswith("cos")


def test_favoured_operators_come_often(records):
    generator = Generator(Options(favour={"conv2d": 300.0}), records)
    assert sum("torch.nn.functional.conv2d" in generator.case(1, i).graph.operators for i in range(20)) >= 10


def test_the_mix_of_element_types_is_obeyed(records):
    generator = Generator(Options(dtypes={"float64": 1.0}, gradient=0.0), records)
    for index in range(20):
        for value in generator.case(1, index).graph.inputs:
            assert value.known.dtype.name == "float64"


@pytest.mark.parametrize("nodes", [1, 2, 30])
def test_the_number_of_operators_is_obeyed(records, nodes):
    generator = Generator(Options(min_nodes=nodes, max_nodes=nodes), records)
    for index in range(10):
        assert len(generator.case(1, index).graph.nodes) == nodes


def test_bounds_are_obeyed(records):
    bounds = Bounds(elements=50, total=400, multiply_adds=5000, bytes=4000)
    generator = Generator(Options(bounds=bounds), records)
    for index in range(20):
        check(generator.case(1, index), bounds)


def test_what_cannot_be_is_one_clear_error(records):
    with pytest.raises(UsageError, match="admit no operator"):
        Generator(Options(include=("no_such_operator",)), records)
    with pytest.raises(UsageError, match="none in common"):
        Generator(Options(include=("add",)), records).case(1, 1, only=["torch.mul"])
    with pytest.raises(UsageError, match="no program could be made"):
        Generator(Options(include=("conv2d",), dtypes={"bool": 1.0}), records).case(1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"min_nodes": 0},
        {"min_nodes": 9, "max_nodes": 8},
        {"edges": 1.5},
        {"gradient": -0.1},
        {"dtypes": {"complex64": 1.0}},
        {"dtypes": {"float32": -1.0}},
        {"favour": {"add": -1.0}},
    ],
)
def test_senseless_options_are_refused(options):
    with pytest.raises(UsageError):
        Options(**options)
