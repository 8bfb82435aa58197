"""Calls of the overloads that move elements or combine those of several places: see ``cases``."""

from __future__ import annotations

import math

import torch

from .cases import LONG, B, H, case, distinct, every, index, p, t

# ------------------------------------------------------------------------------------------------------------- views

case("view _unsafe_view reshape view_copy _reshape_copy", (t(2, 6), [3, 4]), (t(2, 6), [-1]))
case("_reshape_alias", (t(2, 6), [3, 4], [4, 1]))
case("reshape_as", (t(2, 6), t(3, 4)))
case("ravel atleast_1d squeeze squeeze_copy", (t(2, 1, 3),))
case("atleast_1d", (t(),))
case("unsqueeze unsqueeze_copy", (t(2, 3), 1), (t(2, 3), -1))
case("flatten.using_ints", (t(2, 3, 4), 1, 2))
case("unflatten.int", (t(2, 6), 1, [2, 3]))
case("squeeze.dim squeeze_copy.dim", (t(2, 1, 3), 1), (t(2, 3), 0))
case("squeeze.dims squeeze_copy.dims", (t(2, 1, 3, 1), [1, 3]))
case("prims.squeeze.default", (t(2, 1, 3), [1]))
case("prims.view_of.default", (t(2, 3),))
case("expand expand_copy", (t(2, 1), [2, 3]), (t(3), [2, -1]))
case("broadcast_to", (t(3), [2, 3]))
case("expand_as", (t(2, 1), t(2, 3)))
case("prims.broadcast_in_dim.default", (t(2, 1), [2, 4, 3], [0, 2]))
case("permute permute_copy", (t(2, 3, 4), [2, 0, 1]), (t(2, 3), [-1, 0]))
case("transpose.int transpose_copy.int swapaxes swapdims", (t(2, 3, 4), 0, -1))
case("t t_copy", (t(2, 3),), (t(3),))
case("mT mH numpy_T adjoint", (t(2, 3),))
case("movedim.int moveaxis.int", (t(2, 3, 4), 0, 2))
case("movedim.intlist moveaxis.intlist", (t(2, 3, 4), [0, 1], [2, 0]))
case("slice.Tensor slice_copy.Tensor", (t(5, 3), 0, 1, -1), (t(7), 0, 1, 9, 2), (t(4), 0, 3, 1), (t(2, 5), 1))
case("narrow narrow_copy", (t(5, 3), 0, 1, 3), (t(2, 5), 1, -2, 2))
case("select.int select_copy.int", (t(3, 4), 0, -1), (t(3, 4), 1, 2))
case("unbind.int unbind_copy.int", (t(3, 2),), (t(3, 2), 1))
case("split_with_sizes split_with_sizes_copy split.sizes unsafe_split_with_sizes", (t(5, 2), [1, 4]))
case("split.Tensor split_copy.Tensor unsafe_split.Tensor", (t(5, 2), 2), (t(2, 5), 3, 1))
case("chunk unsafe_chunk", (t(5, 2), 2), (t(2, 7), 3, -1))
case("tensor_split.sections", (t(7, 2), 3))
case("tensor_split.indices", (t(7, 2), [2, 5]))
case("cat concat concatenate", ([t(2, 3), t(1, 3)],), ([t(2, 3), t(2, 2, dtype=LONG)], 1), ([t(0), t(2, 3)],))
case("stack", ([t(2, 3), t(2, 3)],), ([t(2), t(2, dtype=LONG)], -1))
case("flip prims.rev.default", (t(2, 3), [0, 1]), (t(2, 3), [1]))
case("roll", (t(5), [2]), (t(3, 4), [1, -1], [0, 1]), (t(3, 4), [5]))
case("rot90", (t(2, 3), 1, [0, 1]), (t(2, 3), 2, [0, 1]), (t(2, 3), 3, [0, 1]))
case("repeat", (t(2, 3), [2, 1, 3]), (t(3), [2]))
case("tile", (t(2, 3), [2]))
case("diagonal diagonal_copy", (t(3, 4),), (t(2, 3, 4), 1, 0, 2), (t(4, 3), -2))
case("diagonal_scatter", (t(3, 4), t(3)), (t(4, 3), t(2), -2))
case("select_scatter", (t(3, 4), t(4), 0, 1), (t(3, 4), t(3), 1, -1))
case("slice_scatter", (t(5, 2), t(2, 2), 0, 1, 3), (t(7), t(3), 0, 1, 7, 2))
case("as_strided as_strided_copy", (t(3, 4), [2, 2], [1, 4], 1), (t(4, 3).t(), [6], [2]), (t(3, 4), [], [], 5))
case("as_strided_scatter", (t(3, 4), t(2, 2), [2, 2], [1, 4], 1), (t(4, 3).t(), t(6), [6], [2]))
case("unfold unfold_copy", (t(7), 0, 3, 2), (t(2, 5), 1, 2, 1))
case("tril triu", (t(3, 4),), (t(2, 3, 3), 1), (t(3, 3, dtype=B), -1))
case("diag_embed", (t(2, 3),), (t(2, 3), 1), (t(2, 3), -1, 0, 2), (t(3), 0, 1, 0))
case("pixel_shuffle", (t(1, 8, 2, 3), 2))
case("pixel_unshuffle", (t(1, 2, 4, 6), 2))
case("channel_shuffle native_channel_shuffle", (t(1, 6, 2, 2), 3))

