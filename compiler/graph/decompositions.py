"""Composite operators as graphs of primitives, in forms that neither overflow nor cancel where that can be avoided.

Everything is computed in the dtype of the input. Where that is f16 or bf16 and more is wanted, whoever builds the
graph casts before and after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from misfold.compiler.dtypes import DType
from misfold.compiler.rounding import round_float

from .builder import Builder
from .ir import Attribute, Graph, Node, Value


def decomposition(node: Node) -> Graph:
    """A graph that computes what a composite node does: its inputs stand for the node's, and so do its outputs.

    Raises:
        KeyError: the operator is a primitive.
    """
    formula = _FORMULAS[node.operator]
    builder = Builder(node.operator)
    inputs = [Tensor(builder, builder.input(value.type)) for value in node.inputs]
    return builder.finish([formula(*inputs, **dict(node.attributes)).value])


class Tensor:
    """A value of a graph under construction that formulas compute with. Numbers become tensors of its shape and dtype,
    rounded to nearest."""

    def __init__(self, builder: Builder, value: Value):
        self.builder = builder
        self.value = value

    @property
    def dtype(self) -> DType:
        return self.value.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.type.shape

    def apply(self, operator: str, *others: Operand, **attributes: Attribute) -> Tensor:
        """An operator on this tensor and others."""
        values = [other.value if isinstance(other, Tensor) else self.full(other).value for other in others]
        return Tensor(self.builder, self.builder.one(operator, self.value, *values, **attributes))

    def full(self, number: float) -> Tensor:
        value = round_float(float(number), self.dtype) if self.dtype.is_float else int(number)
        return Tensor(self.builder, self.builder.one("full", value=value, shape=self.shape, dtype=self.dtype))

    def __add__(self, other: Operand) -> Tensor:
        return self.apply("add", other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Tensor:
        return self.apply("sub", other)

    def __mul__(self, other: Operand) -> Tensor:
        return self.apply("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Tensor:
        return self.apply("div", other)

    def __rtruediv__(self, other: float) -> Tensor:
        return self.full(other).apply("div", self)

    def __neg__(self) -> Tensor:
        return self.apply("neg")

    def __gt__(self, other: Operand) -> Tensor:
        return self.apply("gt", other)

    def __lt__(self, other: Operand) -> Tensor:
        return self.apply("lt", other)

    def sum(self, dims: Sequence[int]) -> Tensor:
        return self.apply("reduce", op="add", dims=tuple(dims))

    def largest(self, dims: Sequence[int]) -> Tensor:
        return self.apply("reduce", op="max", dims=tuple(dims))

    def along(self, dims: Sequence[int], like: Tensor) -> Tensor:
        """The result of a reduction over ``dims`` of ``like``, repeated along them."""
        kept = tuple(dim for dim in range(len(like.shape)) if dim not in dims)
        return self.apply("broadcast", shape=like.shape, dims=kept)

    def reshape(self, shape: tuple[int, ...]) -> Tensor:
        return self.apply("reshape", shape=shape)


Operand = Tensor | float


def _function(name: str) -> Callable[[Tensor], Tensor]:
    return lambda x: x.apply(name)


exp, expm1, log, log1p, sqrt, tanh, erf = map(_function, ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "erf"))


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    return x.apply("max", low).apply("min", high)


def where(condition: Tensor, then: Tensor, other: Operand) -> Tensor:
    return condition.apply("select", then, other if isinstance(other, Tensor) else then.full(other))


def count(x: Tensor, dims: Sequence[int]) -> int:
    """How many elements a reduction over ``dims`` combines."""
    return math.prod(x.shape[dim] for dim in dims)


_FORMULAS: dict[str, Callable[..., Tensor]] = {}


def formula(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Register the formula of the composite operator of the function's name."""
    _FORMULAS[function.__name__] = function
    return function


# --------------------------------------------------------------------------------------------------------- activations


@formula
def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + exp(-x))


@formula
def silu(x: Tensor) -> Tensor:
    return x / (1 + exp(-x))


