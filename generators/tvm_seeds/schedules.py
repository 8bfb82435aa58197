"""Random legal schedules: primitives in a row."""

from __future__ import annotations

import random as randomness
from typing import Any

from misfold.targets.kernels.tvm_schedules import PRIMITIVES, apply

#: A primitive's name and the seed of its choices.
Step = tuple[str, int]


def scheduled(function: Any, random: randomness.Random, steps: int) -> tuple[Any, list[Step]]:
    """The function after up to ``steps`` primitives, and these; those that TVM refuses are passed over."""
    made: list[Step] = []
    for _ in range(2 * steps):
        if len(made) == steps:
            break
        name = random.choices(list(PRIMITIVES), [weight for _, weight in PRIMITIVES.values()])[0]
        seed = random.randint(1, 2**31 - 2)
        try:
            function = apply(function, name, seed)
        except Exception:  # TVM says in many ways that a primitive does not apply here
            continue
        made.append((name, seed))
    return function, made
