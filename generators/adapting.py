"""Making a value fit: one call each for element type, shape and range of values."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.programs.arguments import Argument, Ref, Symbol
from misfold.programs.dtypes import DType

from .building import Builder, Live
from .inputs import Recipe

METHOD = "torch.Tensor."
FUNCTIONAL = "torch.nn.functional."


def _both(*names: str) -> tuple[str, ...]:
    """Methods, and the functions of the same names."""
    return tuple(prefix + name for name in names for prefix in (METHOD, "torch."))


# Operators that do the same, or as good for the purpose: adapting calls are tests too, and better varied.
_CLAMPS = _both("clamp", "clip")
_FLOAT_CLAMPS = (*_CLAMPS, FUNCTIONAL + "hardtanh")
_TRUTHS = _both("gt", "ne", "le", "lt", "ge", "greater", "less", "not_equal")
_SQUASHES = (*_both("tanh", "sin", "cos", "erf"), FUNCTIONAL + "softsign")
_SIGMOIDS = (*_both("sigmoid"), "torch.special.expit", FUNCTIONAL + "hardsigmoid")
# These give float32 for integers.
_FLOATING = _both("tanh", "sin", "cos", "erf", "sigmoid", "atan", "asinh", "deg2rad", "rad2deg")
_UNSQUEEZES = _both("unsqueeze")
_FLATTENS = _both("flatten", "ravel")
_RESHAPES = _both("reshape")
_EXPANDS = (METHOD + "expand", *_both("broadcast_to"))
_REPEATS = (METHOD + "repeat", *_both("tile"))
_SUMS = _both("sum", "nansum", "amax", "amin")
_EXTREMES = _both("amax", "amin")
_SELECTS = _both("select")
_NARROWS = _both("narrow")
_REMAINDERS = _both("remainder")
_LOWER, _UPPER = _both("clamp_min"), _both("clamp_max")
_POSITIVE = (*_both("relu"), FUNCTIONAL + "relu")
_ABSOLUTE = _both("abs", "absolute")
_COPIES = _both("clone")
# Where a float's copy may have other values than it.
_CHANGES = (*_COPIES, *_both("neg", "negative", "abs", "sin", "cos", "tanh", "erf", "atan", "asinh"))
_PADS = (FUNCTIONAL + "pad", "torch.constant_pad_nd")
# Methods that convert to another tensor's element type.
_LIKE = (METHOD + "to", METHOD + "type_as")
# Methods that convert to one element type.
_NAMED = {
    "float16": "half", "bfloat16": "bfloat16", "float32": "float", "float64": "double", "uint8": "byte",
    "int8": "char", "int16": "short", "int32": "int", "int64": "long", "bool": "bool",
}  # fmt: skip


class Adapter:
    """Adapts values with the operators that are allowed, spending at most ``budget`` calls.

    ``calls``: if there are any, operators that are not among them themselves are called only with such element types
    that ``op(type,type)`` is.
    """

    def __init__(
        self,
        builder: Builder,
        random: Random,
        allowed: frozenset[str],
        budget: int,
        calls: frozenset[str] = frozenset(),
    ):
        self.builder, self.random, self.allowed, self.budget = builder, random, allowed, budget
        self._calls = calls

    def may(self, op: str, *lives: Live) -> bool:
        """Whether an operator is allowed for these values."""
        if op not in self.allowed:
            return False
        if not self._calls or op in self._calls:
            return True
        return f"{op}({','.join(dict.fromkeys(live.type.dtype.name for live in lives))})" in self._calls

    def any_of(self, ops: Sequence[str], live: Live, *args: Argument) -> Live | None:
        """One adapting call of some operator among those that do the same, as far as they are allowed."""
        allowed = [op for op in ops if self.may(op, live)]
        return self.call(self.random.choice(allowed), live, *args) if allowed else None

    def call(self, op: str, live: Live, *args: Argument, **kwargs: Argument) -> Live | None:
        """One adapting call, or None if it is not allowed, not affordable, or refused."""
        used = [self.builder.live[item.name] for item in args if isinstance(item, Ref)]
        if self.budget < 1 or not self.may(op, live, *used):
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

    def cast(self, live: Live, dtype: DType) -> Live | None:
        """Another element type."""
        if dtype.name == "bool" and self.random.random() < 0.7:
            return self.any_of(_TRUTHS, live, 0)
        if dtype.name == "float32" and not live.type.dtype.is_float and self.random.random() < 0.5:
            made = self.any_of(_FLOATING, live)
            if made is not None:
                return made
        if self.random.random() < 0.6:
            like = [other for other in self.builder.usable() if other.type.dtype is dtype]
            made = self.any_of(_LIKE, live, Ref(self.random.choice(like).name)) if like else None
            if made is not None:
                return made
        named = _NAMED.get(dtype.name)
        if named is not None and self.may(METHOD + named, live) and self.random.random() < 0.7:
            return self.call(METHOD + named, live)
        return self.call(METHOD + "to", live, Symbol(f"torch.{dtype.name}"))

    def reshape(self, live: Live, shape: tuple[int, ...]) -> Live | None:
        """Another shape in one call, where one exists."""
        have = live.type.shape
        if live.type.elements == _product(shape):
            added = [
                axis for axis in range(len(shape)) if shape[:axis] + shape[axis + 1 :] == have and shape[axis] == 1
            ]
            if added and self.random.random() < 0.7:
                return self.any_of(_UNSQUEEZES, live, self.random.choice(added))
            if len(shape) == 1 and self.random.random() < 0.7:
                return self.any_of(_FLATTENS, live)
            return self.any_of(_RESHAPES, live, shape)
        if len(have) <= len(shape) and all(a in (1, b) for a, b in zip(reversed(have), reversed(shape))):
            if 0 not in shape and self.random.random() < 0.4:
                padded = (1,) * (len(shape) - len(have)) + have
                return self.any_of(_REPEATS, live, tuple(b // a for a, b in zip(padded, shape)))
            return self.any_of(_EXPANDS, live, shape)
        if len(have) > len(shape):
            return self.select(live, shape)
        if len(have) < len(shape):
            return None
        return self.resize(live, shape)

    def select(self, live: Live, shape: tuple[int, ...]) -> Live | None:
        """Fewer dimensions and smaller ones by one indexing expression, or by a reduction of the leading ones."""
        have = live.type.shape
        extra = len(have) - len(shape)
        if have[extra:] == shape and extra == 1 and have[0] and self.random.random() < 0.7:
            if self.random.random() < 0.4:
                return self.any_of(_SELECTS, live, 0, self.random.randrange(have[0]))
            return self.any_of(_SUMS if live.type.dtype.is_float else _EXTREMES, live, 0)
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
            shorter = [axis for axis, (a, b) in enumerate(zip(have, shape)) if a != b]
            if len(shorter) == 1 and self.random.random() < 0.5:
                axis = shorter[0]
                start = self.random.randint(0, have[axis] - shape[axis])
                return self.any_of(_NARROWS, live, axis, start, shape[axis])
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
            return self.any_of(_PADS, live, pads) if live.type.dtype.name != "bool" else None
        return None

    def copy(self, live: Live, recipe: Recipe) -> Live | None:
        """A value of the same type within a recipe's domain, in memory of its own."""
        free = recipe["draw"] == "normal" and live.type.dtype.is_float
        return self.any_of(_CHANGES if free else _COPIES, live)

    def restrict(self, live: Live, recipe: Recipe) -> Live | None:
        """A value within a recipe's domain, if it is one of a range."""
        if recipe["draw"] in ("normal", "bernoulli"):
            return live
        if recipe["draw"] not in ("uniform", "integers"):
            return None
        if within(live, recipe):
            return live
        low, high = recipe["low"], recipe["high"]
        whole = live.type.dtype.is_integer
        if whole:
            low, high = int(low), int(high)
        chance = self.random.random()
        if chance < 0.7:
            cut = self._one_sided(live, low, high)
            if cut is not None:
                return cut
        if whole:
            if low == 0 and chance < 0.5:
                return self.any_of(_REMAINDERS, live, high + 1)
            return self.any_of(_CLAMPS, live, low, high)
        if low < 0 < high and chance < 0.4:
            return self.any_of(_SQUASHES, live)
        if ((low > 0 and high <= 1) or (low == 0 and high >= 1)) and chance < 0.4:
            return self.any_of(_SIGMOIDS, live)
        return self.any_of(_FLOAT_CLAMPS, live, low, high)

    def _one_sided(self, live: Live, low: float, high: float) -> Live | None:
        """A value from ``low`` to ``high``, made from one of which only one end lies outside."""
        least, most = live.range()
        if least >= low:
            return self.any_of(_UPPER, live, high)
        if most > high:
            return None
        if -least <= high and low <= 0 and self.random.random() < 0.4:
            return self.any_of(_ABSOLUTE, live)
        return self.any_of(_POSITIVE, live) if low == 0 else self.any_of(_LOWER, live, low)


def within(live: Live, recipe: Recipe) -> bool:
    """Whether a value's elements are in the range of a recipe that has one."""
    least, most = live.range()
    return bool(recipe["low"] <= least and most <= recipe["high"])


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for dim in shape:
        result *= dim
    return result
