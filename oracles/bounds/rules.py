"""All rules: importing this module registers every family."""

from __future__ import annotations

from . import (
    arithmetic,
    attention,
    casts,
    contraction,
    cumulative,
    discrete,
    elementwise,
    movement,
    normalisation,
    ordering,
    pooling,
    reductions,
    softmax,
)
from .decomposed import decomposition
from .movement import MOVING
from .registry import RULES

FAMILIES = (
    arithmetic, attention, casts, contraction, cumulative, discrete, elementwise, movement, normalisation, ordering,
    pooling, reductions, softmax,
)  # fmt: skip

__all__ = ["FAMILIES", "MOVING", "RULES", "decomposition"]
