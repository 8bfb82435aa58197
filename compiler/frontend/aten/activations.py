"""Activation functions, and their derivatives."""

from __future__ import annotations

import math

from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, concatenate
from misfold.compiler.frontend.types import Number, exact


@aten("relu.default")
def relu(c: Context, x: Tensor) -> Tensor:
    return x.one("relu")


@aten("relu6.default")
def relu6(c: Context, x: Tensor) -> Tensor:
    return hardtanh(c, x, 0, 6)


@aten("silu.default")
def silu(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing).one("silu")


@aten("mish.default")
def mish(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing).one("mish")


@aten("hardswish.default")
def hardswish(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing).one("hardswish")


@aten("hardsigmoid.default")
def hardsigmoid(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing).one("hardsigmoid")


@aten("gelu.default")
def gelu(c: Context, x: Tensor, approximate: str = "none") -> Tensor:
    return x.cast(c.computing).one("gelu", approximate=approximate)


@aten("softplus.default")
def softplus(c: Context, x: Tensor, beta: Number = 1, threshold: Number = 20) -> Tensor:
    return x.cast(c.computing).one("softplus", beta=float(beta), threshold=float(threshold))


@aten("elu.default")
def elu(c: Context, x: Tensor, alpha: Number = 1, scale: Number = 1, input_scale: Number = 1) -> Tensor:
    return x.cast(c.computing).one("elu", alpha=float(alpha), scale=float(scale), input_scale=float(input_scale))


@aten("celu.default")
def celu(c: Context, x: Tensor, alpha: Number = 1) -> Tensor:
    return elu(c, x, alpha, 1, 1 / alpha)


@aten("selu.default")
def selu(c: Context, x: Tensor) -> Tensor:
    return elu(c, x, 1.6732632423543772, 1.0507009873554805)


@aten("leaky_relu.default")
def leaky_relu(c: Context, x: Tensor, negative_slope: Number = 0.01) -> Tensor:
    return x.cast(c.computing).one("leaky_relu", slope=float(negative_slope))


@aten("_prelu_kernel.default")
def prelu(c: Context, x: Tensor, weight: Tensor) -> Tensor:
    x, weight = c.operands(x, weight)
    return (x > 0).where(x, weight * x)


@aten("hardtanh.default")
def hardtanh(c: Context, x: Tensor, min_val: Number = -1, max_val: Number = 1) -> Tensor:
    return x.one("hardtanh", low=exact(min_val, x.dtype), high=exact(max_val, x.dtype))


@aten("hardshrink.default")
def hardshrink(c: Context, x: Tensor, lambd: Number = 0.5) -> Tensor:
    return ((x >= -lambd) & (x <= lambd)).where(0.0, x)


@aten("softshrink.default")
def softshrink(c: Context, x: Tensor, lambd: Number = 0.5) -> Tensor:
    x = x.cast(c.computing)
    inside = (x < -lambd).where(x + lambd, x * 0.0)
    return (x > lambd).where(x - lambd, inside)


@aten("threshold.default")
def threshold(c: Context, x: Tensor, threshold: Number, value: Number) -> Tensor:
    return (x <= threshold).where(value, x)


@aten("log_sigmoid_forward.default")
def log_sigmoid_forward(c: Context, x: Tensor) -> tuple[Tensor, Tensor]:
    # The second output is a buffer for the derivative, which only some of eager's kernels fill.
    buffer = c.full(0.0, tuple(c.results[1].shape))
    return log_sigmoid(c, x), buffer


@aten("log_sigmoid.default")
def log_sigmoid(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing)
    return x.minimum(0.0) - (-x.abs()).exp().one("log1p")


@aten("glu.default")
def glu(c: Context, x: Tensor, dim: int = -1) -> Tensor:
    x, dim = x.cast(c.computing), dim % x.rank
    half = x.shape[dim] // 2
    return x.slice(dim, 0, half) * x.slice(dim, half, 2 * half).one("sigmoid")


# -------------------------------------------------------------------------------------------------------- derivatives


@aten("sigmoid_backward.default")
def sigmoid_backward(c: Context, grad: Tensor, y: Tensor) -> Tensor:
    grad, y = c.operands(grad, y)
    return grad * (1 - y) * y


@aten("tanh_backward.default")
def tanh_backward(c: Context, grad: Tensor, y: Tensor) -> Tensor:
    grad, y = c.operands(grad, y)
    return grad * (1 - y * y)