# -------------------------------------------------------------------------------------------------------- reductions

case("sum nansum", (t(2, 3),), (t(3, dtype=H),), (t(3, dtype=LONG),), (t(4, dtype=B),))
case(
    "sum.dim_IntList",
    (t(2, 3), [1]),
    (t(2, 3), [0, -1], True),
    (t(2, 3, dtype=LONG), [0], False, {"dtype": torch.float32}),
)
case("nansum", (torch.tensor([1.0, math.nan]), [0]))
case("prims.sum.default", (t(2, 3), [1]))
case("mean", (t(2, 3),), (t(2, 3, dtype=H),))
case("mean.dim", (t(2, 3), [1], True), (t(2, 0), [1]), (t(3, dtype=LONG), [0], False, {"dtype": torch.float32}))
case("prod", (t(5),), (p(4, dtype=LONG),), (t(3, dtype=B),))
case("prod.dim_int", (t(2, 3), 1), (t(2, 3, dtype=H), 0, True))
case("amax amin", (t(2, 3), [1]), (t(2, 3), [], True), (t(2, 3, dtype=B), [0]), (torch.tensor([1.0, math.nan]), [0]))
case("max min", (t(2, 3),), (t(4, dtype=LONG),), (t(3, dtype=B),))
case("aminmax", (t(2, 3),), (t(2, 3), {"dim": 1, "keepdim": True}))
case("any all", (t(3, dtype=B),), (t(3, dtype=LONG),), (t(3, dtype=LONG).to(torch.uint8),))
case("any.dim all.dim", (t(2, 3, dtype=B), 1), (t(2, 3), 0, True), (t(0, 3), 0))
case("any.dims all.dims", (t(2, 3, dtype=B), [0, 1]), (t(2, 3, dtype=B), None))
case("count_nonzero", (t(2, 3, dtype=LONG),), (t(2, 3), 1))
case("count_nonzero.dim_IntList", (t(2, 3, dtype=LONG), [0]))
TIED = torch.tensor([[1.0, 3.0, 3.0], [math.nan, 2.0, math.nan]])
case("argmax argmin", (TIED,), (TIED, 1), (t(2, 3, dtype=LONG), 0, True), (t(),))
case("max.dim min.dim", (TIED, 1), (t(2, 3, dtype=LONG), 0, True), (t(2, 3, dtype=B), 1), (t(), 0))
for _correction in (0, 1, 2.5, 9):
    case(
        every("var std var_mean std_mean", "correction"),
        (t(2, 5), [1], {"correction": _correction}),
        (t(2, 5, dtype=H), None, {"correction": _correction, "keepdim": True}),
    )
case(every("var std", "dim"), (t(2, 5), [1]), (t(2, 5), None, False, True))
case("logsumexp", (t(2, 3), [1]), (torch.full((2, 2), -math.inf), [0], True), (t(3, dtype=LONG), [0]))
for _order in (0, 1, 2, 3.5, math.inf, -math.inf):
    case("linalg_vector_norm", (t(2, 3), _order, [1]), (t(2, 3), _order, None, True))
    case("norm.Scalar", (t(2, 3), _order))
    case("norm.ScalarOpt_dim", (t(2, 3), _order, [0]))
    case("dist", (t(4), t(4), _order))
case("norm.ScalarOpt_dim_dtype", (t(2, 3), 2, [0], False, {"dtype": torch.float64}))
case("norm.ScalarOpt_dtype", (t(2, 3), 2, {"dtype": torch.float64}))
case("_cdist_forward", (t(3, 4), t(5, 4), 1.0, None), (t(2, 3, 4), t(2, 5, 4), 2.0, 0))
case("cdist", (t(3, 4), t(5, 4), 3.0))
case("_pdist_forward", (t(4, 3), 2.0), (t(1, 3), 2.0))
case("cumsum cumprod", (t(2, 3), 1), (t(4, dtype=LONG), 0), (t(4, dtype=B), 0), (t(5, dtype=H), 0), (t(), 0))
case(
    "cummax cummin",
    (torch.tensor([1.0, 1.0, math.nan, 2.0]), 0),
    (t(2, 4, dtype=LONG), 1),
    (t(4, dtype=B), 0),
    (t(), 0),
)
case("logcumsumexp", (t(2, 3) * 20, 1), (torch.tensor([-math.inf, 1.0, -math.inf]), 0))

