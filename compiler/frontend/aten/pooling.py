"""Pooling over windows, and its derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence

from misfold.compiler.dtypes import I64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, as_float, full

Sizes = int | Sequence[int]


def _each(values: Sizes, count: int) -> list[int]:
    listed = [values] if isinstance(values, int) else list(values)
    return listed * count if len(listed) == 1 else listed


def _behind(
    extents: Sequence[int],
    made: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    low: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """How much is to be padded behind, or cropped if negative, so that there are ``made`` windows.

    With ``ceil_mode`` the last window may reach farther than the padding that was asked for.
    """
    return [
        (count - 1) * step + spread * (size - 1) + 1 - before - extent
        for extent, count, size, step, before, spread in zip(extents, made, window, stride, low, dilation)
    ]


@aten("max_pool2d_with_indices.default", "max_pool3d_with_indices.default")
def max_pool_with_indices(
    c: Context,
    x: Tensor,
    kernel: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, ...]:
    spatial = 3 if "3d" in c.name else 2
    window = _each(kernel, spatial)
    stride = _each(stride, spatial) if stride else window
    low, spread = _each(padding, spatial), _each(dilation, spatial)
    kept = x.rank - spatial
    extents = x.shape[kept:]
    if not x.elements:
        return c.full(0, dtype=c.dtype), c.full(0, dtype=I64)
    high = _behind(extents, c.shape[kept:], window, stride, low, spread)
    least = -math.inf if x.dtype.is_float else x.dtype.min
    padded = x.pad([0] * kept + low, [0] * kept + [max(size, 0) for size in high], least)
    return padded.apply(
        "argwindow",
        op="max",
        sizes=tuple(window),
        strides=tuple(stride),
        dilations=tuple(spread),
        extents=extents,
        low=tuple(low),
    )


@aten("max_pool2d_with_indices_backward.default", "max_pool3d_with_indices_backward.default")
@aten("adaptive_max_pool2d_backward.default", "adaptive_max_pool3d_backward.default")
def max_pool_backward(c: Context, grad: Tensor, x: Tensor, *geometry: object) -> Tensor:
    indices = geometry[-1]
    assert isinstance(indices, Tensor)
    spatial = 3 if "3d" in c.name else 2
    planes = math.prod(x.shape[: x.rank - spatial])
    if not grad.elements:
        return c.full(0, dtype=c.dtype)
    flat = grad.cast(c.computing).reshape(planes, grad.elements // planes)
    target = full(c.builder, 0.0, (planes, x.elements // planes), flat.dtype)
    places = [c.iota(0, flat.shape), indices.reshape(*flat.shape)]
    return target.scatter("add", flat, places).reshape(*x.shape)


@aten("avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default")
def avg_pool(
    c: Context,
    x: Tensor,
    kernel: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    spatial = int(c.name[-2])
    window, low = _each(kernel, spatial), _each(padding, spatial)
    stride = _each(stride, spatial) if stride else window
    x = x.cast(c.computing)
    if not x.elements:
        return c.full(0, dtype=c.dtype)
    sums = _window_sums(x, c.shape[x.rank - spatial :], window, stride, low)
    divisor = _divisor(x, c.shape, window, stride, low, count_include_pad, divisor_override)
    return sums.binary("truncdiv", divisor) if not x.dtype.is_float else sums / divisor


def _window_sums(
    x: Tensor, made: Sequence[int], window: Sequence[int], stride: Sequence[int], low: Sequence[int]
) -> Tensor:
    kept, ones = x.rank - len(window), [1] * len(window)
    high = _behind(x.shape[kept:], made, window, stride, low, ones)
    padded = x.pad([0] * kept + list(low), [0] * kept + [max(size, 0) for size in high])
    return padded.one("window", op="add", sizes=tuple(window), strides=tuple(stride), dilations=tuple(ones))


def _divisor(
    x: Tensor,
    made: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    low: Sequence[int],
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor | float | int:
    """What each window's sum is divided by: one number if all windows have it, else a tensor, a factor a dimension.

    The padding that was asked for counts if ``count_include_pad``; what ``ceil_mode`` adds behind it never does.
    """
    if divisor_override is not None:
        return divisor_override
    kept = x.rank - len(window)
    whole: Tensor | None = None
    number = 1
    for dim, (size, step, before) in enumerate(zip(window, stride, low), kept):
        extent, ends = x.shape[dim], before if count_include_pad else 0
        counts = [
            min(start + size, extent + ends) - max(start, -ends)
            for start in range(-before, made[dim] * step - before, step)
        ]
        if len(set(counts)) == 1:
            number *= counts[0]
            continue
        start = x.iota(dim, made) * step - before
        factor = ((start + size).minimum(extent + ends) - start.maximum(-ends)).cast(x.dtype)
        whole = factor if whole is None else whole * factor
    if whole is None:
        return number
    return whole if number == 1 else whole * number


@aten("avg_pool2d_backward.default", "avg_pool3d_backward.default")
def avg_pool_backward(
    c: Context,
    grad: Tensor,
    x: Tensor,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    spatial = int(c.name.removesuffix("_backward")[-2])
    window, low = _each(kernel, spatial), _each(padding, spatial)
    stride = _each(stride, spatial) if stride else window
    kept = x.rank - spatial
    if not grad.elements:
        return c.full(0, dtype=c.dtype)
    wide = grad.cast(c.computing)
    shared = wide / _divisor(as_float(x), grad.shape, window, stride, low, count_include_pad, divisor_override)
    # element i of the padded input gets from the windows that start at i - size + 1 … i
    before = [size - 1 - pad for size, pad in zip(window, low)]
    behind = [
        extent + size - 1 - ((count - 1) * step + 1) - front
        for extent, size, count, step, front in zip(x.shape[kept:], window, grad.shape[kept:], stride, before)
    ]
    stretched = shared.pad([0] * x.rank, [0] * x.rank, interior=[0] * kept + [step - 1 for step in stride])
    padded = stretched.pad([0] * kept + before, [0] * kept + behind)
    ones = (1,) * spatial
    return padded.one("window", op="add", sizes=tuple(window), strides=ones, dilations=ones)


# ---------------------------------------------------------------------------------- windows of different sizes


@aten("_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default", "adaptive_avg_pool1d.default")
def adaptive_avg_pool(c: Context, x: Tensor, sizes: Sizes) -> Tensor:
    """Window i of m over n elements is from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉; sums along one dimension after the other."""
    spatial = int(c.name[-2])
    kept = x.rank - spatial
    x = x.cast(c.computing)
    if not x.elements or 0 in c.shape:
        return c.full(0, dtype=c.dtype)
    if all(size % count == 0 for size, count in zip(x.shape[kept:], c.shape[kept:])):
        window = [size // count for size, count in zip(x.shape[kept:], c.shape[kept:])]
        return _window_sums(x, c.shape[kept:], window, window, [0] * spatial) / math.prod(window)
    for dim in range(kept, x.rank):
        x = _mean_of_ranges(x, dim, c.shape[dim])
    return x


def _mean_of_ranges(x: Tensor, dim: int, count: int) -> Tensor:
    size = x.shape[dim]
    shape = (*x.shape[:dim], count, *x.shape[dim:])
    start, stop = _range(x.iota(dim, shape), size, count)
    place = x.iota(dim + 1, shape)
    wide = x.broadcast(shape, [one for one in range(x.rank + 1) if one != dim])
    sums = ((place >= start) & (place < stop)).where(wide, 0).sum((dim + 1,))
    start, stop = _range(x.iota(dim, sums.shape), size, count)
    return sums / (stop - start).cast(x.dtype)


def _range(index: Tensor, size: int, count: int) -> tuple[Tensor, Tensor]:
    return index * size // count, ((index + 1) * size + (count - 1)) // count


@aten("adaptive_max_pool2d.default", "adaptive_max_pool3d.default")
def adaptive_max_pool(c: Context, x: Tensor, sizes: Sizes) -> tuple[Tensor, ...]:
    spatial = int(c.name[-2])
    kept = x.rank - spatial
    extents, counts = x.shape[kept:], c.shape[kept:]
    if not x.elements or 0 in c.shape:
        return c.full(0, dtype=c.dtype), c.full(0, dtype=I64)
    if any(size % count for size, count in zip(extents, counts)):
        return _max_of_ranges(c, x, spatial)
    window = tuple(size // count for size, count in zip(extents, counts))
    return x.apply(
        "argwindow",
        op="max",
        sizes=window,
        strides=window,
        dilations=(1,) * spatial,
        extents=extents,
        low=(0,) * spatial,
    )


def _max_of_ranges(c: Context, x: Tensor, spatial: int) -> tuple[Tensor, Tensor]:
    """Windows of different sizes: each is read in full, as large as the largest, and what is not of it is -inf."""
    kept = x.rank - spatial
    spans = [max((i + 1) * n // m + ((i + 1) * n % m > 0) - i * n // m for i in range(m))
             for n, m in zip(x.shape[kept:], c.shape[kept:])]  # fmt: skip
    shape = (*c.shape, math.prod(spans))
    places = [c.iota(dim, shape) for dim in range(kept)]
    inside: Tensor | None = None
    flat = c.full(0, shape, I64)
    offset, rest = c.iota(len(c.shape), shape), math.prod(spans)
    for dim in range(kept, x.rank):
        rest //= spans[dim - kept]
        start, stop = _range(c.iota(dim, shape), x.shape[dim], c.shape[dim])
        place = start + offset // rest % spans[dim - kept]
        inside = place < stop if inside is None else inside & (place < stop)
        place = place.minimum(x.shape[dim] - 1)
        flat = flat * x.shape[dim] + place
        places.append(place)
    assert inside is not None
    windows = inside.where(x.gather(places), -math.inf if x.dtype.is_float else x.dtype.min)
    chosen = windows.arg("max", windows.rank - 1)
    along = [c.iota(dim, c.shape) for dim in range(len(c.shape))]
    return windows.gather([*along, chosen]), flat.gather([*along, chosen])
