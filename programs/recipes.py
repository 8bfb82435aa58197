"""Input recipes: how to make a program's inputs, as data, and the numpy code that follows them.

The functions in ``STANDALONE`` use nothing but numpy and each other: their source is copied into exported scripts, so
that a script makes bit for bit the inputs that the campaign used.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import TextError
from .types import TensorType

#: draw kind -> its parameters with defaults; ``None`` means "has to be given".
KINDS: dict[str, dict[str, Any]] = {
    # standard normal times scale plus shift
    "normal": {"seed": None, "scale": 1.0, "shift": 0.0},
    # uniform in [low, high)
    "uniform": {"seed": None, "low": 0.0, "high": 1.0},
    # integers in [low, high], for any element type
    "integers": {"seed": None, "low": None, "high": None},
    # True with probability p
    "bernoulli": {"seed": None, "p": 0.5},
    # along the last dimension, a random permutation of 0 … n-1
    "permutation": {"seed": None},
    # a batch of well conditioned symmetric positive definite matrices
    "definite": {"seed": None},
    # every element the same
    "constant": {"value": None},
    # the elements themselves, row by row; repeated from the start if there are fewer than the tensor has
    "values": {"values": None},
}
#: for every kind: ``edges`` is the fraction of elements replaced by edge values of the element type.
COMMON: dict[str, Any] = {"edges": 0.0, "requires_grad": False}
_KNOWN: dict[str, dict[str, Any]] = {kind: own | COMMON for kind, own in KINDS.items()}
#: Largest parameter of a distribution: differences and products with a random number stay finite in float64.
MAX_NUMBER = 1e300
_ELEMENTS = "True, False, integers from -2**63 to 2**64 - 1, floats"


def check_recipe(recipe: Any, tensor: TensorType, *, where: str = "recipe") -> None:
    """Raise TextError unless ``recipe`` is one that ``draw`` can follow for ``tensor``."""
    kind = recipe.get("draw") if isinstance(recipe, Mapping) else None
    known = _KNOWN.get(kind) if type(kind) is str else None
    if known is None or kind is None:
        raise TextError(f"{where}: not an input recipe", allowed=f'{{"draw": one of {", ".join(KINDS)}, ...}}')
    for key in recipe:
        if key != "draw" and key not in known:
            raise TextError(f"{where}: unknown parameter {key!r}", allowed=", ".join(known))
    for key, default in KINDS[kind].items():
        value = recipe.get(key, default)
        if value is None:
            raise TextError(f"{where}: {key} is missing")
        if key == "values":
            if not isinstance(value, list) or not all(map(_is_element, value)):
                raise TextError(f"{where}: values must be a list", allowed=_ELEMENTS)
            if not value and tensor.elements:
                raise TextError(f"{where}: no values for {tensor.elements} elements")
        elif key == "value":
            if not _is_element(value):
                raise TextError(f"{where}: not a value for an element", allowed=_ELEMENTS)
        elif key == "seed":
            if not (type(value) is int and 0 <= value < 2**63):
                raise TextError(f"{where}: seed must be an integer from 0 to 2**63 - 1")
        elif kind == "integers":
            if type(value) is not int or not _is_element(value):
                raise TextError(f"{where}: {key} must be an integer from -2**63 to 2**64 - 1")
        elif key != "p" and (type(value) not in (int, float) or not abs(value) <= MAX_NUMBER):
            raise TextError(f"{where}: {key} must be a number of magnitude up to {MAX_NUMBER}")
    for key in ("edges", "p"):
        fraction = recipe.get(key, 0.0)
        if type(fraction) not in (int, float) or not 0 <= fraction <= 1:
            raise TextError(f"{where}: {key} must be a fraction from 0 to 1")
    if not isinstance(recipe.get("requires_grad", False), bool):
        raise TextError(f"{where}: requires_grad must be True or False")
    if recipe.get("requires_grad") and not tensor.dtype.is_float:
        raise TextError(f"{where}: only floating tensors can require a gradient, not {tensor.dtype}")
    if recipe["draw"] == "definite" and (tensor.rank < 2 or tensor.shape[-1] != tensor.shape[-2]):
        raise TextError(f"{where}: definite needs square matrices, not {tensor}")
    if recipe["draw"] == "integers" and recipe["low"] > recipe["high"]:
        raise TextError(f"{where}: low {recipe['low']} is above high {recipe['high']}")
    if recipe["draw"] == "integers" and recipe["low"] < 0 and recipe["high"] >= 2**63:
        raise TextError(f"{where}: low and high are of no one 64-bit type", allowed="both signed or both unsigned")
    if recipe["draw"] == "uniform" and recipe.get("low", 0.0) > recipe.get("high", 1.0):
        raise TextError(f"{where}: low is above high")


def _is_element(value: Any) -> bool:
    return type(value) in (bool, float) or (type(value) is int and -(2**63) <= value < 2**64)


_MADE = threading.local()


@lru_cache(maxsize=2**14)
def _state(seed: int) -> Mapping[str, Any]:
    return np.random.PCG64(seed).state


def generator(seed: int) -> np.random.Generator:
    """A generator at the start of a seed's sequence, for the ``random`` of ``draw``; each thread has one, so it is good
    until the next call. To seed numpy's takes longer than to draw a tensor, and seeds come again."""
    if not hasattr(_MADE, "bits"):
        _MADE.bits = np.random.PCG64(0)
        _MADE.generator = np.random.Generator(_MADE.bits)
    _MADE.bits.state = _state(seed)
    found: np.random.Generator = _MADE.generator
    return found