# ----------------------------------------------------------------------------------------------------------- sorting

case("sort msort argsort", (distinct(6),), (distinct(6, dtype=LONG),))
case("sort argsort", (distinct(2, 3), 0, True), (distinct(2, 3), 1, False))
case(
    "sort.stable argsort.stable",
    (TIED, {"stable": True, "dim": 1}),
    (t(9, dtype=LONG), {"stable": True, "descending": True}),
)
case("topk", (distinct(7), 3), (distinct(2, 5), 2, 1, False))
case("kthvalue", (distinct(7), 3), (distinct(2, 5), 2, 0, True))
case("median", (t(7),), (t(6, dtype=LONG),), (TIED,))
case("median.dim nanmedian.dim", (distinct(2, 5), 1), (distinct(4, 3, dtype=LONG), 0, True))
case("median.dim", (TIED, 1))
case("nanmedian", (torch.tensor([3.0, math.nan, 1.0, 2.0]),), (torch.tensor([math.nan]),))
case("mode", (torch.tensor([3, 1, 2, 1, 3]),), (torch.tensor([[1.0, 1.0, 2.0], [0.0, 3.0, 3.0]]), 1, True))
ROW = torch.tensor([1.0, 2.0, 2.0, 5.0])
case(
    "searchsorted.Tensor", (ROW, t(2, 3)), (ROW, ROW, {"right": True}), (t(2, 4).sort()[0], t(2, 3), {"side": "right"})
)
case("searchsorted.Tensor", (ROW.flip(0), t(3), {"sorter": torch.tensor([3, 2, 1, 0])}))
case("searchsorted.Scalar", (ROW, 2.0), (ROW, 2.0, {"out_int32": True}))
case("bucketize.Tensor", (t(2, 3), ROW), (ROW, ROW, {"right": True}))
case("bucketize.Scalar", (2.0, ROW))

# ------------------------------------------------------------------------------------- indexing, reading and writing

case("embedding", (t(5, 3), index(5, 2, 4)))
case("gather", (t(3, 4), 1, index(4, 3, 2)), (t(3, 4), 0, index(3, 2, 3)), (t(3), 0, torch.zeros(0, dtype=LONG)))
case("take_along_dim", (t(3, 4), index(4, 3, 2), 1), (t(3, 4), index(12, 5)), (t(3, 4), index(3, 1, 4), 0))
case("take", (t(3, 4), index(12, 2, 2)), (t(3, 4), torch.tensor([-1, 0])))
case("index_select", (t(3, 4), 1, index(4, 6)), (t(3, 4), 0, index(3, 2)))
A, C = index(3, 2, 1), index(4, 3)
INDICES = [(t(3, 4), [A, C]), (t(3, 4), [None, C]), (t(2, 3, 4), [None, A, C]), (t(3, 5, 4), [A, None, C])]
INDICES += [(t(3, 4), [torch.tensor([-1, 0])]), (t(3, 4), [index(3, 2).to(torch.int32)])]
case(every("index _unsafe_index", "Tensor"), *INDICES)
MASK = t(2, 3, dtype=B)
case("_unsafe_masked_index", (t(3, 4), MASK, [A, C], 7.0))
case("_unsafe_masked_index_put_accumulate", (t(3, 4), MASK, [A, C], t(2, 3)))
case("masked_scatter", (t(2, 3), MASK, t(6)), (t(2, 3), t(3, dtype=B), t(6)))
case("repeat_interleave.Tensor", (torch.tensor([2, 0, 3]), {"output_size": 5}))
case("nonzero_static", (t(2, 3, dtype=LONG), {"size": 4}), (t(5, dtype=LONG), {"size": 9, "fill_value": 3}))
case(
    "scatter.src scatter_add",
    (t(3, 4), 0, index(3, 1, 4), t(2, 4)),
    (t(3, 4), 1, torch.randperm(4).expand(3, 4), t(3, 4)),
)
case("scatter_add", (t(3, 4), 1, index(4, 3, 6), t(3, 6)), (t(4, dtype=H), 0, index(4, 5), t(5, dtype=H)))
case("scatter.value", (t(3, 4), 0, index(3, 2, 4), 2.5), (t(), 0, torch.tensor(0), 1.0))
for _reduce in ("add", "multiply"):
    case("scatter.reduce", (t(3, 4), 0, index(3, 2, 4), t(2, 4), {"reduce": _reduce}))
    case("scatter.value_reduce", (t(3, 4), 0, index(3, 2, 4), 2.0, {"reduce": _reduce}))
