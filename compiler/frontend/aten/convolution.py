"""Convolutions of one to three dimensions, and their derivatives, all as the graph IR's one kind.

Notation as in Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016): the derivative with
respect to the input is a convolution of the stretched gradient with the flipped kernel (section 4).
"""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import computing


@aten("convolution.default", "_convolution.default")
def convolution(
    c: Context,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    *_: bool,
) -> Tensor:
    spatial = weight.rank - 2
    stride, padding, dilation, output_padding = (
        _each(values, spatial) for values in (stride, padding, dilation, output_padding)
    )
    if not x.elements or not weight.elements or 0 in c.shape:
        raise c.unsupported("a convolution without elements")
    x, weight = x.cast(c.computing), weight.cast(c.computing)
    batched = x if x.rank == weight.rank else x.unsqueeze(0)
    if transposed:
        made = convolve_transposed(batched, weight, stride, padding, dilation, output_padding, groups)
    else:
        made = convolve(batched, weight, stride, padding, padding, dilation, groups)
    if bias is not None:
        made = made + bias.cast(c.computing).reshape(bias.elements, *[1] * spatial)
    return made.reshape(*c.shape)


@aten("conv1d.default", "conv2d.default", "conv3d.default")
def convolution_of_batch(
    c: Context,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Tensor:
    return convolution(c, x, weight, bias, stride, padding, dilation, False, (0,), groups)


def _each(values: Sequence[int], count: int) -> list[int]:
    """One number for each dimension: ATen repeats a single one."""
    return list(values) * count if len(values) == 1 else list(values)


def convolve(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """[N, C, …] with [O, C/groups, …]; ``low`` and ``high`` pad the input, or crop it where they are negative."""
    padded = x.pad([0, 0, *low], [0, 0, *high])
    return padded.one("convolution", weight, strides=tuple(stride), dilations=tuple(dilation), groups=groups)


def convolve_transposed(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """[N, C, …] with [C, O/groups, …]: what the derivative of a convolution does to a gradient."""
    channels, per_group, *window = weight.shape
    spatial = len(window)
    # swap input and output channels within each group, and flip the window
    swapped = weight.reshape(groups, channels // groups, per_group, *window).transpose(1, 2)
    flipped = swapped.reshape(groups * per_group, channels // groups, *window).reverse(range(2, 2 + spatial))
    reach = [step * (size - 1) for step, size in zip(dilation, window)]
    stretched = x.pad([0] * x.rank, [0] * x.rank, interior=[0, 0, *(step - 1 for step in stride)])
    low = [span - before for span, before in zip(reach, padding)]
    high = [span - before + more for span, before, more in zip(reach, padding, output_padding)]
    return convolve(stretched, flipped, [1] * spatial, low, high, dilation, groups)


@aten("convolution_backward.default")
def convolution_backward(
    c: Context,
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    mask: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    spatial = weight.rank - 2
    stride, padding, dilation, output_padding = (
        _each(values, spatial) for values in (stride, padding, dilation, output_padding)
    )
    if not x.elements or not grad.elements or x.rank != weight.rank:
        raise c.unsupported("a convolution without elements or without a batch")
    grad, x, weight = (one.cast(computing(one.dtype)) for one in (grad, x, weight))
    bias_grad = grad.sum((0, *range(2, grad.rank))) if mask[2] else None
    grad_x = grad_weight = None
    if mask[0]:
        if transposed:
            grad_x = convolve(grad, weight, stride, padding, padding, dilation, groups)
            grad_x = _cropped(grad_x, x.shape)
        else:
            more = _remainders(x.shape, weight.shape, grad.shape, stride, padding, dilation)
            grad_x = convolve_transposed(grad, weight, stride, padding, dilation, more, groups)
    if mask[1]:
        image, moving = (grad, x) if transposed else (x, grad)
        grad_weight = _weight_gradient(image, moving, weight.shape, stride, padding, dilation, groups)
    return grad_x, grad_weight, bias_grad


def _remainders(
    x: Sequence[int],
    weight: Sequence[int],
    grad: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """How many elements at the end of each dimension of the input no window reached."""
    return [
        x[dim + 2] + 2 * padding[dim] - (stride[dim] * (grad[dim + 2] - 1) + dilation[dim] * (weight[dim + 2] - 1) + 1)
        for dim in range(len(stride))
    ]


def _cropped(x: Tensor, shape: Sequence[int]) -> Tensor:
    for dim, size in enumerate(shape):
        x = x.slice(dim, 0, size)
    return x


def _weight_gradient(
    image: Tensor,
    moving: Tensor,
    weight: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """∂/∂w[o, c, k] = Σ over n and positions p of moving[n, o, p] · image[n, c, p·stride + k·dilation − padding].

    That is a convolution of the image with the gradient as kernel, where stride and dilation change places, and batch
    and channels too. The groups of channels become groups of the batch that is convolved over.
    """
    batch, channels, *extents = image.shape
    outputs = moving.shape[1]
    # [N, G, C/G, …] → [C/G, G · N, …]: group g is convolved over the N images of its own channels
    left = image.reshape(batch, groups, channels // groups, *extents)
    left = left.permute(2, 1, 0, *range(3, left.rank)).reshape(channels // groups, groups * batch, *extents)
    right = moving.permute(1, 0, *range(2, moving.rank))  # [O, N, …]
    made = convolve(left, right, dilation, padding, padding, stride, groups)  # [C/G, O, …]
    made = _cropped(made, (channels // groups, outputs, *weight[2:]))
    return made.permute(1, 0, *range(2, made.rank))
