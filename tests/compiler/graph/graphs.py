"""Random graphs over all operators, and inputs for them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from misfold.compiler.dtypes import ALL, BOOL, I64, DType
from misfold.compiler.graph.arithmetic import NUMPY, Array, cast
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import Graph, TensorType, Value
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.loops.operators import BINARY, REDUCTIONS, UNARY

#: Operators whose results are exact whatever the order of their sums, as long as the elements are small integers.
_SMALL = 4


def random_graph(seed: int, nodes: int = 12, composites: bool = True) -> Graph:
    """A graph that verifies: small shapes (none and 0 among them), all dtypes, integer divisors that are never zero,
    indices in range."""
    return _Generator(random.Random(seed), composites).graph(nodes)


def random_inputs(graph: Graph, seed: int) -> list[Array]:
    """Small integers, in floats also -0.0, infinities and NaN now and then; laid out as the types say."""
    chance = np.random.default_rng(seed)
    arrays = []
    for value in graph.inputs:
        type = value.type
        low = -_SMALL if type.dtype.is_signed else 0
        array = chance.integers(low, _SMALL + 1, type.shape)
        if type.dtype.is_float and chance.random() < 0.4:
            special = chance.choice([-0.0, np.inf, -np.inf, np.nan, 0.5], type.shape)
            array = np.where(chance.random(type.shape) < 0.15, special, array)
        made = cast(np.asarray(array), type.dtype) if type.dtype != BOOL else np.asarray(array % 2 == 1)
        if type.strides is not None:
            room = np.zeros(1 + sum((n - 1) * s for n, s in zip(type.shape, type.strides) if n), made.dtype)
            view = np.lib.stride_tricks.as_strided(room, type.shape, [s * made.itemsize for s in type.strides])
            view[...] = made
            made = view
        arrays.append(made)
    return arrays


def same(one: Array, two: Array) -> bool:
    """Bit for bit; all NaNs are equal."""
    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    if one.dtype.kind not in "fV" and one.dtype != NUMPY["bf16"]:
        return bool(np.array_equal(one, two))
    one, two = one.astype(np.float64), two.astype(np.float64)
    nan = np.isnan(one)
    return bool(
        np.array_equal(nan, np.isnan(two))
        and np.array_equal(one[~nan], two[~nan])
        and np.array_equal(np.signbit(one[~nan]), np.signbit(two[~nan]))
    )


class _Generator:
    def __init__(self, chance: random.Random, composites: bool):
        self.chance = chance
        self.builder = Builder("random")
        self.values: list[Value] = []
        self.composites = composites
        known = [one for one in operators().values() if one.family != "fused" and (composites or not one.composite)]
        self.families = ["elementwise"] * 4 + ["movement"] * 3 + sorted({one.family for one in known})

    def graph(self, nodes: int) -> Graph:
        for _ in range(self.chance.randint(1, 3)):
            self.values.append(self.builder.input(self.type(self.dtype())))
        for _ in range(nodes):
            self.node()
        made = [value for node in self.builder.nodes for value in node.outputs]
        outputs = self.chance.sample(made, min(len(made), self.chance.randint(1, 4))) or self.values[:1]
        if self.chance.random() < 0.2:
            outputs.append(self.chance.choice(self.values))
        return self.builder.finish(outputs)

    # ---------------------------------------------------------------------------------------------------- parts

    def dtype(self) -> DType:
        return self.chance.choice(ALL)

    def size(self) -> int:
        return self.chance.choice((1, 1, 2, 2, 3, 3, 4, 5, 0))

    def shape(self, least: int = 0, most: int = 4) -> tuple[int, ...]:
        return tuple(self.size() for _ in range(self.chance.randint(least, most)))

    def type(self, dtype: DType, shape: tuple[int, ...] | None = None) -> TensorType:
        """An input's type, sometimes with its dimensions in another order in memory."""
        shape = self.shape() if shape is None else shape
        if self.chance.random() < 0.6:
            return TensorType(dtype, shape)
        order, strides, reach = list(range(len(shape))), [0] * len(shape), self.chance.choice((1, 1, 2))
        self.chance.shuffle(order)
        for dim in order:
            strides[dim] = reach
            reach *= max(shape[dim], 1)
        return TensorType(dtype, shape, tuple(strides))

    def value(self, dtype: DType, shape: tuple[int, ...]) -> Value:
        """A value of this type: one that is there, a constant, another one cast and broadcast, or a new input."""
        there = [value for value in self.values if value.type.dtype == dtype and value.type.shape == shape]
        if there and self.chance.random() < 0.85:
            return self.chance.choice(there)
        draw = self.chance.random()
        if draw < 0.3:
            return self.add("full", value=self.number(dtype), shape=shape, dtype=dtype)
        if draw < 0.4 and not dtype.is_bool and shape:
            return self.add("iota", dim=self.chance.randrange(len(shape)), shape=shape, dtype=dtype)
        elements = TensorType(dtype, shape).elements
        if draw < 0.5 and elements <= 64:
            return self.add(
                "literal", values=tuple(self.number(dtype) for _ in range(elements)), shape=shape, dtype=dtype
            )
        if draw < 0.8:
            alike = [value for value in self.values if value.type.shape == shape and _casts(value.type.dtype, dtype)]
            if alike:
                return self.add("cast", self.chance.choice(alike), dtype=dtype)
            small = [value for value in self.values if value.type.dtype == dtype and value.type.shape in ((), (1,))]
            if small:
                chosen = self.chance.choice(small)
                dims = () if chosen.type.rank == 0 else (self.chance.randrange(len(shape)),) if shape else None
                if dims is not None:
                    return self.add("broadcast", chosen, shape=shape, dims=dims)
        made = self.builder.input(self.type(dtype, shape))
        self.values.append(made)
        return made

    def number(self, dtype: DType) -> int | float | bool:
        if dtype.is_bool:
            return self.chance.random() < 0.5
        least = -_SMALL if dtype.is_signed else 0
        number = self.chance.choice((0, 1, 1, 2, self.chance.randint(least, _SMALL)))
        if not dtype.is_float:
            return self.chance.choice((number, number, dtype.min, dtype.max)) if self.chance.random() < 0.2 else number
        return self.chance.choice((float(number), float(number), -0.0, 0.5))

    def some(self, kinds: Sequence[str] = ("bool", "int", "uint", "float"), least: int = 0) -> Value:
        """A value of one of these kinds with this many dimensions at least."""
        there = [value for value in self.values if value.type.dtype.kind in kinds and value.type.rank >= least]
        if there and self.chance.random() < 0.9:
            # Recent ones, so that graphs become deep.
            return self.chance.choice(there[-5:])
        return self.value(self.chance.choice([one for one in ALL if one.kind in kinds]), self.shape(least, 4))

    def add(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        made = self.builder.apply(operator, *inputs, **attributes)
        self.values.extend(made)
        return made[-1]

    def dims(self, rank: int) -> tuple[int, ...]:
        return tuple(dim for dim in range(rank) if self.chance.random() < 0.5)

    def index(self, size: int, shape: tuple[int, ...]) -> Value:
        """An i64 tensor of indices below ``size``."""
        bound = self.add("full", value=size, shape=shape, dtype=I64)
        return self.add("euclidmod", self.value(I64, shape), bound)

    # -------------------------------------------------------------------------------------------------- operators

    def node(self) -> None:
        family = self.chance.choice(self.families)
        name = self.chance.choice(sorted(one.name for one in operators().values() if one.family == family))
        special = getattr(self, f"_{name}", None)
        if special:
            special()
        elif name in UNARY:
            self.add(name, self.some(tuple(UNARY[name].kinds)))
        elif name in BINARY:
            x = self.some(tuple(BINARY[name].kinds))
            y = self.value(x.type.dtype, x.type.shape)
            if BINARY[name].partial and not x.type.dtype.is_float:
                y = self.add("or", y, self.add("full", value=1, shape=y.type.shape, dtype=y.type.dtype))
            self.add(name, x, y)
        else:
            self._activation(name)

    def _activation(self, name: str) -> None:
        x = self.some(("float",))
        defaults: dict[str, Any] = {"approximate": self.chance.choice(("none", "tanh"))}
        names = operators()[name].attributes
        self.add(name, x, **{key: defaults.get(key, self.chance.choice((1.0, 0.5, 2.0))) for key in names})

    def _select(self) -> None:
        then = self.some()
        self.add("select", self.value(BOOL, then.type.shape), then, self.value(then.type.dtype, then.type.shape))

    def _cast(self) -> None:
        self.add("cast", self.some(), dtype=self.dtype())

    def _full(self) -> None:
        dtype = self.dtype()
        self.add("full", value=self.number(dtype), shape=self.shape(), dtype=dtype)

    def _iota(self) -> None:
        shape = self.shape(1)
        dtype = self.chance.choice(ALL[1:])
        self.add("iota", dim=self.chance.randrange(len(shape)), shape=shape, dtype=dtype)

    def _literal(self) -> None:
        dtype, shape = self.dtype(), self.shape(0, 2)
        count = TensorType(dtype, shape).elements
        self.add("literal", values=tuple(self.number(dtype) for _ in range(count)), shape=shape, dtype=dtype)

    def _broadcast(self) -> None:
        x = self.some()
        shape, dims = [], []
        for size in x.type.shape:
            if self.chance.random() < 0.3:
                shape.append(self.size())
            dims.append(len(shape))
            shape.append(self.size() if size == 1 else size)
        if len(shape) <= 4:
            self.add("broadcast", x, shape=tuple(shape), dims=tuple(dims))

    def _reshape(self) -> None:
        x = self.some()
        rest, shape = x.type.elements, []
        while rest > 1 and len(shape) < 3:
            factor = self.chance.choice([f for f in range(1, rest + 1) if rest % f == 0])
            shape.append(factor)
            rest //= factor
        self.add("reshape", x, shape=(*shape, rest) if rest != 1 or self.chance.random() < 0.5 else tuple(shape))

    def _permute(self) -> None:
        x = self.some(least=1)
        self.add("permute", x, dims=tuple(self.chance.sample(range(x.type.rank), x.type.rank)))

    def _slice(self) -> None:
        x = self.some(least=1)
        ranges = []
        for size in x.type.shape:
            start = self.chance.choice((0, 0, self.chance.randint(0, size)))
            stop = self.chance.choice((size, size, self.chance.randint(start, size)))
            ranges.append((start, stop, self.chance.choice((1, 1, 2, 3))))
        starts, stops, steps = zip(*ranges)
        self.add("slice", x, starts=starts, stops=stops, steps=steps)

    def _reverse(self) -> None:
        x = self.some(least=1)
        self.add("reverse", x, dims=self.dims(x.type.rank))

    def _pad(self) -> None:
        x = self.some(least=1)
        if x.type.elements > 200:
            return
        low, high, interior = (tuple(self.chance.choice((0, 0, 1, 2)) for _ in x.type.shape) for _ in range(3))
        self.add("pad", x, low=low, high=high, interior=interior, value=self.number(x.type.dtype))

    def _concatenate(self) -> None:
        x = self.some(least=1)
        dim = self.chance.randrange(x.type.rank)
        parts = [x]
        for _ in range(self.chance.randint(0, 2)):
            shape = (*x.type.shape[:dim], self.size(), *x.type.shape[dim + 1 :])
            parts.append(self.value(x.type.dtype, shape))
        self.add("concatenate", *parts, dim=dim)

    def _reduce(self) -> None:
        op = self.chance.choice(REDUCTIONS)
        x = self.some(tuple(BINARY[op].kinds))
        self.add("reduce", x, op=op, dims=self.dims(x.type.rank))

    def _argreduce(self) -> None:
        x = self.some(("int", "uint", "float"), 1)
        dim = self.chance.randrange(x.type.rank)
        if x.type.shape[dim]:
            self.add("argreduce", x, op=self.chance.choice(("min", "max")), dim=dim)

    def _scan(self) -> None:
        x = self.some(("int", "uint", "float"), 1)
        op = self.chance.choice(("add", "mul", "min", "max"))
        self.add("scan", x, op=op, dim=self.chance.randrange(x.type.rank))

    def _argscan(self) -> None:
        x = self.some(("int", "uint", "float"), 1)
        self.add("argscan", x, op=self.chance.choice(("min", "max")), dim=self.chance.randrange(x.type.rank))

    def _dot(self) -> None:
        b, m, k, n = (self.size() for _ in range(4))
        there = [v for v in self.values if v.type.rank == 3 and v.type.dtype != BOOL]
        x = self.chance.choice(there) if there else self.value(self.chance.choice(ALL[1:]), (b, m, k))
        self.add("dot", x, self.value(x.type.dtype, (x.type.shape[0], x.type.shape[2], n)))

    def _geometry(self, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        sizes, strides, dilations = [], [], []
        for size in shape:
            sizes.append(self.chance.randint(1, min(size, 3)))
            strides.append(self.chance.randint(1, 2))
            dilations.append(self.chance.choice([d for d in (1, 2) if d * (sizes[-1] - 1) + 1 <= size]))
        return tuple(sizes), tuple(strides), tuple(dilations)

    def _convolution(self) -> None:
        groups, inner, outer = (self.chance.randint(1, 2) for _ in range(3))
        dtype = self.chance.choice(ALL[1:])
        spatial = tuple(self.chance.randint(1, 5) for _ in range(self.chance.randint(1, 2)))
        sizes, strides, dilations = self._geometry(spatial)
        x = self.value(dtype, (self.chance.randint(0, 2), groups * inner, *spatial))
        w = self.value(dtype, (groups * outer, inner, *sizes))
        self.add("convolution", x, w, strides=strides, dilations=dilations, groups=groups)

    def _window(self) -> None:
        x, count = self._windowed()
        if x is not None:
            sizes, strides, dilations = self._geometry(x.type.shape[x.type.rank - count :])
            op = self.chance.choice(("add", "max"))
            self.add("window", x, op=op, sizes=sizes, strides=strides, dilations=dilations)

    def _windowed(self) -> tuple[Value | None, int]:
        x = self.some(("int", "uint", "float"), 1)
        count = self.chance.randint(1, min(2, x.type.rank))
        return (x if all(x.type.shape[x.type.rank - count :]) else None), count

    def _argwindow(self) -> None:
        x, count = self._windowed()
        if x is None:
            return
        trailing = x.type.shape[x.type.rank - count :]
        sizes, strides, _ = self._geometry(trailing)
        low = tuple(self.chance.randint(0, min(size - 1, total - size)) for size, total in zip(sizes, trailing))
        extents = tuple(total - before for total, before in zip(trailing, low))
        dense = (1,) * count
        self.add("argwindow", x, op="max", sizes=sizes, strides=strides, dilations=dense, extents=extents, low=low)

    def _gather(self) -> None:
        x = self.some(least=1)
        shape = self.shape(0, 3)
        if x.type.elements == 0:
            shape = (0, *shape[1:])
        self.add("gather", x, *(self.index(max(size, 1), shape) for size in x.type.shape))

    def _scatter(self) -> None:
        op = self.chance.choice(("replace", "add", "mul", "min", "max"))
        x = self.some(("int", "uint", "float") if op != "replace" else ("bool", "int", "float"), 1)
        shape = self.shape(0, 3) if x.type.elements else (0,)
        updates = self.value(x.type.dtype, shape)
        self.add("scatter", x, updates, *(self.index(max(size, 1), shape) for size in x.type.shape), op=op)

    def _sort(self) -> None:
        x = self.some(least=1)
        self.add("sort", x, dim=self.chance.randrange(x.type.rank), descending=self.chance.random() < 0.5)

    # Composites whose attributes depend on their input.

    def _hardtanh(self) -> None:
        x = self.some(("int", "float"))
        low, high = (-1.0, 2.0) if x.type.dtype.is_float else (-1, 2)
        self.add("hardtanh", x, low=low, high=high)

    def _softmax(self, name: str = "softmax") -> None:
        x = self.some(("float",), 1)
        self.add(name, x, dim=self.chance.randrange(x.type.rank))

    def _log_softmax(self) -> None:
        self._softmax("log_softmax")

    def _logsumexp(self, name: str = "logsumexp", **attributes: Any) -> None:
        x = self.some(("float",))
        self.add(name, x, dims=self.dims(x.type.rank), **attributes)

    def _mean(self) -> None:
        self._logsumexp("mean")

    def _var(self) -> None:
        self._logsumexp("var", correction=self.chance.choice((0, 1, 0.5)))

    def _layer_norm(self) -> None:
        self._logsumexp("layer_norm", eps=1e-5)

    def _group_norm(self) -> None:
        x = self.some(("float",), 2)
        groups = self.chance.choice([g for g in range(1, max(x.type.shape[1], 1) + 1) if x.type.shape[1] % g == 0])
        self.add("group_norm", x, groups=groups, eps=1e-5)


def _casts(source: DType, target: DType) -> bool:
    """Not everything, so that numbers stay small."""
    return target.bits >= source.bits or source.is_float == target.is_float
