"""Padding and resampling of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from misfold.compiler.dtypes import F32, F64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number


@aten("constant_pad_nd.default", "pad.default")
def constant_pad(c: Context, x: Tensor, pad: Sequence[int], *rest: object) -> Tensor:
    if c.name == "pad" and rest and rest[0] != "constant":
        raise c.unsupported(f"mode {rest[0]} before decomposition")
    value = rest[-1] if rest and isinstance(rest[-1], int | float) else 0
    # pairs for the dimensions from the last on
    unpadded = [0] * (x.rank - len(pad) // 2)
    return x.pad([*unpadded, *pad[-2::-2]], [*unpadded, *pad[::-2]], value)


_PADS = [f"{kind}_pad{rank}d.default" for kind in ("reflection", "replication") for rank in (1, 2, 3)]


@aten(*_PADS)
def pad_from_inside(c: Context, x: Tensor, pad: Sequence[int]) -> Tensor:
    reflect = c.name.startswith("reflection")

    def source(place: Tensor, dim: int, size: int) -> Tensor:
        place = place - pad[2 * (x.rank - 1 - dim)]
        if reflect:  # 0 1 2 3 2 1: the distance from the last, of the distance from the first
            return (size - 1) - ((size - 1) - place.abs()).abs()
        return place.maximum(0).minimum(size - 1)

    return _resampled(c, x, len(pad) // 2, source)


def _resampled(c: Context, x: Tensor, spatial: int, source: Callable[[Tensor, int, int], Tensor]) -> Tensor:
    """Each element from the place that ``source(index, dim, size)`` names in each of the last dimensions."""
    if 0 in c.shape:
        return c.full(0, dtype=c.dtype)
    places = []
    for dim, size in enumerate(x.shape):
        place = c.iota(dim, c.shape)
        places.append(source(place, dim, size) if dim >= x.rank - spatial else place)
    return x.gather(places)


_NEAREST = [f"{name}{rank}d" for name in ("upsample_nearest", "_upsample_nearest_exact") for rank in (1, 2, 3)]


@aten(*(f"{name}.{overload}" for name in _NEAREST for overload in ("default", "vec")))
def upsample_nearest(c: Context, x: Tensor, size: Sequence[int] | None, *given: Any) -> Tensor:
    exact = "exact" in c.name
    spatial = int(c.name[-2])
    # .vec has all factors in one list, .default as arguments of their own
    factors: Sequence[float | None] = (given[0] if c.operator.endswith(".vec") else given) or [None] * spatial

    def source(place: Tensor, dim: int, extent: int) -> Tensor:
        made = c.shape[dim]
        scale = factors[dim - (x.rank - spatial)]
        if scale is None and made == extent:
            return place
        # aten/src/ATen/native/UpSample.h computes the ratio and the place in f32
        ratio = 1 / scale if scale else extent / made
        position = place.cast(F32)
        scaled = (position + 0.5) * ratio if exact else position * ratio
        return scaled.one("floor").cast(place.dtype).minimum(extent - 1)

    return _resampled(c, x, spatial, source)


@aten("upsample_bilinear2d.vec", "upsample_linear1d.vec", "upsample_trilinear3d.vec")
def upsample_linear(
    c: Context, x: Tensor, size: Sequence[int] | None, align_corners: bool, scales: Sequence[float] | None
) -> Tensor:
    spatial = {"linear1d": 1, "bilinear2d": 2, "trilinear3d": 3}[c.name.removeprefix("upsample_")]
    x = x.cast(c.computing)
    for number in range(spatial):
        dim = x.rank - spatial + number
        x = _interpolated(x, dim, c.shape[dim], align_corners, scales[number] if scales else None)
    return x


def _interpolated(x: Tensor, dim: int, made: int, align_corners: bool, scale: float | None) -> Tensor:
    """Along one dimension: aten/src/ATen/native/UpSample.h, area_pixel_compute_source_index."""
    extent = x.shape[dim]
    shape = (*x.shape[:dim], made, *x.shape[dim + 1 :])
    index = x.iota(dim, shape)
    position = index.cast(F64 if x.dtype == F64 else F32)
    if align_corners:
        place = position * ((extent - 1) / (made - 1) if made > 1 else 0.0)
    else:
        ratio: Number = 1 / scale if scale else extent / made
        place = ((position + 0.5) * ratio - 0.5).maximum(0.0)
    low = place.cast(index.dtype).minimum(extent - 1)
    high = (low + 1).minimum(extent - 1)
    weight = (place - low.cast(place.dtype)).maximum(0.0).minimum(1.0).cast(x.dtype)
    others = {one: x.iota(one, shape) for one in range(x.rank) if one != dim}
    first, second = (x.gather([others.get(one, place) for one in range(x.rank)]) for place in (low, high))
    return first * (1 - weight) + second * weight