@aten("threshold_backward.default")
def threshold_backward(c: Context, grad: Tensor, x: Tensor, threshold: Number) -> Tensor:
    grad, x = c.operands(grad, x, dtype=c.dtype)
    return (x <= threshold).where(0, grad)


@aten("silu_backward.default")
def silu_backward(c: Context, grad: Tensor, x: Tensor) -> Tensor:
    grad, x = c.operands(grad, x)
    s = x.one("sigmoid")
    return grad * s * (x * (1 - s) + 1)


@aten("mish_backward.default")
def mish_backward(c: Context, grad: Tensor, x: Tensor) -> Tensor:
    grad, x = c.operands(grad, x)
    s, t = x.one("sigmoid"), x.one("softplus", beta=1.0, threshold=20.0).one("tanh")
    return grad * (t + x * s * (1 - t * t))


@aten("gelu_backward.default")
def gelu_backward(c: Context, grad: Tensor, x: Tensor, approximate: str = "none") -> Tensor:
    grad, x = c.operands(grad, x)
    if approximate == "tanh":
        beta, kappa = math.sqrt(2 / math.pi), 0.044715
        square = x * x
        t = ((x + x * square * kappa) * beta).one("tanh")
        inner = (square * (3 * kappa) + 1) * beta
        return grad * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * inner)
    cdf = ((x * math.sqrt(0.5)).one("erf") + 1) * 0.5
    pdf = (x * x * -0.5).exp() * (0.5 * math.sqrt(2 / math.pi))
    return grad * (cdf + x * pdf)


@aten("leaky_relu_backward.default")
def leaky_relu_backward(c: Context, grad: Tensor, x: Tensor, negative_slope: Number, is_result: bool) -> Tensor:
    grad, x = c.operands(grad, x)
    return (x > 0).where(grad, grad * negative_slope)


@aten("elu_backward.default")
def elu_backward(
    c: Context, grad: Tensor, alpha: Number, scale: Number, input_scale: Number, is_result: bool, x: Tensor
) -> Tensor:
    grad, x = c.operands(grad, x)
    if is_result:
        slope = (x + alpha * scale) * input_scale
    else:
        slope = (x * input_scale).exp() * (input_scale * alpha * scale)
    return (x <= 0).where(grad * slope, grad * scale)


@aten("hardtanh_backward.default")
def hardtanh_backward(c: Context, grad: Tensor, x: Tensor, min_val: Number, max_val: Number) -> Tensor:
    grad, x = c.operands(grad, x, dtype=c.dtype)
    return ((x <= min_val) | (x >= max_val)).where(0.0, grad)


@aten("hardsigmoid_backward.default")
def hardsigmoid_backward(c: Context, grad: Tensor, x: Tensor) -> Tensor:
    grad, x = c.operands(grad, x)
    return ((x > -3) & (x < 3)).where(grad * (1 / 6), 0.0)


@aten("hardswish_backward.default")
def hardswish_backward(c: Context, grad: Tensor, x: Tensor) -> Tensor:
    grad, x = c.operands(grad, x)
    return (x <= -3).where(0.0, (x < 3).where(grad * (x / 3 + 0.5), grad))


@aten("hardshrink_backward.default", "softshrink_backward.default")
def shrink_backward(c: Context, grad: Tensor, x: Tensor, lambd: Number) -> Tensor:
    grad, x = c.operands(grad, x, dtype=c.dtype)
    return ((x >= -lambd) & (x <= lambd)).where(0.0, grad)


@aten("softplus_backward.default")
def softplus_backward(c: Context, grad: Tensor, x: Tensor, beta: Number, threshold: Number) -> Tensor:
    grad, x = c.operands(grad, x)
    z = (x * beta).exp()
    return (x * beta > threshold).where(grad, grad * z / (z + 1))


@aten("log_sigmoid_backward.default")
def log_sigmoid_backward(c: Context, grad: Tensor, x: Tensor, buffer: Tensor) -> Tensor:
    grad, x = c.operands(grad, x)
    return grad * (-x).one("sigmoid")


@aten("glu_backward.default")
def glu_backward(c: Context, grad: Tensor, x: Tensor, dim: int) -> Tensor:
    grad, x = grad.cast(c.computing), x.cast(c.computing)
    dim %= x.rank
    half = x.shape[dim] // 2
    a, s = x.slice(dim, 0, half), x.slice(dim, half, 2 * half).one("sigmoid")
    return concatenate([grad * s, grad * a * s * (1 - s)], dim)
