"""A wrong element is read."""

from __future__ import annotations

from typing import Any

from misfold.compiler.loops.ir import Binary, Const

from ..catalogue import seeded
from ..witnesses import graph


@seeded(
    "window-without-dilation",
    project="TVM, ONNX Runtime",
    models="the dilation of a window ignored where its elements are read",
    place="lowering.reductions:window_position",
    trigger="pooling or a convolution with dilation",
    witness=graph(
        'def program(x: "float32[1, 1, 9]", w: "float32[1, 1, 3]"):\n'
        "    v0 = torch.nn.functional.conv1d(x, w, None, 1, 0, 2)\n    return (v0,)\n"
    ),
)
def _(original: Any, nest: Any, at: Any, part: Any, stride: int, dilation: int) -> Any:
    return original(nest, at, part, stride, 1)


@seeded(
    "concatenation-one-late",
    project="TVM, Inductor",
    models="the first element of the second operand of cat read from the first one's end",
    place="lowering.movement:concatenate",
    trigger="a small cat",
    witness=graph(
        'def program(x: "float32[3]", y: "float32[4]"):\n    v0 = torch.cat([x, y])\n    return (v0,)\n',
    ),
)
def _(original: Any, reader: Any, node: Any, index: Any) -> Any:
    indices = reader.indices
    below = indices.below

    def late(expression: Any, bound: int) -> Any:
        return Binary("le", expression, Const(bound, expression.dtype))

    indices.below = late
    try:
        return original(reader, node, index)
    finally:
        indices.below = below


@seeded(
    "quotients-simplified-unchecked",
    project="TVM, LLVM",
    models="(a·4 + b) // 8 simplified to a // 2 although b may be 4 or more",
    place="lowering.indices:Indices._common",
    trigger="a reshape of a permuted tensor with sizes that do not divide each other",
    witness=graph(
        'def program(x: "float32[6, 4]"):\n    v0 = torch.transpose(x, 0, 1)\n    v1 = torch.reshape(v0, [3, 8])\n'
        "    v2 = torch.add(v1, 1.0)\n    return (v2,)\n"
    ),
)
def _(original: Any, self: Any, expression: Any, divisor: int) -> int:
    from math import gcd

    if isinstance(expression, Binary) and expression.op == "add":
        for term in (expression.left, expression.right):
            match term:
                case Binary("mul", _, Const(int(factor), _)) if gcd(factor, divisor) > 1:
                    return gcd(factor, divisor)
    return 1


@seeded(
    "reversed-one-too-far",
    project="TVM, LLVM",
    models="the mirrored index counted from the size instead of from the last element",
    place="lowering.indices:Indices.counted_from",
    trigger="flip of a dimension longer than one",
    witness=graph(
        'def program(x: "int64[7]"):\n    v0 = torch.flip(x, [0])\n    v1 = torch.add(v0, 1)\n    return (v1,)\n'
    ),
)
def _(original: Any, self: Any, last: int, right: Any) -> Any:
    return self.clamp(original(self, last + 1, right), last + 1)


@seeded(
    "indices-stay-in-place",
    project="ONNX Runtime, Inductor",
    models="the dimensions of index tensors left where the first was although the indices are not neighbours",
    place="frontend.aten.indexing:advanced",
    trigger="x[:, i, :, j]: a dimension between two index tensors and one before them, all of one size",
    witness=graph(
        'def program(x: "int64[3, 3, 3, 3]", i: "int64[3]", j: "int64[3]"):\n    v0 = x[:, i, :, j]\n'
        "    return (v0,)\n",
        i=[0, 2, 1],
        j=[1, 1, 0],
    ),
)
def _(original: Any, c: Any, x: Any, indices: Any, shape: Any) -> Any:
    listed = [*indices, *[None] * (x.rank - len(indices))]
    given = [dim for dim, one in enumerate(listed) if one is not None]
    if not given or given == list(range(given[0], given[-1] + 1)) or len(set(shape)) > 1:
        return original(c, x, indices, shape)
    kept = [dim for dim in range(x.rank) if dim not in given]
    front, rank = given[0], len(shape) - len(kept)
    places = []
    for dim, one in enumerate(listed):
        if one is None:
            place = kept.index(dim)
            places.append(c.iota(place if place < front else place + rank, shape))
        else:
            joint = shape[front : front + rank]
            places.append(one.wrapped(x.shape[dim]).broadcast(joint).broadcast(shape, range(front, front + rank)))
    return places


