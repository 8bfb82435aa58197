"""Calls of the overloads that are layers of neural networks: see ``cases``."""

from __future__ import annotations

import math

import torch

from .cases import H, case, distinct, every, p, t

ROWS = [(t(2, 5), 1, False), (t(3, 4), 0, False), (t(2, 5, dtype=H), -1, False), (t(), 0, False)]
case("_softmax _log_softmax", *ROWS, (torch.full((2, 2), -math.inf), 1, False))
case("softmax.int log_softmax.int", (t(2, 5), 1), (t(2, 5), 0, torch.float64))
case("_safe_softmax", (torch.tensor([[1.0, 2.0], [-math.inf, -math.inf]]), 1))
case("_softmax_backward_data", (t(2, 5), t(2, 5).softmax(1), 1, torch.float32))
case("_log_softmax_backward_data", (t(2, 5), t(2, 5).log_softmax(1), 1, torch.float32))

NORMS = [(t(2, 3, 4), [4], p(4), t(4), 1e-5), (t(2, 3, 4), [3, 4], None, None, 1e-3)]
case("native_layer_norm", *NORMS, (t(2, 8, dtype=H), [8], p(8, dtype=H), t(8, dtype=H), 1e-5))
case("rms_norm", (t(2, 3, 4), [4], p(4)), (t(2, 4), [4], None, 1e-3))
case("_fused_rms_norm", (t(2, 3, 4), [4], p(4), 1e-3))
case("native_group_norm", (t(2, 6, 4), p(6), t(6), 2, 6, 4, 3, 1e-5), (t(2, 4, 2, 3), None, None, 2, 4, 6, 2, 1e-5))
BATCH = t(4, 3, 2, 2), p(3), t(3)
case("_native_batch_norm_legit.no_stats", (*BATCH, True, 0.1, 1e-5), (t(4, 3), None, None, True, 0.1, 1e-5))
case("_native_batch_norm_legit_no_training", (*BATCH, t(3), p(3), 0.1, 1e-5))
case(
    "_native_batch_norm_legit_functional", (*BATCH, t(3), p(3), True, 0.1, 1e-5), (*BATCH, t(3), p(3), False, 0.1, 1e-5)
)
ALL = [True, True, True]
MEANS = t(2, 3, 1), p(2, 3, 1)
case("native_layer_norm_backward", (t(2, 3, 4), t(2, 3, 4), [4], *MEANS, p(4), t(4), ALL))
case("native_group_norm_backward", (t(2, 6, 4), t(2, 6, 4), t(2, 3), p(2, 3), p(6), 2, 6, 4, 3, ALL))
SAVED = t(3), p(3)
GRAD = t(4, 3, 2, 2), t(4, 3, 2, 2), p(3)
case(
    "native_batch_norm_backward",
    (*GRAD, None, None, *SAVED, True, 1e-5, ALL),
    (*GRAD, *SAVED, *SAVED, False, 1e-5, ALL),
)


# ------------------------------------------------------------------------------------------------------- convolutions

PLAIN, NONE, ONE = [2, 1], [0, 0], [1, 1]
IMAGE, KERNEL = t(2, 4, 7, 6), t(6, 2, 3, 2)
TRANSPOSED = t(4, 3, 3, 2)
CONVOLUTIONS = [
    (t(2, 3, 8), t(4, 3, 3), t(4), [1], [1], [1], False, [0], 1),
    (IMAGE, KERNEL, None, [2, 1], [1, 2], [1, 2], False, NONE, 2),
    (t(1, 2, 4, 4, 4), t(3, 2, 2, 2, 2), t(3), [1], [0], [1], False, [0], 1),
    (t(2, 3, 8, dtype=H), t(4, 3, 3, dtype=H), t(4, dtype=H), [1], [1], [1], False, [0], 1),
    (t(2, 3, 5), t(3, 2, 3), t(2), [2], [1], [1], True, [1], 1),
    (IMAGE, TRANSPOSED, None, [2, 3], [1, 0], [1, 2], True, [1, 2], 2),
    (t(1, 2, 5, 5), t(2, 1, 2, 2), None, [1, 1], [2, 1], [1, 1], True, NONE, 1),
]
case("convolution", *CONVOLUTIONS)
case("_convolution", (*CONVOLUTIONS[0], False, False, True, True))
case("conv1d", (t(2, 3, 8), t(4, 3, 3), t(4), [2], [1]), (t(3, 8), t(4, 3, 3)))
case("conv2d", (IMAGE, KERNEL, None, [1, 1], [0, 0], [1, 1], 2))
case("conv3d", (t(1, 2, 4, 4, 4), t(3, 2, 2, 2, 2)))
for _x, _w, _bias, *_rest in CONVOLUTIONS:
    if _x.dtype != H:
        _grad = torch.ops.aten.convolution.default(_x, _w, None, *_rest)
        case("convolution_backward", (torch.rand_like(_grad), _x, _w, [_grad.shape[1]], *_rest, ALL))
case(
    "convolution_backward",
    (t(2, 3, 3), t(2, 3, 8), t(3, 3, 3), None, [2], [0], [1], False, [0], 1, [True, True, False]),
)

# ------------------------------------------------------------------------------------------------------------ pooling

