"""Functions at their poles: what they give there is a matter of how they are computed.

The gamma function's relatives go to infinity at 0, -1, -2, … Left of zero they are mirrored, by a sine or a tangent of
π·x, which is rounded: at a whole number one evaluation divides by zero, the next by 1e-16 and a third by 1e-8. All are
honest. Random relative errors cannot show that, because no finite sample reaches the infinity of the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from misfold.programs.arguments import Ref
from misfold.programs.graph import Node

from .kinds import base_name
from .noise import ROUNDOFF
from .operands import argument

#: What the noisy samples are given at a pole, so that whatever depends on it is seen to be open.
SAMPLED = (math.inf, -math.inf, math.nan, 0.0)
#: Functions of one operand with poles where it is 0, -1, -2, …; zeta(s, q) has the same in q.
_ONE = frozenset("lgamma gammaln digamma psi polygamma".split())
#: Sums of p of these, half a unit apart: poles where twice the operand is a whole number below p.
_HALVES = frozenset("mvlgamma multigammaln".split())
#: Unit roundoffs of the operand: π is rounded, and so is the product with it; two units each, as for all functions.
_UNITS = 4.0


def has_poles(node: Node) -> bool:
    """Whether the call is of a function that is infinite somewhere, which rounding decides about."""
    name = base_name(node.op)
    return name in _ONE or name in _HALVES or name == "zeta"


def at_poles(
    node: Node,
    own: Mapping[str, torch.Tensor],
    margins: Mapping[str, torch.Tensor | None],
    results: Sequence[torch.Tensor],
    wide: Sequence[torch.Tensor],
) -> torch.Tensor | None:
    """Which elements of the call's result are open, because an operand is within rounding of a pole; None: none.

    Args:
        node: a call that ``has_poles``.
        own: operands in the program's types, as they were before the call.
        margins: how far honest evaluations of them may be apart, None where they are exact.
        results: in the program's types, ``wide`` the same in float64. Where both are one infinity, or NaN, that is
            what everybody agrees to give at the pole, and nothing is open.
    """
    name = base_name(node.op)
    if len(results) != 1 or results[0].dtype not in ROUNDOFF:
        return None
    unit = _UNITS * ROUNDOFF[results[0].dtype]
    if name == "zeta":
        power, start = (_point(argument(node, at, key), own, margins) for at, key in ((0, "input"), (1, "other")))
        near = _whole(start, 0.0, unit) | ((power[0] - 1).abs() <= unit + power[1])
    else:
        # torch.polygamma(n, x), x.polygamma(n): the operand is the argument that is a tensor
        tensors = [item for item in (*node.args, *node.kwargs.values()) if isinstance(item, Ref)]
        point, margin = _point(tensors[0], own, margins)
        if name in _HALVES:
            count = argument(node, 1, "p")
            last = (int(count) - 1) if isinstance(count, int) else 0
            near = _whole((2 * point, 2 * margin), float(last), unit)
        else:
            near = _whole((point, margin), 0.0, unit)
    first, second = results[0].detach().double(), wide[0].detach()
    agreed = ~first.isfinite() & ((first == second) | (first.isnan() & second.isnan()))
    open_: torch.Tensor = near.expand_as(first) & ~agreed
    return open_ if bool(open_.any()) else None


def _point(
    item: object, own: Mapping[str, torch.Tensor], margins: Mapping[str, torch.Tensor | None]
) -> tuple[torch.Tensor, torch.Tensor]:
    """An argument's values, and how far honest ones may be off, in float64."""
    nowhere = torch.zeros((), dtype=torch.float64)
    if isinstance(item, Ref):
        margin = margins.get(item.name)
        return own[item.name].detach().double(), nowhere if margin is None else margin
    number = float(item) if isinstance(item, int | float) else math.nan
    return torch.tensor(number, dtype=torch.float64), nowhere


def _whole(at: tuple[torch.Tensor, torch.Tensor], last: float, unit: float) -> torch.Tensor:
    """Where a value may be one of last, last - 1, …"""
    point, margin = at
    reach = point.abs() * unit + margin
    near: torch.Tensor = ((point - point.round()).abs() <= reach) & (point <= last + reach)
    return near
