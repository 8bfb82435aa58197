"""How inputs and results of programs belong to those of their graphs."""

from __future__ import annotations

import pytest
import torch
from torch._functorch.aot_autograd import aot_module_simplified
from torch.fx import Graph, GraphModule

from misfold.compiler.errors import Unsupported
from misfold.compiler.frontend import Computed, Constant, Imported, Passed, import_exported, import_fx
from misfold.compiler.graph.verify import verify

from .checking import check, compare, run


class Counting(torch.nn.Module):
    """A layer with parameters, a buffer that it writes, and a constant."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.register_buffer("calls", torch.zeros(2))
        self.table = torch.arange(100.0).reshape(50, 2)

    def forward(self, x):
        self.calls.add_(1)
        return self.linear(x) + self.calls + self.table[3]


def exported(module: torch.nn.Module, *inputs, decompose: bool = True) -> Imported:
    program = torch.export.export(module, inputs, strict=False)
    return import_exported(program.run_decompositions() if decompose else program)


def test_parameters_buffers_and_constants_are_bound():
    module, x = Counting(), torch.randn(4, 3)
    imported = exported(module, x)
    assert (imported.inputs[0].name, imported.inputs[0].position) == ("x", 0)
    assert {one.name for one in imported.inputs[1:]} >= {"linear.weight", "linear.bias", "calls"}
    assert all(one.bound is not None for one in imported.inputs[1:])
    results, written = run(imported, [x])
    (calls,) = (number for number, one in enumerate(imported.inputs) if one.name == "calls")
    compare(written[calls], torch.ones(2), "the buffer")
    compare(results[0], module(x), "the result")


def test_small_constants_are_part_of_the_graph():
    table = torch.tensor([1.0, 2.0, 3.0])
    imported = check(lambda x: x + table + torch.tensor(2.0), torch.randn(3))
    assert len(imported.inputs) == 1
    assert {"literal", "full"} <= {node.operator for node in imported.graph.nodes}


def test_an_input_that_is_written():
    class Writing(torch.nn.Module):
        def forward(self, x, y):
            x.mul_(2)
            return x + y

    x, y = torch.randn(3), torch.randn(3)
    imported = exported(Writing(), x, y)
    results, written = run(imported, [x, y])
    compare(written[0], 2 * x, "the input")
    compare(results[0], 2 * x + y, "the result")


def test_results_that_are_no_new_tensors():
    class Passing(torch.nn.Module):
        def forward(self, x, n):
            return x, None, n, x + n

    imported = exported(Passing(), torch.randn(3), 7)
    kinds = [type(one) for one in imported.outputs]
    assert kinds == [Passed, Constant, Constant, Computed]
    assert imported.outputs[1:3] == (Constant(None), Constant(7))
    assert len(imported.graph.outputs) == 1
    assert len(imported.graph.inputs) == 1


def test_one_value_several_times():
    imported = check(lambda x: (x + 1, x * 2), torch.randn(3))
    assert [one.output for one in imported.outputs] == [0, 1]

    def twice(x):
        y = x + 1
        return y, y, y.t()

    imported = check(twice, torch.randn(2, 3))
    assert [one.output for one in imported.outputs] == [0, 0, 1]


@pytest.mark.parametrize(
    "x",
    [torch.randn(4, 3).t(), torch.randn(3, 1).expand(3, 4), torch.randn(6, 8)[::2, ::2], torch.randn(1, 5)[:, 1:]],
    ids=["transposed", "expanded", "sliced", "offset"],
)
def test_strides_of_inputs(x):
    imported = check(lambda x: x * 2 + x.sum(), x)
    (given,) = imported.graph.inputs
    assert given.type.strides == (None if x.is_contiguous() else x.stride())


def test_strides_of_outputs_are_those_of_eager():
    def views(x):
        y = x + 1
        return y.t(), y.expand(2, 3, 4), y[:, ::2], x.t() * 2

    x = torch.randn(3, 4)
    imported = check(views, x)
    assert [one.strides for one in imported.outputs] == [one.stride() for one in views(x)]
    types = [value.type for value in imported.graph.outputs]
    assert [one.strides for one in types] == [(1, 4), None, (4, 2), (1, 4)]


def test_a_value_with_two_layouts_is_copied():
    graph = Graph()
    x = graph.placeholder("x")
    y = graph.call_function(torch.ops.aten.neg.default, (x,))
    z = graph.call_function(torch.ops.aten.clone.default, (y,))
    graph.output((y, z, x))
    with torch._subclasses.FakeTensorMode():
        x.meta["val"] = torch.empty(2, 3)
        y.meta["val"] = torch.empty(2, 3)
        z.meta["val"] = torch.empty_strided((2, 3), (1, 2))
    given = torch.randn(2, 3)
    imported = import_fx(GraphModule(torch.nn.Module(), graph), [given])
    assert [value.type.strides for value in imported.graph.outputs] == [None, (1, 2)]
    assert imported.outputs[2] == Passed(0)
    for result in run(imported, [given])[0][:2]:
        compare(result, -given, "a layout")


def through_autograd(function, *inputs) -> list[Imported]:
    """The graphs that AOTAutograd gives for the function and its derivative, each checked against its FX graph."""
    found = []

    def compiler(module, examples):
        imported = import_fx(module, examples)
        verify(imported.graph)
        found.append(imported)

        def compiled(*given):
            results, _ = run(imported, given)
            for result, expected in zip(results, module(*given), strict=True):
                compare(result, expected, "a result of AOTAutograd's graph")
            return results

        compiled._boxed_call = False
        return compiled

    class Wrapped(torch.nn.Module):
        def forward(self, *given):
            return (function(*given),)

    compiled = aot_module_simplified(Wrapped(), inputs, fw_compiler=compiler, bw_compiler=compiler)
    (result,) = compiled(*inputs)
    if result.requires_grad:
        result.sum().backward()
    return found


def test_graphs_of_autograd():
    x = torch.randn(4, 6, requires_grad=True)
    w = torch.randn(6, 3, requires_grad=True)

    def function(x, w):
        return torch.nn.functional.gelu(torch.nn.functional.layer_norm(x, (6,)) @ w).log_softmax(-1)

    assert len(through_autograd(function, x, w)) == 2
    compare(x.grad, torch.autograd.grad(function(x, w).sum(), x)[0], "the derivative")


def test_derivatives_of_convolution_and_pooling():
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    w = torch.randn(4, 3, 3, 3, requires_grad=True)

    def function(x, w):
        y = torch.nn.functional.conv2d(x, w, stride=2, padding=1).relu()
        return torch.nn.functional.max_pool2d(y, 2) + torch.nn.functional.avg_pool2d(y, 2)

    assert len(through_autograd(function, x, w)) == 2
    for given in (x, w):
        compare(given.grad, torch.autograd.grad(function(x, w).sum(), given)[0], "a derivative")


def test_undecomposed_programs():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 4, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(4)
            self.attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x):
            y = self.norm(self.convolution(x)).relu().flatten(2).transpose(1, 2)
            return self.attention(y, y, y)[0]

    module, x = Block().eval(), torch.randn(2, 3, 4, 4)
    for decompose in (True, False):
        with torch.no_grad():
            results, _ = run(exported(module, x, decompose=decompose), [x])
            compare(results[0], module(x), "the result")


def test_operators_without_a_conversion_are_decomposed():
    grid = torch.rand(1, 3, 3, 2) * 2 - 1
    imported = check(lambda x: torch.nn.functional.grid_sample(x, grid, align_corners=False), torch.randn(1, 2, 4, 4))
    assert any(node.operator == "gather" for node in imported.graph.nodes)
    check(lambda x, y: torch.nn.functional.huber_loss(x, y), torch.randn(5), torch.randn(5))
    check(lambda x, y: torch.nn.functional.cross_entropy(x, y), torch.randn(4, 5), torch.tensor([1, 4, 0, -100]))


def test_short_floats_are_rounded_once():
    # 1 + 2⁻⁹ vanishes in bfloat16 unless the sum that follows still sees it
    x = torch.full((512,), 1.0, dtype=torch.bfloat16)
    check(lambda x: x.sum(), x)
    check(lambda x: x * 0.1 + x, torch.randn(100).bfloat16())
    check(lambda x: x.softmax(-1).var(), torch.randn(8, 64).half())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x[x > 0], "not constant"),
        (lambda x: torch.view_as_complex(x.reshape(-1, 2)), "complex64"),
        (lambda x: torch.linalg.svd(x.reshape(2, 2))[1], "no conversion of this operator"),
        (lambda x: x.to_sparse(), "layout|sparse"),
    ],
)
def test_refused_programs(function, reason):
    class Wrapped(torch.nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises(Unsupported, match=reason):
        exported(Wrapped(), torch.randn(4))


def test_symbolic_shapes_are_refused():
    class Doubling(torch.nn.Module):
        def forward(self, x):
            return x * 2

    shapes = {"x": {0: torch.export.Dim("rows")}}
    program = torch.export.export(Doubling(), (torch.randn(4, 3),), dynamic_shapes=shapes)
    with pytest.raises(Unsupported, match="not constant"):
        import_exported(program)
