"""Operators of topi: each maker draws sizes and attributes and gives a tensor expression's placeholders and result."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any

from tvm import te, topi

from . import shapes

Tensors = list[Any]
#: Placeholders so far (a maker adds its own) and a tensor to go on from, or None.
Maker = Callable[["Drawing", Any], Any]


def kind(tensor: Any) -> str:
    """A tensor's element type."""
    return str(tensor.dtype)


class Drawing:
    """One seed that is being made."""

    def __init__(self, random: randomness.Random):
        self.random = random
        self.placeholders: Tensors = []

    def tensor(self, shape: tuple[int, ...], dtype: str) -> Any:
        """A new input."""
        made = te.placeholder(shape, dtype, name=f"p{len(self.placeholders)}")
        self.placeholders.append(made)
        return made

    def start(self, given: Any, rank: int | None = None, integers: float = 0.35, dtype: str | None = None) -> Any:
        """The tensor to go on from if it has the rank and type that are needed, else a new input."""
        if given is not None and (rank is None or len(given.shape) == rank) and (dtype is None or kind(given) == dtype):
            return given
        return self.tensor(shapes.shape(self.random, rank), dtype or shapes.dtype(self.random, integers))

    def sizes(self, tensor: Any) -> tuple[int, ...]:
        """A tensor's shape as numbers."""
        return tuple(int(one) for one in tensor.shape)

    def axis(self, tensor: Any) -> int:
        """One of a tensor's axes, counted from either end."""
        rank = max(len(tensor.shape), 1)
        return self.random.randrange(-rank, rank)


_UNARY_FLOAT = (
    "exp tanh sigmoid sqrt rsqrt log sin cos tan asin acos atan sinh cosh erf ceil floor trunc "
    "log2 log10 fast_exp fast_tanh isnan isinf isfinite"
).split()
_UNARY_ANY = ("abs", "negative", "identity", "sign")
_BINARY = (
    "add subtract multiply maximum minimum divide floor_divide floor_mod mod equal not_equal less less_equal greater "
    "greater_equal power"
).split()
_BITWISE = "bitwise_and bitwise_or bitwise_xor left_shift right_shift".split()
_REDUCTIONS = ("sum", "max", "min", "prod", "argmax", "argmin")