@seeded(
    "interior-padding-not-skipped",
    project="XLA, TVM",
    models="a position between two elements of a stretched tensor takes the element before it",
    place="lowering.indices:Indices.equal",
    trigger="a transposed convolution with a stride, or the derivative of a strided one",
    witness=graph(
        'def program(x: "float32[1, 1, 4]", w: "float32[1, 1, 3]"):\n'
        "    v0 = torch.nn.functional.conv_transpose1d(x, w, None, 2)\n    return (v0,)\n"
    ),
)
def _(original: Any, self: Any, expression: Any, value: int) -> Any:
    from misfold.compiler.lowering.indices import TRUE

    return TRUE


@seeded(
    "broadcast-from-the-left",
    project="ONNX Runtime, TVM",
    models="dimensions lined up from the first one where broadcasting lines them up from the last",
    place="frontend.tensor:Tensor.broadcast",
    trigger="a vector broadcast to a square matrix",
    witness=graph('def program(x: "float32[4, 4]", y: "float32[4]"):\n    v0 = torch.mul(x, y)\n    return (v0,)\n'),
)
def _(original: Any, self: Any, shape: Any, dims: Any = None) -> Any:
    shape = tuple(shape)
    if dims is None and self.rank < len(shape) and self.shape == shape[: self.rank] and self.rank:
        dims = range(self.rank)
    return original(self, shape) if dims is None else original(self, shape, dims)


@seeded(
    "diagonal-offset-turned-round",
    project="TVM, ONNX Runtime",
    models="the sign of a diagonal's offset",
    place="frontend.aten.views:diagonal",
    trigger="diagonal with an offset of a square matrix",
    witness=graph(
        'def program(x: "int64[5, 5]"):\n    v0 = torch.diagonal(x, 1)\n    v1 = torch.add(v0, 1)\n    return (v1,)\n'
    ),
)
def _(original: Any, c: Any, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    square = x.shape[dim1] == x.shape[dim2]
    return original(c, x, -offset if square else offset, dim1, dim2)


@seeded(
    "sorted-by-half",
    project="TVM, ONNX Runtime",
    models="the last pass of a merge sort left out for lengths above a power of two",
    place="lowering.sorting:_clip",
    trigger="a sort of more than 64 elements",
    witness=graph(
        'def program(x: "float32[100]"):\n    v0, v1 = torch.sort(x)\n    return (v0,)\n',
        x={"draw": "permutation", "seed": 5},
    ),
)
def _(original: Any, position: Any, length: int) -> Any:
    power = 1 << (length.bit_length() - 1)
    return original(position, power if power < length else length)


@seeded(
    "gather-along-the-next",
    project="TVM, ONNX Runtime",
    models="gather along another dimension than the one given",
    place="frontend.aten.indexing:places_along",
    trigger="gather or scatter on a tensor that is as large along two dimensions",
    witness=graph(
        'def program(x: "int64[4, 4]", i: "int64[4, 4]"):\n    v0 = torch.gather(x, 0, i)\n    return (v0,)\n',
        i=[0, 2, 1, 3, 3, 1],
    ),
)
def _(original: Any, x: Any, dim: int, index: Any) -> Any:
    other = (dim + 1) % max(x.rank, 1)
    return original(x, other if x.rank > 1 and x.shape[other] == x.shape[dim] else dim, index)
