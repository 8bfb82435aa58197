"""Strategies: what is drawn is valid, within what was asked for, and what fails becomes small."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, find, given, seed, settings
from hypothesis.vendor.pretty import pretty

from misfold.generators.calling import type_of
from misfold.generators.strategies import cases, graphs, library, tensor_types, tensors
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import UsageError
from misfold.programs.graph import Graph
from misfold.targets.torch_values import gradients, make_inputs, to_function

PAGE = Path(__file__).parents[3] / "docs" / "strategies.md"
quick = settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
shrinking = settings(quick, max_examples=1000)


# -- what is drawn ----------------------------------------------------------------------------------------------------


@seed(1)
@quick
@given(tensors(layouts=True, zero=True))
def test_tensors_are_finite_and_have_types_of_the_language(tensor):
    assert bool(torch.isfinite(tensor).all())
    assert tensor.dim() <= 4
    assert all(size <= 33 for size in type_of(tensor).shape)


@seed(1)
@quick
@given(tensor_types(("int8", "bfloat16"), max_rank=2, max_dim=3))
def test_types_are_within_what_was_asked_for(kind):
    assert kind.dtype.name in ("int8", "bfloat16")
    assert kind.rank <= 2 and all(1 <= size <= 3 for size in kind.shape)
    assert kind.strides is None


@seed(2)
@quick
@given(cases(max_nodes=5, layouts=True, zero=True, gradients=True))
def test_cases_run_from_their_text_with_finite_results_of_the_types_stated(case):
    assert 1 <= len(case.graph.nodes) <= 5
    again = parse_case(case.text)
    assert again == case
    inputs = make_inputs(again)
    with torch.set_grad_enabled(case.gradient):
        outputs = list(to_function(again.graph)(*inputs))
    found = gradients(outputs, inputs) if case.gradient else []
    assert [type_of(tensor) for tensor in outputs] == [case.graph.values[name].known for name in case.graph.returns]
    for tensor in [*outputs, *(item for item in found if item is not None)]:
        assert bool(torch.isfinite(tensor).all())


@seed(3)
@quick
@given(cases(min_nodes=2, max_nodes=4, include=("torch.*",), exclude=("*_",), dtypes=("int64", "float64"), exact=True))
def test_what_was_asked_for_is_obeyed(case):
    assert 2 <= len(case.graph.nodes) <= 4
    assert case.exact
    assert not any(op.endswith("_") for op in case.graph.operators)
    assert {value.known.dtype.name for value in case.graph.values.values()} <= {"int64", "float64"}
    for tensor in make_inputs(case):
        assert not tensor.is_floating_point() or bool((16 * tensor == (16 * tensor).round()).all())


def test_calls_use_what_was_computed_and_operators_vary():
    drawn: list[Graph] = []

    @seed(4)
    @settings(quick, max_examples=60)
    @given(graphs(max_nodes=6))
    def collect(graph):
        drawn.append(graph)

    collect()
    nodes = [node for graph in drawn for node in graph.nodes]
    later = [node for graph in drawn for node in graph.nodes[1:]]
    connected = sum(any(name in graph.producers for name in node.uses) for graph in drawn for node in graph.nodes)
    assert connected >= 0.3 * len(later)
    assert len({node.op for node in nodes}) >= 40


# -- what fails becomes small -----------------------------------------------------------------------------------------


# A few operators of different kinds, so that a failure is met soon.
FEW = (
    "matmul",
    "sum",
    "cumsum",
    "relu",
    "add",
    "exp",
    "cat",
    "isfinite",
    "conv2d",
    "softmax",
    "where",
    "to",
    "permute",
)


def smallest(predicate) -> Case:
    return find(cases(max_nodes=6, include=FEW), predicate, settings=shrinking)


def largest(case: Case) -> int:
    return max(value.known.elements for value in case.graph.values.values())


def test_a_failure_of_one_operator_shrinks_to_one_call_of_single_elements():
    case = smallest(lambda case: any(op.endswith("matmul") for op in case.graph.operators))
    assert len(case.graph.nodes) == 1
    assert largest(case) == 1
    assert {value.known.dtype.name for value in case.graph.inputs} == {"float32"}
    assert all(recipe["draw"] == "integers" for recipe in case.recipes.values())


def test_a_failure_of_a_pair_of_operators_shrinks_to_two_calls():
    def fails(case: Case) -> bool:
        graph = case.graph
        return any(
            node.op.endswith("sum") and any(name in graph.producers for name in node.uses) for node in graph.nodes
        )

    case = smallest(fails)
    assert len(case.graph.nodes) == 2
    assert largest(case) == 1


def test_a_failure_that_needs_a_size_keeps_that_and_no_more():
    case = smallest(lambda case: any(max(value.known.shape, default=0) >= 7 for value in case.graph.inputs))
    assert len(case.graph.nodes) == 1
    assert largest(case) == 7


def test_tensors_shrink_to_zeros_of_the_size_that_matters():
    tensor = find(tensors(), lambda tensor: tensor.numel() >= 3, settings=shrinking)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [0.0, 0.0, 0.0]


# -- errors and the page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cases(min_nodes=3, max_nodes=2), "calls per program"),
        (lambda: cases(include=("no_such_operator",)), "admit no operator"),
        (lambda: cases(dtypes=()), "no element type"),
        (lambda: cases(max_dim=0), "max_dim"),
        (lambda: tensors(("complex64",)), "unknown element type complex64"),
        (lambda: tensor_types(max_rank=9), "max_rank"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_error(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_without_hypothesis_the_error_says_how_to_get_it(monkeypatch):
    library.strategies.cache_clear()
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    try:
        with pytest.raises(UsageError, match=re.escape('pip install "misfold[hypothesis]"')):
            cases()
    finally:
        library.strategies.cache_clear()


def test_a_case_is_shown_as_its_file(generator):
    case = generator.case(1, 1)
    shown = pretty(case)
    assert shown.startswith('parse_case("""\\\n# misfold case')
    assert case.text in shown


WRONG = """
@torch._dynamo.register_backend
def wrong(graph, inputs):
    for node in graph.graph.nodes:
        if node.op == "call_function" and node.target is torch.maximum:
            node.target = torch.minimum
    graph.recompile()
    return graph.forward

"""


@pytest.mark.slow
def test_the_page_s_example_passes_a_right_backend_and_reports_a_wrong_one(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len([line for line in example.splitlines() if line]) <= 13
    (tmp_path / "test_right.py").write_text(example.replace("max_examples=25", "max_examples=8"), encoding="utf-8")
    head, separator, rest = example.partition("@settings")
    include = 'include=("maximum",), dtypes=("float32",)'
    rest = rest.replace('"eager"', '"wrong"').replace('exclude=("*_",)', include)
    # Each attempt to shrink would compile; shrinking has tests of its own.
    rest = rest.replace("max_examples=25", "max_examples=25, phases=[hypothesis.Phase.generate]")
    (tmp_path / "test_wrong.py").write_text("import hypothesis\n" + head + WRONG + separator + rest, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert re.search(r"FAILED .*test_wrong\.py::test_my_backend", done.stdout)
    assert 'case=parse_case("""' in done.stdout and "maximum(" in done.stdout
