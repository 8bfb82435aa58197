"""Honest evaluations written out by hand: other orders, blocks, fused products, other formulas, other precisions.

Each family is one small program, and several ways to compute it that a correct compiler might choose. Every one of them
has to stay inside the bounds of ``misfold.oracles.bounds``, which is how their soundness is tested and how tight
they are is measured. Numpy only, so that no library that is under test decides what is honest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Arrays of whichever type, and these types: numpy's own annotations tell them apart more finely than is of use here.
Array = Any
Kind = Any
#: How partial results are held: in the type itself or in a wider one.
HELD = {"float32": (np.float32, np.float64), "float16": (np.float16, np.float32, np.float64)}


@dataclass(frozen=True)
class Family:
    """``body``: the program, of inputs ``x0``, ``x1``, …; ``shapes``: theirs; ``evaluate``: its honest evaluations.

    ``evaluate`` takes the inputs, a random generator and the type of the program, and yields results by name.
    """

    body: str
    shapes: tuple[tuple[int, ...], ...]
    evaluate: Callable[[list[Array], np.random.Generator, Kind], Iterator[tuple[str, Array]]]


def total(terms: Array, order: str, random: np.random.Generator, held: Kind) -> Array:
    """The sum along the last axis in some order, every partial sum being held in ``held``."""
    items = terms.astype(held)
    if order == "permuted":
        items = items[..., random.permutation(items.shape[-1])]
    if order == "pairwise":
        while items.shape[-1] > 1:
            odd = items[..., -1:] if items.shape[-1] % 2 else None
            even = items[..., : items.shape[-1] // 2 * 2]
            items = (even[..., ::2] + even[..., 1::2]).astype(held)
            items = items if odd is None else np.concatenate([items, odd], -1)
        return items[..., 0]
    if order == "blocked":
        width = int(random.integers(2, 9))
        parts = [total(items[..., at : at + width], "serial", random, held) for at in range(0, items.shape[-1], width)]
        items = np.stack(parts, -1)
    result = np.zeros(items.shape[:-1], held)
    for at in range(items.shape[-1]):
        result = (result + items[..., at]).astype(held)
    return result


ORDERS = ("serial", "permuted", "pairwise", "blocked")


def _sums(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    for held in HELD[np.dtype(kind).name]:
        for order in ORDERS:
            yield f"{order} in {np.dtype(held).name}", total(inputs[0], order, random, held).astype(kind)


def _means(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    count = inputs[0].shape[-1]
    for name, result in _sums(inputs, random, kind):
        yield name, (result / kind(count)).astype(kind)
    yield "by the reciprocal", (total(inputs[0], "serial", random, kind) * kind(1 / count)).astype(kind)
    yield "divided first", total((inputs[0] / kind(count)).astype(kind), "serial", random, kind)


def _products(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    left, right = inputs[0], inputs[1]
    for held in HELD[np.dtype(kind).name]:
        terms = left.astype(held)[:, None, :] * right.astype(held).T[None, :, :]
        for order in ORDERS:
            yield f"{order} in {np.dtype(held).name}", total(terms, order, random, held).astype(kind)
    places = random.permutation(left.shape[1])
    fused = np.zeros((left.shape[0], right.shape[1]), kind)
    for at in places:
        # one rounding for product and sum; the product of two narrow numbers is exact in float64
        fused = (left[:, at, None].astype(np.float64) * right[None, at].astype(np.float64) + fused).astype(kind)
    yield "fused", fused


def _chains(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    """((x·y + z) - x)·0.3 / (|y| + 1)"""
    x, y, z = inputs
    c, one = kind(0.3), kind(1)
    yield "rounded", ((((x * y).astype(kind) + z) - x) * c / (np.abs(y) + one)).astype(kind)
    wide = [item.astype(np.float64) for item in inputs]
    yield "wide", (((wide[0] * wide[1] + wide[2]) - wide[0]) * 0.3 / (np.abs(wide[1]) + 1)).astype(kind)
    yield (
        "wide with a rounded constant",
        (((wide[0] * wide[1] + wide[2]) - wide[0]) * float(c) / (np.abs(wide[1]) + 1)).astype(kind),
    )
    fused = (wide[0] * wide[1] + wide[2]).astype(kind)
    inverse = (one / (np.abs(y) + one)).astype(kind)
    yield "fused, by the reciprocal", ((fused - x).astype(kind) * (c * inverse).astype(kind)).astype(kind)
    some = (wide[0] * wide[1]).astype(kind).astype(np.float64)
    yield "rounded once inside", ((some + wide[2] - wide[0]) * 0.3 / (np.abs(wide[1]) + 1)).astype(kind)


def _functions(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    """tanh(exp(x)·0.25) + log1p(x²)"""
    x = inputs[0]
    wide = x.astype(np.float64)
    yield "wide", (np.tanh(np.exp(wide) * 0.25) + np.log1p(wide * wide)).astype(kind)
    first = np.tanh((np.exp(x).astype(kind) * kind(0.25)).astype(kind)).astype(kind)
    yield "rounded", (first + np.log1p((x * x).astype(kind)).astype(kind)).astype(kind)
    inner = (np.exp(x).astype(kind) * kind(0.25)).astype(kind)
    twice = np.exp((kind(-2) * inner).astype(kind)).astype(kind)
    first = ((kind(1) - twice).astype(kind) / (kind(1) + twice).astype(kind)).astype(kind)
    second = np.log((kind(1) + (x * x).astype(kind)).astype(kind)).astype(kind)
    yield "by definition", (first + second).astype(kind)
    square = (np.log2((1 + wide * wide).astype(kind)) * kind(math.log(2))).astype(kind)
    yield "by base 2", (np.tanh(np.exp(wide) * 0.25).astype(kind) + square).astype(kind)


def _moderate(x: Array, kind: Kind) -> bool:
    """Whether sums of exponentials fit: to let one overflow, or vanish, is no honest way to go about it."""
    low, high = float(x.min()), float(x.max())
    return high + math.log(x.shape[-1]) < math.log(np.finfo(kind).max) and low > math.log(np.finfo(kind).tiny)


def _softmaxes(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    x = inputs[0]
    wide = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    yield "wide", (wide / wide.sum(-1, keepdims=True)).astype(kind)
    shifted = np.exp((x - x.max(-1, keepdims=True)).astype(kind)).astype(kind)
    for order in ORDERS:
        bottom = total(shifted, order, random, kind)[..., None]
        yield f"{order}", (shifted / bottom).astype(kind)
        yield f"{order}, by the reciprocal", (shifted * (kind(1) / bottom).astype(kind)).astype(kind)
    if _moderate(x, kind):
        plain = np.exp(x).astype(kind)
        yield "without the maximum", (plain / total(plain, "serial", random, kind)[..., None]).astype(kind)
    top = np.full(x.shape[:-1], -np.inf, kind)
    bottom = np.zeros(x.shape[:-1], kind)
    width = int(random.integers(1, 6))
    for at in range(0, x.shape[-1], width):
        block = x[..., at : at + width]
        new = np.maximum(top, block.max(-1))
        bottom = (bottom * np.exp((top - new).astype(kind)).astype(kind)).astype(kind)
        part = np.exp((block - new[..., None]).astype(kind)).astype(kind)
        bottom = (bottom + total(part, "serial", random, kind)).astype(kind)
        top = new
    yield "online", (np.exp((x - top[..., None]).astype(kind)).astype(kind) / bottom[..., None]).astype(kind)


def _norms(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    x, weight, bias = inputs
    count, eps = kind(x.shape[-1]), kind(1e-5)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    value = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight.astype(np.float64) + bias
    yield "wide", value.astype(kind)
    for order in ORDERS:
        mean = (total(x, order, random, kind) / count).astype(kind)[..., None]
        off = (x - mean).astype(kind)
        spread = (total((off * off).astype(kind), order, random, kind) / count).astype(kind)[..., None]
        scale = (kind(1) / np.sqrt((spread + eps).astype(kind)).astype(kind)).astype(kind)
        yield f"{order}, two passes", ((off * scale).astype(kind) * weight + bias).astype(kind)
        square = (total((x * x).astype(kind), order, random, kind) / count).astype(kind)[..., None]
        spread = (square - (mean * mean).astype(kind)).astype(kind)
        with np.errstate(all="ignore"):
            scale = (kind(1) / np.sqrt((spread + eps).astype(kind)).astype(kind)).astype(kind)
            folded = (scale * weight).astype(kind)
            yield f"{order}, one pass", ((off * scale).astype(kind) * weight + bias).astype(kind)
            shift = (bias - (mean * folded).astype(kind)).astype(kind)
            yield f"{order}, folded", ((x * folded).astype(kind) + shift).astype(kind)


def _attentions(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    query, key, value = (item[0, 0] for item in inputs)
    scale = 1 / math.sqrt(query.shape[-1])
    scores = np.stack([total(query * row, "permuted", random, kind) for row in key], -1)
    for name, weights in _softmaxes([(scores * kind(scale)).astype(kind)], random, kind):
        for order in ("serial", "blocked"):
            result = total(weights[:, None, :] * value.T[None], order, random, kind)
            yield f"{name}, {order}", result.astype(kind)[None, None]
    root = kind(math.sqrt(scale))
    halves = ((query * root).astype(kind), (key * root).astype(kind))
    scores = np.stack([total(halves[0] * row, "serial", random, kind) for row in halves[1]], -1)
    part = np.exp((scores - scores.max(-1, keepdims=True)).astype(kind)).astype(kind)
    top = total(part[:, None, :] * value.T[None], "serial", random, kind).astype(kind)
    bottom = total(part, "serial", random, kind)[:, None]
    yield "divided at the end", (top / bottom).astype(kind)[None, None]


def _variances(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    x = inputs[0]
    count = x.shape[-1]
    for order in ORDERS:
        mean = (total(x, order, random, kind) / kind(count)).astype(kind)
        off = (x - mean[..., None]).astype(kind)
        yield (
            f"{order}, two passes",
            (total((off * off).astype(kind), order, random, kind) / kind(count - 1)).astype(kind),
        )
        square = total((x * x).astype(kind), order, random, kind)
        single = ((square - (mean * mean * kind(count)).astype(kind)) / kind(count - 1)).astype(kind)
        yield f"{order}, one pass", single
    mean, spread = np.zeros(x.shape[:-1], kind), np.zeros(x.shape[:-1], kind)
    for at in range(count):  # Welford
        step = (x[..., at] - mean).astype(kind)
        mean = (mean + (step / kind(at + 1)).astype(kind)).astype(kind)
        spread = (spread + (step * (x[..., at] - mean).astype(kind)).astype(kind)).astype(kind)
    yield "Welford's", (spread / kind(count - 1)).astype(kind)


def _scans(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    x = inputs[0]
    for held in HELD[np.dtype(kind).name]:
        yield f"serial in {np.dtype(held).name}", np.cumsum(x.astype(held), -1, dtype=held).astype(kind)
    items = x.copy()
    step = 1
    while step < x.shape[-1]:  # Hillis and Steele's scan
        items[..., step:] = (items[..., step:] + items[..., :-step].copy()).astype(kind)
        step *= 2
    yield "as a tree", items


def _logsums(inputs: list[Array], random: np.random.Generator, kind: Kind) -> Iterator[tuple[str, Array]]:
    x = inputs[0]
    wide = x.astype(np.float64)
    yield "wide", np.log(np.exp(wide).sum(-1)).astype(kind)
    for order in ORDERS:
        if _moderate(x, kind):
            yield f"{order}, plain", np.log(total(np.exp(x).astype(kind), order, random, kind)).astype(kind)
        top = x.max(-1)
        inner = total(np.exp((x - top[..., None]).astype(kind)).astype(kind), order, random, kind)
        yield f"{order}, maximum off", (np.log(inner).astype(kind) + top).astype(kind)


#: By the file of ``bounds`` that they try.
FAMILIES: Mapping[str, Family] = {
    "sum": Family("v0 = torch.sum(x0, -1)", ((5, 37),), _sums),
    "mean": Family("v0 = torch.mean(x0, -1)", ((5, 21),), _means),
    "matmul": Family("v0 = torch.matmul(x0, x1)", ((4, 19), (19, 5)), _products),
    "elementwise chain": Family(
        "v0 = torch.mul(x0, x1); v1 = torch.add(v0, x2); v2 = torch.sub(v1, x0); v3 = torch.mul(v2, 0.3); "
        "v4 = torch.abs(x1); v5 = torch.add(v4, 1.0); v6 = torch.div(v3, v5)",
        ((40,), (40,), (40,)),
        _chains,
    ),
    "functions": Family(
        "v0 = torch.exp(x0); v1 = torch.mul(v0, 0.25); v2 = torch.tanh(v1); v3 = torch.mul(x0, x0); "
        "v4 = torch.log1p(v3); v5 = torch.add(v2, v4)",
        ((60,),),
        _functions,
    ),
    "softmax": Family("v0 = torch.softmax(x0, -1)", ((4, 17),), _softmaxes),
    "layer norm": Family("v0 = torch.nn.functional.layer_norm(x0, (23,), x1, x2)", ((4, 23), (23,), (23,)), _norms),
    "attention": Family(
        "v0 = torch.nn.functional.scaled_dot_product_attention(x0, x1, x2)",
        ((1, 1, 5, 8), (1, 1, 9, 8), (1, 1, 9, 8)),
        _attentions,
    ),
    "variance": Family("v0 = torch.var(x0, -1)", ((5, 19),), _variances),
    "cumulative sum": Family("v0 = torch.cumsum(x0, -1)", ((3, 29),), _scans),
    "logsumexp": Family("v0 = torch.logsumexp(x0, -1)", ((4, 13),), _logsums),
}