def draw(recipe, shape, dtype, random=None):
    """The numpy array that a recipe describes, in row-major order.

    ``dtype`` is an element type's name; ``bfloat16`` comes as a float32 array that the caller rounds. Integers outside
    an integer type's range wrap around; floats are truncated and clipped to 64 bits first, NaN becoming 0.
    ``random`` is a generator at the start of the recipe's seed, if there is one already.
    """
    kind = recipe["draw"]
    count = 1
    for dim in shape:
        count *= int(dim)
    if random is None:
        random = np.random.Generator(np.random.PCG64(recipe.get("seed", 0)))
    if kind == "normal":
        array = random.standard_normal(count) * recipe.get("scale", 1.0) + recipe.get("shift", 0.0)
    elif kind == "uniform":
        array = random.uniform(recipe.get("low", 0.0), recipe.get("high", 1.0), count)
    elif kind == "integers":
        array = random.integers(int(recipe["low"]), int(recipe["high"]), count, endpoint=True,
                                dtype=np.uint64 if recipe["high"] >= 2**63 else np.int64)  # fmt: skip
    elif kind == "bernoulli":
        array = random.random(count) < recipe.get("p", 0.5)
    elif kind == "permutation":
        rows = np.tile(np.arange(shape[-1] if shape else 1), (count // max(shape[-1] if shape else 1, 1), 1))
        array = random.permuted(rows, axis=1) if count else np.zeros(0)
    elif kind == "definite":
        factor = random.standard_normal(shape)
        # einsum and not a matrix product, whose last bits depend on the processor
        array = np.einsum("...ik,...jk->...ij", factor, factor) / max(shape[-1], 1) + np.eye(shape[-1])
    elif kind == "constant":
        array = np.resize(elements([recipe["value"]], dtype), count)
    else:
        array = np.resize(elements(recipe["values"], dtype), count) if count else np.zeros(0)
    array = convert(np.asarray(array).reshape(shape), dtype)
    if recipe.get("edges", 0.0) and count:
        edges = edge_values(dtype)
        chosen = random.random(shape) < recipe["edges"]
        array = np.where(chosen, edges[random.integers(0, len(edges), shape)], array)
    return array


def convert(array, dtype):
    """An array in an element type, the same on every machine (C leaves casts of floats out of range undefined)."""
    if array.dtype.kind == "f" and dtype not in ("bool", "bfloat16") and not dtype.startswith("float"):
        # the largest float64 below 2**63
        array = np.clip(
            np.nan_to_num(np.trunc(array), nan=0.0, posinf=2.0**63, neginf=-(2.0**63)), -(2.0**63), 2.0**63 - 1024
        )
        array = array.astype(np.int64)
    wanted = np.dtype("float32" if dtype == "bfloat16" else dtype)
    if array.dtype == wanted:
        return array
    if array.dtype.kind != "f" and wanted.kind != "f":
        return array.astype(wanted)
    with np.errstate(all="ignore"):
        return array.astype(wanted)


def elements(values, dtype):
    """Python numbers as an array from which ``convert`` loses nothing that the element type can hold."""
    if dtype == "bool":
        return np.array([bool(value) for value in values])
    if dtype.startswith(("float", "bfloat")):
        return np.array([float(value) for value in values], np.float64)
    return np.array(
        [
            int(value) % 2**64 if isinstance(value, int) else int(convert(np.float64(value), "int64")) % 2**64
            for value in values
        ],
        np.uint64,
    )


def edge_values(dtype):
    """Values at which implementations of an element type tend to differ, as a numpy array of that type."""
    if dtype == "bool":
        return np.array([False, True])
    if dtype == "bfloat16":
        tiny, eps = 2.0**-133, 2.0**-7
        return np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, tiny, -tiny, eps], np.float32)
    if dtype.startswith("float"):
        tiny = np.finfo(dtype).smallest_subnormal
        return np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, tiny, -tiny, np.finfo(dtype).eps], dtype)
    limits = np.iinfo(dtype)
    values = [0, 1, 2, limits.max, limits.max - 1, limits.min, limits.min + 1]
    return np.array(values if limits.min == 0 else [*values, -1], dtype)


def place(array, strides):
    """Storage for ``array`` under ``strides`` (in elements): a flat array, elements not addressed being 0.

    Where strides make elements overlap (an expanded tensor), the last one in row-major order is kept.
    """
    if array.size == 0:
        return np.zeros(0, array.dtype)
    offsets = np.zeros((1,) * array.ndim, np.int64)
    for axis, (dim, stride) in enumerate(zip(array.shape, strides)):
        steps = np.arange(dim, dtype=np.int64) * stride
        offsets = offsets + steps.reshape([-1 if other == axis else 1 for other in range(array.ndim)])
    storage = np.zeros(int(offsets.max()) + 1, array.dtype)
    # numpy assigns to an overlapping view in an order of its own, but to repeated indices from first to last
    storage[offsets.reshape(-1)] = array.reshape(-1)
    return storage


#: All that drawing inputs takes besides numpy, for scripts that stand by themselves.
STANDALONE = (draw, convert, elements, edge_values, place)
