"""Programs without in-place operators: the same results, or an honest refusal."""

from __future__ import annotations

import pytest
import torch

from misfold.programs.parser import parse_graph
from misfold.targets.functional import functional, traceable, written_inputs
from misfold.targets.protocol import Unsupported
from misfold.targets.torch_values import to_function


def text(body: str, more: str = "") -> str:
    """A program of x0 and further parameters, its statements separated by semicolons."""
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    return f'def program(x0: "float32[2, 3]"{more}):\n{lines}'


GOOD = {
    "chain": text("a = torch.mul(x0, 2.0); b = a.add_(1.0); c = a.relu_(); d = torch.neg(b); return a, b, c, d"),
    "input": text("a = x0.add_(1.0); b = torch.mul(x0, a); return (b,)"),
    "promotes": text("a = torch.mul(x0, 2.0); b = a.add_(x1); return (b,)", ', x1: "float64[3]"'),
    "zero": text("a = torch.neg(x0); b = a.zero_(); return a, b"),
    "fill": text("a = torch.neg(x0); b = a.fill_(2); return a, b"),
    "copy": text("a = torch.neg(x0); b = a.copy_(x1); return a, b", ', x1: "int64[3]"'),
    "argument": text("a = torch.nn.functional.relu(x0, inplace=True); b = torch.neg(x0); return a, b"),
    "position": text("a = torch.nn.functional.relu(x0, True); b = torch.neg(x0); return a, b"),
    "dead view": text("a = torch.neg(x0); b = a.t(); c = torch.neg(b); d = a.add_(1.0); return c, d"),
    "view of the result": text("a = torch.neg(x0); b = a.add_(1.0); c = a.t(); return (c,)"),
    "itself": text("a = torch.neg(x0); b = a.mul_(a); return (b,)"),
}
REFUSED = {
    "live view": text("a = torch.neg(x0); b = a.t(); c = a.add_(1.0); return b, c"),
    "through a view": text("a = torch.neg(x0); b = a.t(); c = b.add_(1.0); return a, c"),
    "view of an input": text("a = x0.t(); b = a.add_(1.0); return (b,)"),
    "reshaped input": text("a = x0.t_(); return (a,)"),
}


def inputs(graph):
    torch.manual_seed(3)
    made = []
    for value in graph.inputs:
        dtype = getattr(torch, value.known.dtype.name)
        made.append((torch.randn(value.known.shape) * 3).to(dtype))
    return made


@pytest.mark.parametrize("make", [functional, traceable], ids=["functional", "traceable"])
@pytest.mark.parametrize("name", GOOD)
def test_same_results_and_same_written_inputs(name: str, make):
    graph = parse_graph(GOOD[name])
    expected_inputs, before, after = inputs(graph), inputs(graph), inputs(graph)
    expected = to_function(graph)(*expected_inputs)
    program = make(graph)
    results = program.function(*before)
    for mine, given in zip(before, after, strict=True):
        assert torch.equal(mine, given), "the function wrote an input"
    outputs = program.finish(results, after)
    assert len(outputs) == len(expected)
    for left, right in zip(expected, outputs, strict=True):
        assert left.dtype == right.dtype and torch.equal(left, right)
    for left, right in zip(expected_inputs, after, strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused(name: str):
    with pytest.raises(Unsupported):
        traceable(parse_graph(REFUSED[name]))


def test_a_traceable_program_has_no_in_place_operator():
    from misfold.programs.aliasing import is_functional
    from misfold.targets.rewriting import without_writes

    for program in GOOD.values():
        assert is_functional(without_writes(parse_graph(program))[0].nodes)


def test_a_functional_program_is_left_alone():
    from misfold.targets.rewriting import without_writes

    graph = parse_graph(text("a = x0.t(); return (a,)"))
    assert without_writes(graph) == (graph, ())


def test_written_inputs_are_found_through_views():
    assert written_inputs(parse_graph(REFUSED["view of an input"])) == (0,)
    assert written_inputs(parse_graph(GOOD["chain"])) == ()


def test_aliases_cover_what_torch_shares():
    import warnings

    from misfold.generators.records import RecordBase
    from misfold.programs.aliasing import aliases
    from misfold.targets.torch_values import make_inputs

    records = RecordBase.load()
    shared = 0
    for operator in records.operators:
        for record in records.of(operator)[:4]:
            case = record.case()
            root = aliases(case.graph)
            tensors = [tensor.detach() for tensor in make_inputs(case)]
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                outputs = to_function(case.graph)(*tensors)
            for value, tensor in zip(case.graph.inputs, tensors, strict=True):
                for name, output in zip(case.graph.returns, outputs, strict=True):
                    pointer = output.untyped_storage().data_ptr() if output.numel() else 0
                    if pointer and pointer == tensor.untyped_storage().data_ptr():
                        shared += 1
                        assert root[name] == root[value.name], record.case().text
    assert shared > 200
