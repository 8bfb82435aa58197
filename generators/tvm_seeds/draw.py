"""One seed: a PrimFunc as TVMScript in normal form."""

from __future__ import annotations

import random as randomness
from dataclasses import dataclass
from typing import Any

from tvm import s_tir

from misfold.programs.kernel_tvmscript import without_comments
from misfold.targets.kernels.tvm import parse_script

from . import relax, schedules, topi

#: Drawing is tried so often: one in ten draws has sizes that an operator does not take.
_ATTEMPTS = 20


@dataclass(frozen=True)
class Seed:
    """``text`` is TVMScript in normal form; ``origin`` says in words what it is made of."""

    text: str
    origin: str
    #: The text before it was scheduled, where that is one in normal form, and the primitives since.
    before: str = ""
    steps: tuple[schedules.Step, ...] = ()


def draw(random: randomness.Random) -> Seed:
    """A seed.

    Raises:
        ValueError: nothing came of many attempts.
    """
    for _ in range(_ATTEMPTS):
        source = relax.draw if random.random() < 0.35 else topi.draw
        try:
            function, origin = source(random)
        except Exception:  # the library says in its own ways that it does not take what was drawn
            continue
        function = function.with_attr("global_symbol", "main")
        before = function
        steps: list[schedules.Step] = []
        if random.random() < 0.6:
            function, steps = schedules.scheduled(function, random, random.randint(1, 6))
            origin = " ".join([origin, *(["scheduled", *(name for name, _ in steps)] if steps else [])])
        text = normal_text(function)
        if text is not None:
            return Seed(text, origin, (normal_text(before) or "") if steps else "", tuple(steps))
    raise ValueError(f"no seed in {_ATTEMPTS} attempts")


def normal_text(function: Any, rounds: int = 3) -> str | None:
    """The function as text that comes back the same when it is read and printed; None: it does not within ``rounds``,
    or is not well-formed."""
    text = function.script()
    for _ in range(rounds):
        try:
            made = parse_script(text)
        except Exception:  # TVM does not read all that it prints, and not all of that is on the list of what is safe
            return None
        again = made.script()
        if again == text:
            return without_comments(text) if s_tir.analysis.verify_well_formed(made, assert_mode=False) else None
        text = again
    return None