def unary(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    names = (*_UNARY_ANY, *_UNARY_FLOAT) if kind(x).startswith("float") else _UNARY_ANY
    return getattr(topi, drawing.random.choice(names))(x)


def binary(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    sizes = list(drawing.sizes(x))
    if not sizes:
        return topi.add(x, drawing.tensor((), kind(x)))
    for position in range(len(sizes)):
        if drawing.random.random() < 0.15:
            sizes[position] = 1
    other = drawing.tensor(tuple(sizes[drawing.random.choice((0, 0, 0, 1)) if len(sizes) > 1 else 0 :]), kind(x))
    operands = [x, other] if drawing.random.random() < 0.7 else [other, x]
    integral = "float" not in kind(x) and kind(x) != "bool"
    names = [name for name in _BINARY if integral is False or name not in ("divide", "power")]
    return getattr(topi, drawing.random.choice([*names, *(_BITWISE if integral else ())]))(*operands)


def reduction(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    name = drawing.random.choice(_REDUCTIONS)
    axis = drawing.random.choice((None, drawing.axis(x)))
    return getattr(topi, name)(x, axis=axis, keepdims=drawing.random.random() < 0.4)


def cast(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    return topi.cast(x, drawing.random.choice(("float32", "int32", "int64", "int8", "uint8", "float64", "bool")))


def clip(drawing: Drawing, given: Any) -> Any:
    low = drawing.random.randint(0, 3)
    return topi.clip(drawing.start(given), low, low + drawing.random.randint(0, 5))


def where(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    sizes = drawing.sizes(x)
    return topi.where(drawing.tensor(sizes, "bool"), x, drawing.tensor(sizes, kind(x)))


def transpose(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    order = list(range(len(x.shape)))
    drawing.random.shuffle(order)
    return topi.transpose(x, order)


def reshape(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    sizes = list(drawing.sizes(x))
    if len(sizes) > 1 and drawing.random.random() < 0.6:
        place = drawing.random.randrange(len(sizes) - 1)
        sizes[place : place + 2] = [sizes[place] * sizes[place + 1]]
    else:
        place = drawing.random.randrange(len(sizes))
        factors = [n for n in range(1, sizes[place] + 1) if sizes[place] % n == 0]
        factor = drawing.random.choice(factors)
        sizes[place : place + 1] = [factor, sizes[place] // factor]
    return topi.reshape(x, tuple(sizes))


def views(drawing: Drawing, given: Any) -> Any:
    """Other operators that only move elements."""
    x = drawing.start(given if given is not None and len(given.shape) else None)
    random, rank = drawing.random, len(x.shape)
    sizes = drawing.sizes(x)
    ways: list[Callable[[], Any]] = [
        lambda: topi.flip(x, drawing.axis(x)),
        lambda: topi.expand_dims(x, random.randint(0, rank)),
        lambda: topi.tile(x, [random.randint(1, 2) for _ in sizes]),
        lambda: topi.repeat(x, random.randint(1, 3), random.randrange(rank)),
        lambda: topi.concatenate([x, drawing.tensor(sizes, kind(x))], random.randrange(rank)),
        lambda: topi.stack([x, drawing.tensor(sizes, kind(x))], random.randrange(rank)),
        lambda: topi.strided_slice(
            x, [0] * rank, [random.randint(1, n) for n in sizes], [random.randint(1, 2) for _ in sizes]
        ),
        lambda: topi.broadcast_to(x, (random.randint(1, 3), *sizes)),
        lambda: topi.nn.pad(
            x, [random.randint(0, 2) for _ in sizes], [random.randint(0, 2) for _ in sizes], random.choice((0.0, 1.0))
        ),
        lambda: topi.nn.mirror_pad(x, [random.randint(0, n - 1) for n in sizes], [0] * rank, "REFLECT"),
        lambda: topi.nn.dilate(x, [random.randint(1, 3) for _ in sizes]),
        lambda: topi.nn.flatten(x),
        lambda: topi.split(x, 2, next(i for i, n in enumerate(sizes) if n % 2 == 0))[random.randint(0, 1)],
        lambda: topi.squeeze(x),
        lambda: topi.trilu(x, random.randint(-1, 1), random.random() < 0.5),
        lambda: topi.sliding_window(x, rank - 1, [random.randint(1, sizes[-1])], [random.randint(1, 2)]),
        lambda: topi.layout_transform(x, "NCHW"[:rank], "NCHW"[:rank][::-1]),
        lambda: topi.full_like(x, random.randint(0, 5)),
    ]
    return random.choice(ways)()


def take(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    indices = drawing.tensor((shapes.size(drawing.random),), drawing.random.choice(("int32", "int64")))
    # Indices may be anything: clip and wrap keep them inside.
    return topi.take(x, indices, axis=drawing.axis(x), mode=drawing.random.choice(("clip", "wrap")))


def one_hot(drawing: Drawing, given: Any) -> Any:
    indices = drawing.start(given, integers=1.0)
    return topi.one_hot(indices, 1, 0, drawing.random.randint(1, 6), -1, drawing.random.choice(("float32", "int32")))


def matmul(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given, rank=2)
    sizes = drawing.sizes(x)
    across = drawing.random.random() < 0.5
    columns = shapes.size(drawing.random)
    other = drawing.tensor((columns, sizes[1]) if across else (sizes[1], columns), kind(x))
    return topi.matmul(x, other, False, across)


def dense(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given, rank=2)
    columns = shapes.size(drawing.random)
    bias = drawing.tensor((columns,), kind(x)) if drawing.random.random() < 0.5 else None
    return topi.nn.dense(x, drawing.tensor((columns, drawing.sizes(x)[1]), kind(x)), bias, kind(x))


def batch_matmul(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given, rank=3)
    batch, _, inner = drawing.sizes(x)
    return topi.nn.batch_matmul(x, drawing.tensor((batch, shapes.size(drawing.random), inner), kind(x)))


def convolution(drawing: Drawing, given: Any) -> Any:
    random = drawing.random
    spatial = random.randint(1, 2)
    dtype = random.choice(("float32", "float32", "int32", "float64"))
    channels, out = random.randint(1, 3), random.randint(1, 4)
    sizes = [random.randint(3, 7) for _ in range(spatial)]
    kernel = [random.randint(1, 3) for _ in range(spatial)]
    stride, padding, dilation = random.randint(1, 2), random.randint(0, 2), random.choice((1, 1, 2))
    if spatial == 1:
        data, weight = drawing.tensor((1, channels, sizes[0]), dtype), drawing.tensor((out, channels, *kernel), dtype)
        if random.random() < 0.3:
            weight = drawing.tensor((channels, out, *kernel), dtype)
            drawing.placeholders.remove(drawing.placeholders[-2])
            return topi.nn.conv1d_transpose_ncw(data, weight, stride, 0, dtype, (0,))
        return topi.nn.conv1d_ncw(data, weight, stride, padding, dilation, dtype)
    way = random.randrange(4)
    if way == 0:
        data, weight = drawing.tensor((1, channels, *sizes), dtype), drawing.tensor((out, channels, *kernel), dtype)
        return topi.nn.conv2d_nchw(data, weight, stride, padding, dilation, dtype)
    if way == 1:
        data, weight = drawing.tensor((1, *sizes, channels), dtype), drawing.tensor((*kernel, channels, out), dtype)
        return topi.nn.conv2d_nhwc(data, weight, stride, padding, dilation, dtype)
    if way == 2:
        data = drawing.tensor((1, channels, *sizes), dtype)
        weight = drawing.tensor((channels, random.randint(1, 2), *kernel), dtype)
        return topi.nn.depthwise_conv2d_nchw(data, weight, stride, padding, dilation, dtype)
    data, weight = drawing.tensor((1, channels, *sizes), dtype), drawing.tensor((channels, out, *kernel), dtype)
    return topi.nn.conv2d_transpose_nchw(data, weight, (stride, stride), (0, 0), dtype, (0, 0))


def pooling(drawing: Drawing, given: Any) -> Any:
    random = drawing.random
    x = drawing.start(given, rank=4, dtype=random.choice(("float32", "int32")))
    way = random.choice(("max", "avg"))
    if random.random() < 0.3:
        return topi.nn.adaptive_pool(x, (random.randint(1, 3), random.randint(1, 3)), way)
    kernel, padding = random.randint(1, 3), random.randint(0, 1)
    return topi.nn.pool2d(
        x, (kernel, kernel), (random.randint(1, 2),) * 2, (1, 1), (min(padding, kernel // 2),) * 4, way,
        random.random() < 0.3, "NCHW", random.random() < 0.5,
    )  # fmt: skip


def normalisation(drawing: Drawing, given: Any) -> Any:
    random = drawing.random
    x = drawing.start(given, integers=0.0)
    rank, last = len(x.shape), drawing.sizes(x)[-1]
    way = random.randrange(5)
    if way == 0:
        return topi.nn.softmax(x, axis=drawing.axis(x))
    if way == 1:
        return topi.nn.log_softmax(x, axis=-1)
    scale = drawing.tensor((last,), kind(x))
    if way == 2:
        return topi.nn.rms_norm(x, scale, [rank - 1])
    if way == 3:
        return topi.nn.layer_norm(x, scale, drawing.tensor((last,), kind(x)), [rank - 1])
    return topi.nn.prelu(x, scale, rank - 1)


def activation(drawing: Drawing, given: Any) -> Any:
    x = drawing.start(given)
    if drawing.random.random() < 0.5 or not kind(x).startswith("float"):
        return topi.nn.relu(x)
    return topi.nn.leaky_relu(x, 0.5)


def rearranging(drawing: Drawing, given: Any) -> Any:
    random = drawing.random
    dtype, block = shapes.dtype(random), random.randint(1, 2)
    a, b = random.randint(1, 3), random.randint(1, 3)
    if random.random() < 0.5:
        return topi.nn.depth_to_space(drawing.tensor((1, a * block * block, b, 2), dtype), block)
    return topi.nn.space_to_depth(drawing.tensor((1, a, b * block, 2 * block), dtype), block)


def sequences(drawing: Drawing, given: Any) -> Any:
    random = drawing.random
    x = drawing.start(given, rank=2)
    if random.random() < 0.5:
        lengths = drawing.tensor((drawing.sizes(x)[1],), "int32")
        return topi.sequence_mask(x, lengths, random.randint(0, 3), 0)
    return topi.matrix_set_diag(x, drawing.tensor((min(drawing.sizes(x)),), kind(x)), 0)


MAKERS: dict[str, tuple[Maker, float]] = {
    one.__name__: (one, weight)
    for one, weight in (
        (unary, 3), (binary, 4), (reduction, 3), (cast, 1), (clip, 1), (where, 1), (transpose, 1.5), (reshape, 1.5),
        (views, 4), (take, 1), (one_hot, 0.5), (matmul, 1.5), (dense, 1), (batch_matmul, 0.7), (convolution, 2),
        (pooling, 1.5), (normalisation, 1.5), (activation, 1), (rearranging, 0.7), (sequences, 0.7),
    )
}  # fmt: skip


def draw(random: randomness.Random) -> tuple[Any, str]:
    """A PrimFunc of one to four operators, and what it is made of.

    Raises:
        Exception: whatever topi says of sizes that it does not take.
    """
    drawing = Drawing(random)
    result, used = None, []
    for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
        name = random.choices(list(MAKERS), [weight for _, weight in MAKERS.values()])[0]
        result = MAKERS[name][0](drawing, result)
        used.append(name)
    needed = _inputs(result)
    placeholders = [one for one in drawing.placeholders if any(one.op.same_as(other) for other in needed)]
    function = te.create_prim_func([*placeholders, result])
    return function, "topi " + " ".join(used)


def _inputs(tensor: Any) -> list[Any]:
    """The placeholders that a tensor is made from."""
    found: list[Any] = []
    seen: list[Any] = []
    waiting = [tensor.op]
    while waiting:
        op = waiting.pop()
        if any(op.same_as(other) for other in seen):
            continue
        seen.append(op)
        if isinstance(op, te.PlaceholderOp):
            found.append(op)
        waiting += [one.op for one in op.input_tensors]
    return found
