"""PrimFuncs that Relax makes of its operators: legalised, and fused as its default pipeline would."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any

from tvm import relax, tirx
from tvm.relax import op

from . import shapes

_UNARY = "abs exp floor negative round sigmoid sign sqrt rsqrt square tanh ceil erf cos sin log".split()
_BINARY = "add subtract multiply maximum minimum divide floor_divide floor_mod less greater equal".split()
_REDUCTIONS = "sum max min mean prod variance".split()
_SCANS = ("cumsum", "cumprod")


class Building:
    """A Relax function that is being made."""

    def __init__(self, random: randomness.Random):
        self.random = random
        self.parameters: list[Any] = []
        self.dtype = shapes.dtype(random, 0.25)
        self.floating = self.dtype.startswith("float")

    def parameter(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        """A new parameter."""
        made = relax.Var(f"p{len(self.parameters)}", relax.TensorType(shape, dtype or self.dtype))
        self.parameters.append(made)
        return made

    def sizes(self, value: Any) -> tuple[int, ...]:
        """The shape of a value that was emitted."""
        return tuple(int(one) for one in value.ty.shape)


Maker = Callable[[Building, Any], Any]


def _unary(building: Building, x: Any) -> Any:
    name = building.random.choice(_UNARY if building.floating else ["abs", "negative"])
    return getattr(op, name)(x)


def _binary(building: Building, x: Any) -> Any:
    names = _BINARY if building.floating else [name for name in _BINARY if name != "divide"]
    return getattr(op, building.random.choice(names))(x, building.parameter(building.sizes(x)))


def _reduction(building: Building, x: Any) -> Any:
    random = building.random
    axis = random.choice((None, random.randrange(max(len(building.sizes(x)), 1))))
    names = _REDUCTIONS if building.floating else ["sum", "max", "min", "prod"]
    return getattr(op, random.choice(names))(x, axis=axis, keepdims=random.random() < 0.5)


def _moving(building: Building, x: Any) -> Any:
    random, sizes = building.random, building.sizes(x)
    rank = len(sizes)
    order = list(range(rank))
    random.shuffle(order)
    ways: list[Callable[[], Any]] = [
        lambda: op.permute_dims(x, order),
        lambda: op.reshape(x, (-1,)),
        lambda: op.flip(x, random.randrange(rank)),
        lambda: op.concat([x, building.parameter(sizes)], random.randrange(rank)),
        lambda: op.tile(x, [random.randint(1, 2) for _ in sizes]),
        lambda: op.repeat(x, 2, random.randrange(rank)),
        lambda: op.expand_dims(x, random.randint(0, rank)),
        lambda: op.broadcast_to(x, (2, *sizes)),
        lambda: op.strided_slice(x, list(range(rank)), [0] * rank, [random.randint(1, n) for n in sizes]),
        lambda: op.nn.pad(x, [random.randint(0, 2) for _ in range(2 * rank)]),
        lambda: op.take(x, building.parameter((4,), "int64"), axis=random.randrange(rank), mode="clip"),
        lambda: op.tril(x, random.randint(-1, 1)),
        lambda: op.where(building.parameter(sizes, "bool"), x, building.parameter(sizes)),
    ]
    return random.choice(ways)()


def _scan(building: Building, x: Any) -> Any:
    random = building.random
    way = getattr(op, random.choice(_SCANS))
    return way(x, axis=random.randrange(len(building.sizes(x))), exclusive=random.random() < 0.3)


def _matmul(building: Building, x: Any) -> Any:
    return op.matmul(x, building.parameter((building.sizes(x)[-1], shapes.size(building.random))))


def _network(building: Building, x: Any) -> Any:
    random, sizes = building.random, building.sizes(x)
    last = (sizes[-1],)
    ways: list[Callable[[], Any]] = [
        lambda: op.nn.relu(x),
        lambda: op.nn.softmax(x, -1),
        lambda: op.nn.log_softmax(x, -1),
        lambda: op.nn.silu(x),
        lambda: op.nn.leakyrelu(x, 0.5),
        lambda: op.nn.softplus(x),
        lambda: op.nn.layer_norm(x, building.parameter(last), building.parameter(last), -1),
        lambda: op.nn.rms_norm(x, building.parameter(last), [-1]),
        lambda: op.nn.conv2d(building.parameter((1, 2, 6, 6)), building.parameter((3, 2, 3, 3)), 1, 1),
        lambda: op.nn.max_pool2d(building.parameter((1, 2, 6, 6)), (2, 2), (2, 2)),
        lambda: op.nn.avg_pool2d(building.parameter((1, 2, 6, 6)), (2, 2), (2, 2)),
    ]
    return random.choice(ways if building.floating else ways[:1])()


_MAKERS: dict[Maker, float] = {_unary: 3, _binary: 4, _reduction: 3, _moving: 4, _scan: 1, _matmul: 2, _network: 2}


def draw(random: randomness.Random) -> tuple[Any, str]:
    """A PrimFunc of one to five operators, fused or not, and what it is made of.

    Raises:
        Exception: whatever Relax says of what it does not take.
    """
    building = Building(random)
    builder = relax.BlockBuilder()
    value = building.parameter(shapes.shape(random))
    steps = [random.choices(list(_MAKERS), list(_MAKERS.values()))[0] for _ in range(random.choice((1, 2, 3, 4, 5)))]
    with builder.function("main"):
        with builder.dataflow():
            for step in steps:
                value = builder.emit(step(building, value))
            output = builder.emit_output(value)
        builder.emit_func_output(output, building.parameters)
    module = relax.transform.LegalizeOps()(builder.finalize())
    if random.random() < 0.6:
        for one in ("AnnotateTIROpPattern", "FuseOps", "FuseTIR"):
            module = getattr(relax.transform, one)()(module)
    functions = [one for _, one in sorted(module.functions_items(), key=lambda item: item[0].name_hint) if _usable(one)]
    if not functions:
        raise ValueError("no PrimFunc came of it")
    # The largest is the one that was fused; now and then any.
    chosen = random.choice(functions) if random.random() < 0.4 else max(functions, key=lambda one: len(one.script()))
    words = " ".join(step.__name__.lstrip("_") for step in steps)
    return chosen.without_attr("tirx.noalias").with_attr("tirx.noalias", True), f"relax {words}"


def _usable(function: Any) -> bool:
    return isinstance(function, tirx.PrimFunc)


__all__ = ["draw"]
