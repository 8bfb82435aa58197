"""All rules: importing this module registers every family."""

from __future__ import annotations

from . import (
    arithmetic,
    attention,
    bessel,
    casts,
    contraction,
    cumulative,
    discrete,
    distances,
    elementwise,
    gamma_functions,
    gathered,
    histograms,
    movement,
    normalisation,
    ordering,
    polynomials,
    pooling,
    reductions,
    representation,
    softmax,
    spaces,
    spectra,
    triangular,
)
from .decomposed import decomposition
from .movement import MOVING
from .registry import RULES

FAMILIES = (
    arithmetic, attention, bessel, casts, contraction, cumulative, discrete, distances, elementwise, gamma_functions,
    gathered, histograms, movement, normalisation, ordering, polynomials, pooling, reductions, representation,
    softmax, spaces, spectra, triangular,
)  # fmt: skip

__all__ = ["FAMILIES", "MOVING", "RULES", "decomposition"]
