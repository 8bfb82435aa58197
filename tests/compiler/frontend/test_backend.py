"""``torch.compile(f, backend="misfold")`` against eager."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch

from misfold.compiler.errors import PipelineError, Unsupported
from misfold.compiler.frontend import backend
from misfold.compiler.frontend.backend import MAX_SPECIALISED, FallbackWarning

from .through_dynamo import compiled

pytestmark = pytest.mark.usefixtures("fresh")


def agree(function: Callable[..., Any], *inputs: torch.Tensor, tolerance: float = 1e-5, **options: Any) -> None:
    """Values, types, strides and what is written agree with eager."""
    given, expected_given = [copy(one) for one in inputs], [copy(one) for one in inputs]
    expected = torch.utils._pytree.tree_leaves(function(*expected_given))
    actual = torch.utils._pytree.tree_leaves(compiled(function, **options)(*given))
    assert len(expected) == len(actual)
    for one, other in zip([*expected, *expected_given], [*actual, *given]):
        assert (one.dtype, one.shape, one.stride()) == (other.dtype, other.shape, other.stride())
        torch.testing.assert_close(other, one, rtol=tolerance, atol=tolerance, equal_nan=True)


def copy(tensor: torch.Tensor) -> torch.Tensor:
    """A copy with the same strides, on memory of its own."""
    fresh = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    if 0 in tensor.stride() and tensor.numel():
        first = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())
        fresh[first] = tensor[first]
        return fresh
    return fresh.copy_(tensor)


def test_it_is_registered():
    (entry,) = {one.value: one for one in entry_points(group="torch_dynamo_backends") if one.name == "misfold"}.values()
    assert entry.load() is backend.misfold
    assert "misfold" in torch._dynamo.list_backends(exclude_tags=())


def softmax(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x * 2 + y, -1).sum(0)


@pytest.mark.parametrize("pipeline", ["O0", "O1", "O2", "O3", ["decomposition", ["simplify"]], []])
def test_pipelines(pipeline):
    agree(softmax, torch.randn(4, 7), torch.randn(7), pipeline=pipeline)


def test_options_of_code_generation():
    agree(softmax, torch.randn(4, 7), torch.randn(7), codegen={"bounds_checked": True, "level": 2})


def raised_by_the_backend(error: BaseException) -> BaseException:
    """Dynamo puts what a backend raises into an exception of its own."""
    cause = getattr(error, "inner_exception", error)
    assert isinstance(cause, BaseException)
    return cause


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipelines": "O2"}, "no option 'pipelines'; it has: codegen, pipeline, strict"),
        ({"pipeline": "O9"}, "no pipeline 'O9'"),
        ({"pipeline": ["no-such-pass"]}, "no-such-pass"),
        ({"pipeline": ["simplify", "decomposition"]}, "decomposition works on graphs"),
        ({"codegen": {"speed": 3}}, "no option 'speed'"),
        ({"codegen": {"level": 9}}, "level must be one of"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(Exception) as caught:
        torch.compile(softmax, backend="misfold", options=options)(torch.ones(2, 3), torch.ones(3))
    cause = raised_by_the_backend(caught.value)
    assert isinstance(cause, PipelineError)
    assert message in str(cause)


def unsupported(x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.eigvalsh(x @ x.t()) + 1


def test_strict_refuses():
    with pytest.raises(Exception) as caught:
        compiled(unsupported)(torch.randn(3, 3))
    cause = raised_by_the_backend(caught.value)
    assert isinstance(cause, Unsupported)
    assert "eigh" in str(cause)


def test_otherwise_it_runs_eagerly_and_says_so():
    x = torch.randn(3, 3)
    with pytest.warns(FallbackWarning, match="eigh"):
        result = torch.compile(unsupported, backend="misfold")(x)
    torch.testing.assert_close(result, unsupported(x))


def test_a_graph_break():
    def broken(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        torch._dynamo.graph_break()
        return y + 1

    agree(broken, torch.randn(5))


def test_gradients():
    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ w).softmax(-1)

    x, w = torch.randn(4, 6), torch.randn(6, 3)
    results = []
    for run in (function, compiled(function)):
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        result = run(a, b)
        result.square().sum().backward()
        results.append((result, a.grad, b.grad))
    for expected, actual in zip(*results):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def test_several_backward_passes_through_one_compile():
    function = compiled(lambda x: (x.exp() * x).sum())
    for seed in range(3):
        x = torch.randn(5, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        function(x).backward()
        torch.testing.assert_close(x.grad, x.detach().exp() * (1 + x.detach()))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x.add_(y),
        lambda x, y: (x.t().mul_(2), y + 1),
        lambda x, y: (x[1].fill_(3.0), x.sum()),
        lambda x, y: x.copy_(y * 2) + y.neg_(),
        lambda x, y: x[:, 0].copy_(y[:, 1]),
    ],
)
def test_written_inputs(function):
    agree(function, torch.randn(4, 4), torch.randn(4, 4))


def test_an_input_that_is_written_and_lies_differently():
    agree(lambda x: x.mul_(2).sum(0), torch.randn(6, 4).t())
    agree(lambda x: x.mul_(2).sum(0), torch.randn(4, 6)[:, ::2])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.t(),
        lambda x: (x, x.view(-1), x + 1),
        lambda x: x[1:, ::2],
        lambda x: x.expand(2, 4, 6),
        lambda x: x.unbind(0),
        lambda x: x.split(2, 1),
        lambda x: (x.select(0, 2), x.mul(2).t()),
    ],
)
@pytest.mark.parametrize("gradient", [False, True])
def test_views_of_inputs_are_views(function, gradient):
    x = torch.randn(4, 6, requires_grad=gradient)
    expected = torch.utils._pytree.tree_leaves(function(x))
    actual = torch.utils._pytree.tree_leaves(compiled(function)(x))
    assert len(expected) == len(actual)
    for one, other in zip(expected, actual):
        assert (one.shape, one.stride(), one.storage_offset()) == (other.shape, other.stride(), other.storage_offset())
        shared = one.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert (other.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()) == shared
        torch.testing.assert_close(other, one)
    if gradient:
        sum(one.square().sum() for one in actual).backward()
        found, x.grad = x.grad, None
        sum(one.square().sum() for one in expected).backward()
        torch.testing.assert_close(found, x.grad)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 2).chunk(2),
        lambda x: (lambda y: (y, y.view(-1), y.t()[1:]))(x + 1),
        lambda x: (lambda y: (y[0].add_(1), y))(x + 1),
        lambda x: (lambda y: (y.sum(0).expand(3, 6), y[1:], y[:, ::2]))(x.exp()),
    ],
)
@pytest.mark.parametrize("gradient", [False, True])
def test_results_share_memory_as_in_eager(function, gradient):
    x = torch.randn(4, 6, requires_grad=gradient)
    expected, actual = function(x), compiled(function)(x)

    def places(tensors):
        first = [one.untyped_storage().data_ptr() for one in tensors]
        return [(first.index(place), one.stride()) for place, one in zip(first, tensors)]

    assert places(actual) == places(expected)
    for one, other in zip(expected, actual, strict=True):
        torch.testing.assert_close(other, one)
    if not gradient:
        # what is written through one is seen through the others
        for result in (expected, actual):
            result[-1].fill_(100.0)
        for one, other in zip(expected, actual, strict=True):
            torch.testing.assert_close(other, one)


def test_a_result_that_eager_copies_is_a_copy_where_nothing_moves():
    x = torch.randn(2, 2, 3)
    result = compiled(lambda y: torch.nn.functional.channel_shuffle(y, 2))(x)
    assert result.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    assert torch.equal(result, x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: torch.select_scatter(x, y[0], 0, 1),
        lambda x, y: torch.slice_scatter(x, y, 0, 1, 3),
        lambda x, y: torch.diagonal_scatter(x.reshape(2, 2), y),
        lambda x, y: torch.as_strided_scatter(x, y, (2,), (1,), 1),
    ],
)
def test_what_is_scattered_takes_the_element_type_of_its_surroundings(function):
    x, y = torch.arange(4), torch.tensor([3.5, -4.5])
    result = compiled(function)(x, y)
    assert result.dtype is torch.int64
    assert torch.equal(result, function(x, y))


def test_dynamic_shapes():
    function = compiled(softmax, dynamic=True)
    for rows in (2, 3, 5, 8):
        for columns in (3, 17):
            x, y = torch.randn(rows, columns), torch.randn(columns)
            torch.testing.assert_close(function(x, y), softmax(x, y), rtol=1e-5, atol=1e-6)


def test_dynamic_shapes_with_a_backward_pass():
    function = compiled(lambda x: (x.sin() * x.shape[0]).sum(), dynamic=True)
    for rows in (2, 5, 9):
        x = torch.randn(rows, 3, requires_grad=True)
        function(x).backward()
        torch.testing.assert_close(x.grad, x.detach().cos() * rows)


def test_old_sizes_go_when_there_are_too_many(monkeypatch):
    made: list[tuple[int, ...]] = []
    original = backend._compiled

    def counted(module: Any, inputs: Any, settings: Any) -> Any:
        made.append(tuple(one for one in inputs if isinstance(one, int)))
        return original(module, inputs, settings)

    monkeypatch.setattr(backend, "_compiled", counted)
    function = compiled(lambda x: x * 2 + 1, dynamic=True)
    sizes = range(2, 2 + MAX_SPECIALISED + 1)
    for size in (*sizes, sizes[-1], sizes[0]):
        x = torch.randn(size)
        torch.testing.assert_close(function(x), x * 2 + 1)
    # the last one was kept, the first one was compiled again
    assert made == [(size,) for size in (*sizes, sizes[0])]


def test_dynamic_shapes_fall_back_too():
    function = torch.compile(unsupported, backend="misfold", dynamic=True)
    with pytest.warns(FallbackWarning, match="eigh"):
        for size in (3, 4):
            x = torch.randn(size, size)
            torch.testing.assert_close(function(x), unsupported(x))


@pytest.mark.parametrize(
    "inputs",
    [
        (torch.randn(7, 4).t(), torch.randn(7)),
        (torch.randn(4, 14)[:, ::2], torch.randn(14)[::2]),
        (torch.randn(4, 1).expand(4, 7), torch.randn(1).expand(7)),
        (torch.randn(30)[2:].as_strided((4, 7), (7, 1)), torch.randn(9)[2:]),
        (torch.randn(2, 4, 7)[1], torch.randn(3, 7)[2]),
    ],
    ids=["transposed", "strided", "expanded", "offset", "selected"],
)
def test_inputs_that_lie_differently(inputs):
    agree(softmax, *inputs)
    agree(lambda x, y: (x + y, x.t() * 2), *inputs)


def test_no_elements_and_no_dimensions():
    agree(lambda x, y: (x * y, x + 1, y.sum()), torch.tensor(3.0), torch.empty(0, 3))
    agree(lambda x: x.sum(1), torch.empty(3, 0))
    agree(lambda x: x.item() if False else x * 2, torch.tensor(2.0))


def test_element_types():
    agree(softmax, torch.randn(4, 7).bfloat16(), torch.randn(7).bfloat16(), tolerance=1e-2)
    agree(softmax, torch.randn(4, 7).half(), torch.randn(7).half(), tolerance=2e-3)
    agree(softmax, torch.randn(4, 7).double(), torch.randn(7).double(), tolerance=1e-12)
    agree(lambda x, y: (x // 3 + y, x > y), torch.arange(-6, 6), torch.arange(12) - 3)
    agree(lambda x: (~x, x.any()), torch.tensor([True, False]))


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 3)
        self.norm = torch.nn.BatchNorm1d(3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        return self.norm(torch.relu(self.linear(x)))


def test_a_module_is_trained():
    torch.manual_seed(1)
    expected_layer = Layer()
    layer = Layer()
    layer.load_state_dict(expected_layer.state_dict())
    run = torch.compile(layer, backend="misfold", options={"strict": True})
    for seed in range(3):
        x = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed))
        for one, call in ((expected_layer, expected_layer), (layer, run)):
            optimiser = torch.optim.SGD(one.parameters(), 0.1)
            optimiser.zero_grad()
            call(x).square().sum().backward()
            optimiser.step()
    for name, value in expected_layer.state_dict().items():
        torch.testing.assert_close(layer.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert layer.calls == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        run.eval()
        torch.testing.assert_close(run(x), expected_layer.eval()(x), rtol=1e-4, atol=1e-5)
