"""Faults that nobody could find: what honest evaluations of the same program give as well.

A fault is invisible if every element in which it shows lies where honest evaluations were seen: between eager's and
that of some honest evaluation, inclusive, or equal to that. Honest ones are those of ``misfold.oracles.selfcheck``,
and evaluations with every operator done in float64 and its results moved by up to one unit roundoff of their own type,
which any implementation with faithful rounding may give. They are really run; no bound is taken for an evaluation. For
integers and truth values, too, only what was seen counts. So a fault may be invisible and not be called so, but not the
other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from misfold.oracles.calls import make_call
from misfold.oracles.noise import ROUNDOFF
from misfold.oracles.selfcheck import REFUSALS, Variant, honest_variants
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.programs.graph import Graph, Node
from misfold.targets.outcome import Outcome, TensorValue
from misfold.targets.running import run_case

#: Evaluations with random roundings that are tried.
TRIES = 24


def faithful(seed: int) -> Variant:
    """Every operator in float64, its results moved at random by up to a unit roundoff and rounded to their type."""

    def run(graph: Graph, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        random = torch.Generator().manual_seed(seed)
        env = dict(zip((value.name for value in graph.inputs), inputs, strict=True))
        for node in graph.nodes:
            own = make_call(node)(env)
            exact = _in_float64(node, env)
            for value, plain, wide in zip(node.outputs, own, exact or own, strict=False):
                if not plain.is_floating_point() or wide is plain or wide.shape != plain.shape:
                    env[value.name] = plain
                    continue
                # what the type holds exactly is not moved: correctly rounded arithmetic gives that
                shift = (torch.rand(wide.shape, generator=random, dtype=torch.float64) * 2 - 1) * ROUNDOFF[plain.dtype]
                held = wide.to(plain.dtype).double() == wide
                env[value.name] = torch.where(held, wide, wide * (1 + shift)).to(plain.dtype)
        return [env[name] for name in graph.returns]

    return Variant(f"faithful {seed}", run)


def _in_float64(node: Node, env: Mapping[str, torch.Tensor]) -> list[torch.Tensor] | None:
    wide = {name: env[name].double() if env[name].is_floating_point() else env[name] for name in node.uses}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        found: list[torch.Tensor] = make_call(node, torch.float64)(wide)
        return found
    except REFUSALS:
        return None
    finally:
        torch.set_default_dtype(default)


def honest(case: Case) -> Iterator[Outcome]:
    """Outcomes of honest evaluations."""
    for _, outcome in honest_variants(case, 0):
        yield outcome
    for seed in range(TRIES):
        yield run_case(faithful(seed), case)


def is_invisible(case: Case, eager: Outcome, faulty: Outcome) -> bool:
    """Whether honest evaluations explain all in which a faulty outcome differs from eager's."""
    if faulty.kind != "values" or len(faulty.values) != len(eager.values):
        return False
    pairs = list(zip(eager.values, faulty.values, strict=True))
    if any((a.dtype, tuple(a.shape)) != (b.dtype, tuple(b.shape)) for a, b in pairs):
        return False
    open_ = [_different(own, its) for own, its in pairs]
    for outcome in honest(case):
        if outcome.kind != "values":
            continue
        for index, (own, its) in enumerate(pairs):
            other = outcome.values[index]
            if open_[index].any() and (other.dtype, tuple(other.shape)) == (own.dtype, tuple(own.shape)):
                open_[index] &= ~_explained(own, its, other)
        if not any(item.any() for item in open_):
            return True
    return False


def _wide(value: TensorValue) -> np.ndarray:
    array = value.array()
    return array.astype(np.float64) if DTYPES[value.dtype].is_float else array


def _different(own: TensorValue, its: TensorValue) -> np.ndarray:
    left, right = _wide(own), _wide(its)
    with np.errstate(invalid="ignore"):
        same = left == right
    if left.dtype.kind == "f":
        same |= np.isnan(left) & np.isnan(right)
    different: np.ndarray = ~same
    return different


def _explained(own: TensorValue, its: TensorValue, other: TensorValue) -> np.ndarray:
    """Where a faulty element lies between eager's and an honest one."""
    left, middle, right = _wide(own), _wide(its), _wide(other)
    with np.errstate(invalid="ignore"):
        inside = (np.minimum(left, right) <= middle) & (middle <= np.maximum(left, right)) & (left != right)
    inside |= ~_different(its, other)
    explained: np.ndarray = inside
    return explained