for _reduce in ("sum", "prod", "mean", "amax", "amin"):
    for _self in (True, False):
        _keywords = {"include_self": _self}
        case("scatter_reduce.two", (t(3, 4), 0, index(3, 5, 4), t(5, 4), _reduce, _keywords))
        case("scatter_reduce.two", (t(4, dtype=LONG), 0, index(4, 6), t(6, dtype=LONG), _reduce, _keywords))
        if _reduce != "sum":
            case("index_reduce", (t(3, 4), 0, index(3, 5), t(5, 4), _reduce, _keywords))
case("index_add", (t(3, 4), 1, index(4, 6), t(3, 6)), (t(3, 4), 0, index(3, 2), t(2, 4), {"alpha": 2}))
case("index_copy", (t(3, 4), 1, torch.tensor([2, 0]), t(3, 2)))
case("index_fill.int_Scalar", (t(3, 4), 1, torch.tensor([-1, 0]), 2.0))
case("index_fill.int_Tensor", (t(3, 4), 1, torch.tensor([2, 0]), torch.tensor(2.0)))
for _accumulate in (True, False):
    _places = torch.tensor([[0, 2], [1, 0]])
    case(
        "index_put _unsafe_index_put",
        (t(3, 4), [_places], t(2, 2, 4), _accumulate),
        (t(3, 4), [None, torch.tensor([3, -1 if _accumulate else 0])], t(2), _accumulate),
        (t(2, 3), [MASK], torch.tensor(2.0), _accumulate),
    )
case("index_put", (t(3), [torch.tensor([1, 1, 1])], t(3), True))
case("put", (t(3, 4), torch.tensor([1, -1]), t(2)), (t(3, 4), torch.tensor([1, 1]), t(2), True))
OFFSETS = torch.tensor([0, 2, 2, 5])
for _mode in (0, 1, 2):
    case(
        "_embedding_bag _embedding_bag_forward_only",
        (t(5, 3), index(5, 7), OFFSETS, False, _mode),
        (t(5, 3), torch.tensor([1, 4, 1, 0]), torch.tensor([0, 2, 4]), False, _mode, False, None, True, 1),
    )
case("_embedding_bag", (t(5, 3), index(5, 7), OFFSETS, False, 0, False, t(7)))
# What is behind the last offset is in no bag, and need not be an index.
case("_embedding_bag", (t(5, 3), torch.tensor([4, 0, 2, 9]), torch.tensor([0, 2, 3]), False, 0, False, None, True))
case("embedding_dense_backward", (t(2, 3, 4), index(5, 2, 3), 5, -1, False), (t(3, 4), index(5, 3), 5, 2, False))

# ------------------------------------------------------------------------------------------------------------ linear

case(
    "mm",
    (t(3, 4), t(4, 5)),
    (t(3, 4, dtype=LONG), t(4, 2, dtype=LONG)),
    (t(3, 0), t(0, 2)),
    (t(3, 4, dtype=H), t(4, 5, dtype=H)),
)
case("bmm", (t(2, 3, 4), t(2, 4, 5)))
case("dot vdot", (t(5), t(5)), (t(5, dtype=LONG), t(5, dtype=LONG)))
case("inner", (t(2, 3), t(4, 3)), (t(3), t(3)), (t(), t(3)))
case("mv", (t(3, 4), t(4)))
case("matmul", (t(2, 1, 3, 4), t(5, 4, 2)), (t(4), t(2, 4, 3)), (t(2, 3, 4), t(4)), (t(2, 3, 4), t(4, 5)), (t(4), t(4)))
case("addmm", (t(5), t(3, 4), t(4, 5)), (t(3, 5) * math.nan, t(3, 4), t(4, 5), {"beta": 0, "alpha": 2}))
case("baddbmm", (t(2, 3, 5), t(2, 3, 4), t(2, 4, 5), {"beta": 0.5}))
case("addmv", (t(3), t(3, 4), t(4)))
case("addbmm", (t(3, 5), t(2, 3, 4), t(2, 4, 5), {"alpha": 2}))
case("addr", (t(3, 4), t(3), t(4), {"beta": 2}), (t(2, 2, dtype=B), t(2, dtype=B), t(2, dtype=B)))
case("linear", (t(2, 3, 4), t(5, 4), t(5)), (t(4), t(4)), (t(2, 4), t(5, 4)))
case("outer ger", (t(3), t(4)))
case("_trilinear", (t(2, 3), t(4, 3, 5), t(2, 5), [1, 3], [0], [1, 2], [2, 3]))
