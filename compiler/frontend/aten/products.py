"""Products of matrices and vectors. Short floats are multiplied and summed in f32 and rounded at the end."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, dot, joint_shape
from misfold.compiler.frontend.types import Number


@aten("mm.default", "bmm.default", "dot.default", "vdot.default", "inner.default", "mv.default", "matmul.default")
def matmul(c: Context, a: Tensor, b: Tensor) -> Tensor:
    if c.name == "inner" and a.rank and b.rank > 1:
        b = b.transpose(-2 % b.rank, -1 % b.rank)
    _alike(c, a, b)
    return product(a.cast(c.computing), b.cast(c.computing)).reshape(*c.shape)


def _alike(c: Context, *operands: Tensor) -> None:
    """Products do not promote. Shape inference does not see that everywhere."""
    if len({one.dtype for one in operands}) > 1:
        raise c.unsupported("eager takes operands of one element type")


def product(a: Tensor, b: Tensor) -> Tensor:
    """``torch.matmul``: vectors become rows and columns, batches broadcast. Nothing else than ``dot`` does the work."""
    if not a.rank or not b.rank:
        return a * b
    left = a.unsqueeze(0) if a.rank == 1 else a
    right = b.unsqueeze(1) if b.rank == 1 else b
    rows, columns, inner = left.shape[-2], right.shape[-1], left.shape[-1]
    batch = joint_shape([left.shape[:-2], right.shape[:-2]])
    if right.rank == 2 and left.rank > 2:
        # one matrix for all of the batch: the batch is more rows
        flat = dot(left.reshape(1, left.elements // inner if inner else _rows(left), inner), right.unsqueeze(0))
    else:
        count = 1
        for size in batch:
            count *= size
        flat = dot(
            left.broadcast((*batch, rows, inner)).reshape(count, rows, inner),
            right.broadcast((*batch, inner, columns)).reshape(count, inner, columns),
        )
    return flat.reshape(*batch, *([rows] if a.rank > 1 else []), *([columns] if b.rank > 1 else []))


def _rows(x: Tensor) -> int:
    count = 1
    for size in x.shape[:-1]:
        count *= size
    return count


@aten("addmm.default", "baddbmm.default", "addmv.default")
def addmm(c: Context, x: Tensor, a: Tensor, b: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    _alike(c, x, a, b)
    return _combined(c, x, product(a.cast(c.computing), b.cast(c.computing)), beta, alpha)


def _combined(c: Context, x: Tensor, made: Tensor, beta: Number, alpha: Number) -> Tensor:
    """beta · x + alpha · made; with beta = 0 what x holds, NaN too, does not matter."""
    if made.shape != tuple(c.shape):
        # Of a number and no rows torch makes that number. Results that depend on nothing of the product are no product.
        raise c.unsupported("eager's result has another shape than the product")
    made = made if alpha == 1 else made * alpha
    if beta == 0:
        return made
    x = x.cast(c.computing)
    return made + (x if beta == 1 else x * beta).broadcast(c.shape)


@aten("addbmm.default")
def addbmm(c: Context, x: Tensor, a: Tensor, b: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    batch, rows, inner = a.shape
    # Σ over the batch of a[i] @ b[i] is one product with the batch in the inner dimension
    left = a.cast(c.computing).permute(1, 0, 2).reshape(1, rows, batch * inner)
    right = b.cast(c.computing).reshape(1, batch * inner, b.shape[2])
    return _combined(c, x, dot(left, right).reshape(*c.shape), beta, alpha)


@aten("addr.default")
def addr(c: Context, x: Tensor, a: Tensor, b: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    a, b = a.cast(c.computing), b.cast(c.computing)
    if c.dtype.is_bool:
        made = a.unsqueeze(1) & b.unsqueeze(0)
        return (made if alpha else made.full(False)) | (x if beta else made.full(False))
    return _combined(c, x, a.unsqueeze(1) * b.unsqueeze(0), beta, alpha)


@aten("linear.default")
def linear(c: Context, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    weight = weight.cast(c.computing)
    made = product(x.cast(c.computing), weight.permute(1, 0) if weight.rank == 2 else weight)
    return made if bias is None else made + bias.cast(c.computing)


@aten("outer.default", "ger.default")
def outer(c: Context, a: Tensor, b: Tensor) -> Tensor:
    return a.cast(c.computing).unsqueeze(1) * b.cast(c.computing).unsqueeze(0)


@aten("_trilinear.default")
def trilinear(
    c: Context,
    a: Tensor,
    b: Tensor,
    d: Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Tensor:
    """The product of three tensors, each with new dimensions, summed along some."""
    a, b, d = (
        one.cast(c.computing).unsqueeze(*sorted(dims)) for one, dims in ((a, expand1), (b, expand2), (d, expand3))
    )
    return (a * b * d).sum(sumdim)
