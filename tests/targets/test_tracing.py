"""One trace in the place of torch.export's four: the same operators, the same values, and a refusal where it cannot."""

from __future__ import annotations

import pytest
import torch

from misfold.programs.parser import parse_graph
from misfold.programs.pipeline import Pipeline
from misfold.targets.exporting import export
from misfold.targets.functional import functional
from misfold.targets.tracing import Unfit, traced

PROGRAMS = {
    "elementwise": 'x0: "float32[4, 3]", x1: "float32[3]"|v0 = torch.add(x0, x1)\nv1 = torch.sigmoid(v0)|v1, v0',
    "a write": 'x0: "float32[4]"|v0 = x0.mul_(2)\nv1 = torch.exp(v0)|v1',
    "a write through a view": 'x0: "float32[4, 4]"|v0 = x0.diagonal()\nv1 = v0.zero_()\nv2 = x0.sum(1)|v2, v1',
    "a composite written in place": 'x0: "float32[4]"|v0 = torch.neg(x0)\nv1 = v0.arctanh_()|v1',
    "matrices": 'x0: "float32[2, 3, 4]", x1: "float32[4, 5]"|v0 = torch.matmul(x0, x1)\nv1 = v0.softmax(-1)|v1',
    "layer norm": 'x0: "float32[2, 6]"|v0 = torch.nn.functional.layer_norm(x0, [6])|v0',
    "convolution": 'x0: "float32[1, 2, 8]", x1: "float32[3, 2, 3]"|v0 = torch.nn.functional.conv1d(x0, x1)|v0',
    "several outputs": 'x0: "float32[5, 3]"|v0, v1 = torch.sort(x0, 0)\nv2 = torch.take_along_dim(x0, v1, 0)|v2, v0',
    "an input returned": 'x0: "float32[3]"|v0 = torch.neg(x0)|x0, v0',
    "a cast": 'x0: "int32[3]"|v0 = x0.to(torch.float16)\nv1 = torch.sqrt(v0)|v1',
}


def program(name: str):
    inputs, body, returns = PROGRAMS[name].split("|")
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return parse_graph(f"def program({inputs}):\n{lines}    return ({returns},)\n")


def tensors(graph):
    torch.manual_seed(0)
    made = []
    for value in graph.inputs:
        dtype = getattr(torch, value.known.dtype.name)
        shape = tuple(value.known.shape)
        made.append(torch.rand(shape).to(dtype) if dtype.is_floating_point else torch.randint(0, 9, shape, dtype=dtype))
    return made


def operators(exported) -> list[tuple[str, tuple]]:
    found = []
    for node in exported.graph.nodes:
        if node.op == "call_function":
            values = node.meta.get("val")
            values = values if isinstance(values, list | tuple) else [values]
            types = tuple((str(one.dtype), tuple(one.shape)) for one in values if isinstance(one, torch.Tensor))
            found.append((str(node.target), types))
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_graph_is_that_of_export_and_decompositions(name):
    graph = program(name)
    inputs = tensors(graph)
    whole, quick = export(functional(graph).function, inputs), traced(functional(graph).function, inputs)
    assert operators(quick) == operators(whole)
    assert [item.arg.name for item in quick.graph_signature.input_specs] == [
        node.name for node in quick.graph.nodes if node.op == "placeholder"
    ]


@pytest.mark.parametrize("name", PROGRAMS)
def test_its_values_are_the_programs(name):
    graph = program(name)
    inputs = tensors(graph)
    quick = traced(functional(graph).function, inputs)
    kept = [tensor.clone() for tensor in inputs]
    results = torch.fx.Interpreter(quick.graph_module).run(*inputs)
    assert all(torch.equal(one, other) for one, other in zip(inputs, kept, strict=True))
    expected = functional(graph).function(*inputs)
    assert len(results) == len(expected)
    for one, other in zip(results, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_what_it_does_not_express_is_refused():
    constant = torch.ones(3)
    with pytest.raises(Unfit, match="constant"):
        traced(lambda x: (x + constant,), [torch.ones(3)])
    with pytest.raises(Unfit, match="no tensor"):
        traced(lambda x: (x + 1, 3), [torch.ones(3)])


def test_tvm_takes_the_short_way_only_while_screening(monkeypatch):
    pytest.importorskip("tvm")
    from misfold.targets import exporting, tracing
    from misfold.targets.tvm import PIPELINES, TVM

    ways = []
    for module, name in ((exporting, "export"), (tracing, "traced")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, real=real, name=name: (ways.append(name), real(*args))[1])
    graph = program("elementwise")
    inputs = tensors(graph)
    pipeline: Pipeline = PIPELINES[0]
    answers = []
    for screening in (False, True):
        target = TVM()
        target.warm_up()
        ways.clear()
        target.screening = screening
        answers.append(target.compile(graph, inputs, pipeline)(inputs))
        assert ways == (["traced"] if screening else ["export"])
    for one, other in zip(*answers, strict=True):
        assert torch.equal(one, other)

    def broken(*_):
        raise Unfit("on purpose")

    monkeypatch.setattr(tracing, "traced", broken)
    ways.clear()
    target.compile(graph, inputs, pipeline)
    assert ways == ["export"]
