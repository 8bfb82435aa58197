"""Fresh inputs: which values and which layout, as recipes and types."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from random import Random
from typing import Any

from misfold.programs.types import TensorType, contiguous_strides

from .options import Options

Recipe = Mapping[str, Any]

# Bits of a fresh input's seed: what a seed begins with is remembered (``recipes.generator``), and it is not the seed
# alone that makes inputs differ.
_SEED_BITS = 10

# Kinds whose elements belong together: a value from elsewhere does not replace them.
WHOLE = frozenset({"values", "permutation", "definite", "constant"})

# How often the rank of a shape that may be any is at most 0, 1, …, 5.
_RANKS = (0.06, 0.26, 0.54, 0.8, 0.94, 1.0)

# NaN, infinities and the largest finite values among ordinary ones.
SPECIAL = [float("nan"), 1.0, float("inf"), -2.0, float("-inf"), 0.0, -0.0, 3.0]


@dataclass(frozen=True)
class Mode:
    """What the inputs of one case are like, decided once per case."""

    exact: bool
    edges: bool
    zero: bool
    gradient: bool
    special: bool

    @staticmethod
    def choose(random: Random, options: Options) -> Mode:
        exact = random.random() < options.exact
        edges = random.random() < options.edges
        zero = random.random() < options.zero
        gradient = random.random() < options.gradient
        special = random.random() < options.special_values
        return Mode(exact, edges and not exact, zero, gradient, special and not exact)


def _fractions(low: float, high: float) -> Recipe | None:
    """Halves, else quarters, … inside a range, as exact as integers; None where even 16ths are too coarse."""
    for step in (2, 4, 8, 16):
        values = [item / step for item in range(ceil(low * step), floor(high * step) + 1)]
        if len(values) > 1:
            return {"draw": "values", "values": values[:16]}
    return None


def small_integers(recipe: Recipe, is_float: bool) -> Recipe | None:
    """Small integers inside a recipe's domain, simple fractions where it is too narrow for them, or None."""
    kind = recipe["draw"]
    if not is_float or kind == "integers":
        return recipe
    if kind == "normal":
        return {"draw": "integers", "low": -4, "high": 4}
    if kind == "uniform":
        low, high = ceil(recipe["low"]), floor(recipe["high"])
        if low < high:
            return {"draw": "integers", "low": low, "high": high}
        return _fractions(recipe["low"], recipe["high"])
    if kind in ("values", "constant"):
        values = recipe.get("values", [recipe.get("value", 0)])
        return recipe if all(float(item).is_integer() for item in values) else None
    return None


def input_recipe(random: Random, recipe: Recipe, kind: TensorType, mode: Mode, takes_edges: bool) -> Recipe | None:
    """A recipe for a fresh input in the domain of a record's recipe; None where the case's mode has none."""
    made = dict(recipe)
    if mode.exact:
        small = small_integers(recipe, kind.dtype.is_float)
        if small is None:
            return None
        made = dict(small)
    elif recipe["draw"] == "normal":
        made = _unrestricted(random, mode)
    made.pop("edges", None)
    if "seed" in made or made["draw"] not in WHOLE or made["draw"] in ("permutation", "definite"):
        made["seed"] = random.getrandbits(_SEED_BITS)
    if takes_edges and mode.edges and random.random() < 0.6:
        made["edges"] = random.choice((0.1, 0.3, 0.6))
    return made


def _unrestricted(random: Random, mode: Mode) -> dict[str, Any]:
    chance = random.random()
    if mode.special and chance < 0.5:
        values = random.choices(SPECIAL, k=random.randint(3, 12))
        return {"draw": "values", "values": values}
    if chance < 0.6:
        return {"draw": "normal", "seed": 0}
    if chance < 0.7:
        return {"draw": "normal", "seed": 0, "scale": random.choice((0.1, 3.0, 10.0))}
    if chance < 0.8:
        return {"draw": "normal", "seed": 0, "shift": random.choice((-2.0, 1.0, 5.0))}
    if chance < 0.9:
        return {"draw": "uniform", "seed": 0, "low": -1.0, "high": 1.0}
    if chance < 0.95:
        return {"draw": "uniform", "seed": 0, "low": 0.0, "high": 1.0}
    return {"draw": "integers", "seed": 0, "low": -4, "high": 4}


def layout(random: Random, kind: TensorType, writable: bool) -> TensorType:
    """The type with another layout: dimensions permuted, every second element, or expanded (stride 0)."""
    if kind.rank == 0 or kind.elements < 2:
        return kind
    choice = random.random()
    if choice < 0.4 and kind.rank > 1:
        order = list(range(kind.rank))
        random.shuffle(order)
        permuted = contiguous_strides(tuple(kind.shape[axis] for axis in order))
        strides = [0] * kind.rank
        for position, axis in enumerate(order):
            strides[axis] = permuted[position]
        return TensorType.of(kind.dtype, kind.shape, tuple(strides))
    if choice < 0.75 or writable:
        step = random.choice((2, 3))
        axis = random.randrange(kind.rank)
        base = contiguous_strides(kind.shape)
        strides = [stride * step if position <= axis else stride for position, stride in enumerate(base)]
        return TensorType.of(kind.dtype, kind.shape, tuple(strides))
    # Expanding the last dimension too makes every element the same.
    axes = [axis for axis in range(kind.rank) if kind.shape[axis] > 1]
    expanded = random.choice(axes)
    shape = tuple(1 if axis == expanded else dim for axis, dim in enumerate(kind.shape))
    strides = [0 if axis == expanded else stride for axis, stride in enumerate(contiguous_strides(shape))]
    return TensorType.of(kind.dtype, kind.shape, tuple(strides))


def random_shape(random: Random, options: Options, mode: Mode, parity: int | None = None) -> tuple[int, ...]:
    """A shape for operators that take any: mostly small, sometimes with a long, a zero or no dimension. ``parity``:
    whether its rank is to be even (0) or odd (1)."""
    rank = bisect_left(_RANKS, random.random())
    while parity is not None and rank % 2 != parity:
        rank = bisect_left(_RANKS, random.random())
    shape = [random.choice((1, 2, 3, 4, 5, 7, 8, 9)) for _ in range(rank)]
    if rank and random.random() < options.large:
        shape[random.choice((-1, random.randrange(rank)))] = random.randint(17, 70)
    if rank and mode.zero and random.random() < 0.5:
        shape[random.randrange(rank)] = 0
    return tuple(shape)


def random_size(random: Random, options: Options, size: int, may_be_zero: bool, mode: Mode) -> int:
    """Another size for a free dimension of a record."""
    if may_be_zero and mode.zero and random.random() < 0.3:
        return 0
    chance = random.random()
    if chance < options.large / 2:
        return random.randint(17, 70)
    return size if chance < 0.6 else random.randint(2, 9)
