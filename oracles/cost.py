"""Cost: time, memory and instructions that stand out against a target's history. Never evidence of a wrong answer.

Costs of compilers grow with the program and vary by factors, so that what counts is the logarithm of the cost,
among the cases nearest in size. Its usual value is their median, its usual variation the median absolute deviation,
scaled to a standard deviation (Rousseeuw and Croux, 1993): neither moves when a tenth of the history is odd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: Cases nearest in size that a case is compared with, and how few are too few.
NEAREST, FEWEST = 30, 20
#: Robust standard deviations, and the factor over the usual cost, that an outlier exceeds both: with a history that
#: hardly varies the first alone would flag noise, with one that varies much the second alone would.
DEVIATIONS, FACTOR = 6.0, 4.0
#: What is measured, and below what an amount is never an outlier: allocators round megabytes, timers milliseconds.
AMOUNTS = {"seconds": 0.0, "memory": 8.0 * 2**20, "instructions": 0.0}
#: 1.4826 times the median absolute deviation estimates a normal distribution's standard deviation.
_SCALE = 1.4826
#: The variation that measurements have on any machine, in the logarithm: a tenth.
_NOISE = 0.1


@dataclass(frozen=True)
class Spent:
    """One case's cost on a target: ``nodes`` of the program, and an ``amount`` (seconds, bytes, instructions)."""

    nodes: int
    amount: float


@dataclass(frozen=True)
class Judged:
    """``kind`` is ``usual``, ``outlier`` or ``unknown`` (too little history); ``usual`` the median amount."""

    kind: str
    usual: float
    deviations: float


def judge_cost(spent: Spent, history: Sequence[Spent], of: str = "seconds") -> Judged:
    """Judge one cost against others of the same target, pipeline and machine; ``of`` is one of ``AMOUNTS``."""
    near = sorted((item for item in history if item.amount > 0), key=lambda item: abs(item.nodes - spent.nodes))
    near = near[:NEAREST]
    if len(near) < FEWEST or spent.amount <= 0:
        return Judged("unknown", 0.0, 0.0)
    logs = [math.log(item.amount) for item in near]
    usual = median(logs)
    spread = max(_SCALE * median(abs(item - usual) for item in logs), _NOISE)
    deviations = (math.log(spent.amount) - usual) / spread
    odd = deviations > DEVIATIONS and spent.amount > max(FACTOR * math.exp(usual), AMOUNTS[of])
    return Judged("outlier" if odd else "usual", math.exp(usual), deviations)


def words(amount: float, of: str) -> str:
    """An amount with its unit, as one reads it."""
    if of == "seconds":
        return f"{amount:.3g} s"
    if of == "memory":
        return f"{amount / 2**20:.3g} MiB"
    return f"{amount / 1e6:.4g} million instructions"
