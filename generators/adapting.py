"""Making a value fit: one call each for element type, shape and range of values."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.programs.arguments import Argument, Ref, Symbol
from misfold.programs.dtypes import DType

from .building import Builder, Live
from .inputs import Recipe

METHOD = "torch.Tensor."
_CLAMPS = ("torch.Tensor.clamp", "torch.clamp", "torch.Tensor.clip", "torch.clip")
# Methods that convert to one element type.
_NAMED = {
    "float16": "half", "bfloat16": "bfloat16", "float32": "float", "float64": "double", "uint8": "byte",
    "int8": "char", "int16": "short", "int32": "int", "int64": "long", "bool": "bool",
}  # fmt: skip


class Adapter:
    """Adapts values with the operators that are allowed, spending at most ``budget`` calls."""

    def __init__(self, builder: Builder, random: Random, allowed: frozenset[str], budget: int):
        self.builder, self.random, self.allowed, self.budget = builder, random, allowed, budget

    def call(self, op: str, live: Live, *args: Argument, **kwargs: Argument) -> Live | None:
        """One adapting call, or None if it is not allowed, not affordable, or refused."""
        if self.budget < 1 or op not in self.allowed:
            return None
        outputs = self.builder.apply(op, (Ref(live.name), *args), kwargs)
        if outputs is None:
            return None
        self.budget -= 1
        return outputs[0]

    def fit(self, live: Live, dtype: DType, shape: tuple[int, ...], recipe: Recipe) -> Live | None:
        """A value of the given element type and shape within a recipe's domain, made from ``live``."""
        if live.type.dtype is not dtype:
            cast = self.cast(live, dtype)
            if cast is None:
                return None
            live = cast
        if live.type.shape != shape:
            shaped = self.reshape(live, shape)
            if shaped is None:
                return None
            live = shaped
        return self.restrict(live, recipe)

    def _one_of(self, names: Sequence[str]) -> str:
        """One of several names for the same, as far as they are allowed."""
        allowed = [name for name in names if name in self.allowed] or names
        return self.random.choice(allowed)

    def cast(self, live: Live, dtype: DType) -> Live | None:
        """Another element type."""
        if dtype.name == "bool" and self.random.random() < 0.7:
            op = self.random.choice(("gt", "ne", "le"))
            return self.call(METHOD + op, live, 0)
        named = _NAMED.get(dtype.name)
        if named is not None and METHOD + named in self.allowed and self.random.random() < 0.5:
            return self.call(METHOD + named, live)
        op = "type" if METHOD + "type" in self.allowed and self.random.random() < 0.25 else "to"
        return self.call(METHOD + op, live, Symbol(f"torch.{dtype.name}"))

    def reshape(self, live: Live, shape: tuple[int, ...]) -> Live | None:
        """Another shape in one call, where one exists."""
        have = live.type.shape
        if live.type.elements == _product(shape):
            added = [
                axis for axis in range(len(shape)) if shape[:axis] + shape[axis + 1 :] == have and shape[axis] == 1
            ]
            if added and self.random.random() < 0.7:
                return self.call(METHOD + "unsqueeze", live, self.random.choice(added))
            if len(shape) == 1 and self.random.random() < 0.5:
                return self.call(METHOD + "flatten", live)
            return self.call(METHOD + "reshape", live, shape)
        if len(have) <= len(shape) and all(a in (1, b) for a, b in zip(reversed(have), reversed(shape))):
            return self.call(METHOD + "expand", live, shape)
        if len(have) > len(shape):
            return self.select(live, shape)
        if len(have) < len(shape):
            return None
        return self.resize(live, shape)

    def select(self, live: Live, shape: tuple[int, ...]) -> Live | None:
        """Fewer dimensions and smaller ones by one indexing expression, or by a reduction of the leading ones."""
        have = live.type.shape
        extra = len(have) - len(shape)
        if have[extra:] == shape and extra == 1 and self.random.random() < 0.3:
            if live.type.dtype.is_float:
                return self.call(METHOD + "sum", live, 0)
            return self.call(METHOD + "amax", live, 0) if have[0] else None
        if 0 in have[:extra] or any(a < b for a, b in zip(have[extra:], shape)):
            return None
        index: list[Argument] = [self.random.randrange(dim) for dim in have[:extra]]
        index += [slice(None) if a == b else slice(None, b) for a, b in zip(have[extra:], shape)]
        while len(index) > extra and index[-1] == slice(None):
            index.pop()
        return self.call(METHOD + "__getitem__", live, index[0] if len(index) == 1 else tuple(index))

    def resize(self, live: Live, shape: tuple[int, ...]) -> Live | None:
        """The same number of dimensions: longer ones are sliced, or shorter ones padded."""
        have = live.type.shape
        if all(a >= b for a, b in zip(have, shape)):
            index: list[Argument] = []
            for a, b in zip(have, shape):
                start = self.random.randint(0, a - b)
                step = 2 if b > 1 and a >= 2 * b and self.random.random() < 0.3 else None
                index.append(slice(None) if a == b else slice(0 if step else start, 2 * b if step else start + b, step))
            return self.call(METHOD + "__getitem__", live, index[0] if len(index) == 1 else tuple(index))
        if all(a <= b for a, b in zip(have, shape)) and 0 not in have:
            pads: list[int] = []
            for a, b in zip(reversed(have), reversed(shape)):
                before = self.random.randint(0, b - a)
                pads += [before, b - a - before]
            while len(pads) > 2 and pads[-2:] == [0, 0]:
                del pads[-2:]
            return self.call("torch.nn.functional.pad", live, pads)
        return None

    def restrict(self, live: Live, recipe: Recipe) -> Live | None:
        """A value within a recipe's domain, if it is one of a range."""
        if recipe["draw"] in ("normal", "bernoulli"):
            return live
        if recipe["draw"] not in ("uniform", "integers"):
            return None
        low, high = recipe["low"], recipe["high"]
        least, most = live.range()
        if low <= least and most <= high:
            return live
        kind = live.type.dtype
        if kind.is_integer:
            if low == 0 and self.random.random() < 0.5:
                return self.call(METHOD + "remainder", live, high + 1)
            return self.call(self._one_of(_CLAMPS), live, int(low), int(high))
        chance = self.random.random()
        if low < 0 < high and chance < 0.4:
            return self.call("torch." + self.random.choice(("tanh", "sin")), live)
        if low > 0 and high <= 1 and chance < 0.4:
            return self.call("torch.sigmoid", live)
        return self.call(self._one_of(_CLAMPS), live, low, high)


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for dim in shape:
        result *= dim
    return result
