"""Faults are switched on for the time of a block, and off again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .catalogue import catalogue
from .places import PACKAGE, Undo, replace_at

# Modules that remember what functions gave, which a variant may change.
_REMEMBER = (
    "codegen.shared",
    "loops.arithmetic",
    "loops.constraints",
    "passes.graph.algebraic_simplification",
    "frontend.decompositions",
)


@contextmanager
def fault(*names: str) -> Iterator[None]:
    """The compiler with the named faults, in this process, until the block ends.

    Raises:
        LookupError: there is no such fault, or its place is gone.
    """
    undo: list[Undo] = []
    try:
        for name in names:
            for place, variant in catalogue()[name].changes:
                undo.append(replace_at(place, variant))
        _forget()
        yield
    finally:
        for one in reversed(undo):
            one()
        _forget()


def _forget() -> None:
    """Drop what the compiler remembers of calls before."""
    for name in _REMEMBER:
        module = sys.modules.get(f"{PACKAGE}.{name}")
        for value in list(vars(module).values()) if module else ():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    ranges = sys.modules.get(f"{PACKAGE}.loops.ranges")
    if ranges is not None:
        ranges._plain.clear()