@formula
def gelu(x: Tensor, approximate: str) -> Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


@formula
def softplus(x: Tensor, beta: float, threshold: float) -> Tensor:
    scaled = x * beta
    return where(scaled > threshold, x, log1p(exp(scaled)) / beta)


@formula
def elu(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    return where(x > 0, x * scale, expm1(x * input_scale) * (alpha * scale))


@formula
def hardtanh(x: Tensor, low: float, high: float) -> Tensor:
    return clamp(x, low, high)


@formula
def hardsigmoid(x: Tensor) -> Tensor:
    return clamp(x + 3, 0, 6) / 6


@formula
def hardswish(x: Tensor) -> Tensor:
    return x * clamp(x + 3, 0, 6) / 6


@formula
def leaky_relu(x: Tensor, slope: float) -> Tensor:
    return where(x > 0, x, x * slope)


@formula
def relu(x: Tensor) -> Tensor:
    return x.apply("max", 0)


@formula
def rsqrt(x: Tensor) -> Tensor:
    return 1 / sqrt(x)


@formula
def reciprocal(x: Tensor) -> Tensor:
    return 1 / x


@formula
def mish(x: Tensor) -> Tensor:
    return x * tanh(log1p(exp(x)))


@formula
def sign(x: Tensor) -> Tensor:
    return (x > 0).apply("cast", dtype=x.dtype) - (x < 0).apply("cast", dtype=x.dtype)


# ------------------------------------------------------------------------------------------------------- normalisation


@formula
def softmax(x: Tensor, dim: int) -> Tensor:
    # Subtracting the largest element makes the largest exponential 1: nothing overflows, and the sum is at least 1.
    powers = exp(x - x.largest([dim]).along([dim], x))
    return powers / powers.sum([dim]).along([dim], x)


@formula
def log_softmax(x: Tensor, dim: int) -> Tensor:
    shifted = x - x.largest([dim]).along([dim], x)
    return shifted - log(exp(shifted).sum([dim])).along([dim], x)


@formula
def logsumexp(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    largest = x.largest(dims)
    # inf - inf is NaN: rows whose largest element is infinite, or that are empty, are not shifted.
    shift = where(largest.apply("abs").apply("eq", math.inf), largest.full(0), largest)
    return shift + log(exp(x - shift.along(dims, x)).sum(dims))


@formula
def mean(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return x.sum(dims) / count(x, dims)


def _deviation(x: Tensor, dims: Sequence[int]) -> Tensor:
    return x - mean(x, tuple(dims)).along(dims, x)


@formula
def var(x: Tensor, dims: tuple[int, ...], correction: float) -> Tensor:
    # Two passes: E[x²] - E[x]² cancels where the mean is large.
    deviation = _deviation(x, dims)
    return (deviation * deviation).sum(dims) / max(count(x, dims) - correction, 0)


@formula
def layer_norm(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    deviation = _deviation(x, dims)
    variance = (deviation * deviation).sum(dims) / count(x, dims)
    return deviation * rsqrt(variance + eps).along(dims, x)


@formula
def group_norm(x: Tensor, groups: int, eps: float) -> Tensor:
    size = math.prod(x.shape[1:]) // groups
    return layer_norm(x.reshape((x.shape[0], groups, size)), (2,), eps).reshape(x.shape)


def inline(graph: Graph, arguments: Sequence[Value], fresh: Callable[[Value], Value]) -> tuple[list[Node], list[Value]]:
    """The nodes of ``graph`` with ``arguments`` for its inputs and renamed by ``fresh``, and what its outputs are."""
    renamed: dict[str, Value] = {value.name: argument for value, argument in zip(graph.inputs, arguments)}
    nodes = []
    for node in graph.nodes:
        outputs = tuple(fresh(value) for value in node.outputs)
        renamed.update((old.name, new) for old, new in zip(node.outputs, outputs))
        inputs = tuple(renamed[value.name] for value in node.inputs)
        nodes.append(Node(node.operator, inputs, outputs, node.attributes, node.body))
    return nodes, [renamed[value.name] for value in graph.outputs]