POOLS = [((3, 3),), ((2, 3), (2, 1), (1, 1)), ((3, 2), (2, 2), (1, 0), (1, 2), True)]
case("max_pool2d_with_indices", *((distinct(2, 7, 6), *one) for one in POOLS), (torch.full((1, 4, 4), math.nan), 2))
case(
    "max_pool2d_with_indices",
    (t(1, 2, 5, 5, low=-4, high=4).round(), (2, 2), (1, 1)),
    (distinct(1, 1, 5, 4, dtype=torch.int64), 2),
)
case("max_pool3d_with_indices", (distinct(1, 2, 4, 5, 4), (2, 3, 2), (1, 2, 2), (1, 1, 0)))
_image = distinct(2, 7, 6)
_made, _where = torch.ops.aten.max_pool2d_with_indices.default(_image, [3, 2], [2, 1], [1, 0])
case("max_pool2d_with_indices_backward", (t(*_made.shape), _image, [3, 2], [2, 1], [1, 0], [1, 1], False, _where))
_cube = distinct(1, 1, 4, 4, 4)
_made, _where = torch.ops.aten.max_pool3d_with_indices.default(_cube, [2, 2, 2])
case("max_pool3d_with_indices_backward",
     (t(*_made.shape), _cube, [2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1], False, _where))  # fmt: skip
AVERAGES = [
    ((3, 2),),
    ((3, 3), (2, 2), (1, 1)),
    ((3, 3), (2, 2), (1, 1), True, False),
    ((3, 2), (2, 2), (1, 1), True, True, 5),
]
case("avg_pool1d", (t(2, 7), [3], [2], [1]), (t(2, 7), [3], [2], [1], True, False))
case("avg_pool2d", *((t(2, 7, 6), *one) for one in AVERAGES), (t(1, 4, 4, dtype=H), (2, 2)))
case("avg_pool3d", (t(1, 4, 4, 4), (2, 2, 3), (2, 1, 1), (1, 0, 1)))
for _window, *_options in AVERAGES:
    _stride, _padding, _ceil, _include, _divisor = (*_options, *(_window, (0, 0), False, True, None)[len(_options) :])
    _made = torch.ops.aten.avg_pool2d.default(t(2, 7, 6), _window, _stride, _padding, _ceil, _include, _divisor)
    _rest = (_window, _stride, _padding, _ceil, _include, _divisor)
    case("avg_pool2d_backward", (t(*_made.shape), t(2, 7, 6), *_rest))
case("avg_pool3d_backward", (t(1, 2, 2, 2), t(1, 4, 4, 4), [2, 2, 2], [2, 2, 2], [0, 0, 0], False, True, None))
case("_adaptive_avg_pool2d", (t(2, 6, 4), (3, 2)), (t(1, 2, 7, 5), (3, 2)), (t(1, 2, 3), (5, 4)))
case("_adaptive_avg_pool3d", (t(1, 4, 4, 5), (2, 2, 3)))
case("adaptive_avg_pool1d", (t(2, 7), [3]))
case("adaptive_max_pool2d", (distinct(2, 6, 4), (3, 2)), (distinct(1, 2, 7, 5), (3, 2)), (distinct(1, 2, 3), (5, 4)))
case("adaptive_max_pool3d", (distinct(1, 4, 4, 5), (2, 2, 3)))
_made, _where = torch.ops.aten.adaptive_max_pool2d.default(_image, [3, 2])
case("adaptive_max_pool2d_backward", (t(*_made.shape), _image, _where))
_made, _where = torch.ops.aten.adaptive_max_pool3d.default(_cube, [3, 2, 2])
case("adaptive_max_pool3d_backward", (t(*_made.shape), _cube, _where))

# ---------------------------------------------------------------------------------------------- padding, resampling

case("constant_pad_nd", (t(2, 3), [1, 2]), (t(2, 3), [1, -1, 0, 2], 7.5), (t(2, 3, dtype=torch.int64), [1, 1], 3))
case("pad", (t(2, 3), [1, 2], "constant", 2.0))
for _kind in ("reflection", "replication"):
    case(f"{_kind}_pad1d", (t(2, 5), [2, 3]), (t(2, 5), [2, -1]))
    case(f"{_kind}_pad2d", (t(2, 4, 5), [2, 3, 1, 0]))
    case(f"{_kind}_pad3d", (t(1, 2, 3, 4), [2, 3, 1, 0, 1, 1]))
IMAGES = {1: t(1, 2, 5), 2: t(1, 2, 5, 4), 3: t(1, 1, 3, 4, 5)}
for _rank, _x in IMAGES.items():
    _sizes = [7, 3, 9][:_rank]
    for _name in ("upsample_nearest", "_upsample_nearest_exact"):
        case(f"{_name}{_rank}d", (_x, _sizes), (_x, [size * 2 for size in _x.shape[2:]], *[2.0] * _rank))
        case(f"{_name}{_rank}d.vec", (_x, _sizes, None), (_x, None, [1.7] * _rank))
for _name, _x in zip(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), IMAGES.values()):
    _sizes = [7, 3, 9][: _x.dim() - 2]
    for _corners in (True, False):
        case(every(_name, "vec"), (_x, _sizes, _corners, None), (_x, None, _corners, [1.7] * len(_sizes)))
case("native_dropout", (t(3), 0.0, True), (t(3), 0.5, False))
case("dropout", (t(3), 0.5, False))
for _padding in (0, 1, 2):
    for _corners in (True, False):
        for _mode in (0, 1):
            case(
                "grid_sampler_3d",
                (t(2, 3, 3, 4, 5), t(2, 2, 3, 2, 3, low=-1.7, high=1.7), _mode, _padding, _corners),
                (t(1, 1, 1, 2, 1), t(1, 2, 1, 2, 3, low=-5, high=5), _mode, _padding, _corners),
            )
