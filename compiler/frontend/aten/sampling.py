"""Reading an image at places between its elements, which are data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from misfold.compiler.dtypes import F64, I64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor

_LINEAR, _NEAREST = 0, 1
_ZEROS, _BORDER, _REFLECTION = 0, 1, 2


@aten("grid_sampler_3d.default")
def grid_sampler_3d(c: Context, x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    """x: [N, C, D, H, W]; grid: [N, D', H', W', 3], from -1 to 1, the last dimension of x first."""
    if mode not in (_LINEAR, _NEAREST):
        raise c.unsupported("cubic interpolation, which eager does not have in three dimensions either")
    if not c.results[0].numel():
        return c.full(0, dtype=c.dtype)
    sizes = x.shape[2:]
    x, grid = x.cast(c.computing), grid.cast(c.computing)
    coordinates = []
    for dim, size in enumerate(sizes):
        part = grid.slice(4, 2 - dim, 3 - dim).reshape(*grid.shape[:4])
        coordinates.append(_placed(part, size, padding, align_corners).broadcast(c.shape, (0, 2, 3, 4)))
    if mode == _NEAREST:
        return _read(c, x, [one.one("round") for one in coordinates])
    lows = [one.one("floor") for one in coordinates]
    total = c.full(0)
    for corner in product((0, 1), repeat=3):
        places = [low + float(step) for low, step in zip(lows, corner)]
        weight = c.full(1)
        for low, place, step in zip(lows, coordinates, corner):
            weight = weight * (place - low if step else low + 1 - place)
        total = total + _read(c, x, places) * weight
    return total


def _placed(part: Tensor, size: int, padding: int, align_corners: bool) -> Tensor:
    """Coordinates in elements, inside of the image unless what is outside counts as zeros."""
    place = (part + 1) / 2 * (size - 1) if align_corners else ((part + 1) * size - 1) / 2
    if padding == _REFLECTION:
        place = _reflected(place, 0 if align_corners else -1, 2 * (size - 1) if align_corners else 2 * size - 1)
    if padding != _ZEROS:
        # eager takes NaN for the first element
        place = place.is_nan().where(0.0, place).maximum(0).minimum(size - 1)
    return place


def _reflected(place: Tensor, twice_low: int, twice_high: int) -> Tensor:
    """Folded back and forth between two ends, which are given doubled."""
    if twice_low == twice_high:
        return place.full(0.0)
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    off = (place - low).abs()
    rest = off.one("truncmod", off.full(span))
    turns = (off / span).one("floor")
    even = (turns - (turns / 2).one("floor") * 2).equals(0)
    return even.where(rest + low, span - rest + low)


def _read(c: Context, x: Tensor, places: Sequence[Tensor]) -> Tensor:
    """The elements at whole places, zeros where these are outside (or are no numbers)."""
    inside = None
    indices = [c.iota(0, c.shape), c.iota(1, c.shape)]
    for place, size in zip(places, x.shape[2:]):
        within = (place >= 0) & (place < size)
        inside = within if inside is None else inside & within
        indices.append(within.where(place, 0.0).cast(F64).cast(I64))
    assert inside is not None
    return inside.where(x.gather(indices), 0.0)
