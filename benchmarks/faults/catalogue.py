"""What is known of each fault, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .witnesses import Witness

#: The classes of faults; one file in ``kinds`` for each.
CLASSES: Mapping[str, str] = {
    "aliasing": "a view or a write to an input that the caller does not see as it should",
    "analysis": "an analysis claims more than is true",
    "conversions": "an operator of the framework is translated into the wrong computation",
    "decompositions": "a composite operator is taken apart into a formula that is not the same",
    "dependences": "a loop transformation passes over a dependence",
    "failures": "the compiler or what it made crashes, hangs, or fails its own checks",
    "floats": "NaN, rounding, or the precision of floats",
    "indexing": "a wrong element is read",
    "integers": "division, shifts, signs or widths of integers",
    "loop_bounds": "a loop runs too short, too far, or without its tail",
    "masks": "lanes or branches that must not take part do",
    "mathematics": "a math function outside the range that it was made for",
    "memory": "memory holds another value than the one that is meant",
    "movement": "layouts and movements of elements composed wrongly",
    "reductions": "a reduction starts from or combines the wrong thing",
    "side_conditions": "a rewrite rule without a side condition that it needs",
}

Variant = Callable[..., Any]


@dataclass(frozen=True)
class Fault:
    """A faulty variant of a part of the compiler.

    Attributes:
        name: unique, kebab-case.
        kind: one of ``CLASSES``.
        project: where bugs of this kind are documented: TVM, Inductor, ONNX Runtime, XLA, LLVM.
        models: what those bugs are.
        trigger: the programs that it shows on.
        witness: one of them, written by hand.
        shows: the kind of outcome by which the witness shows it.
        changes: pairs of a place and what is put there.
    """

    name: str
    kind: str
    project: str
    models: str
    trigger: str
    witness: Witness
    shows: str
    changes: tuple[tuple[str, Variant], ...]

    @property
    def where(self) -> str:
        """The part of the compiler, as a path."""
        place = self.changes[0][0]
        return f"passes.graph.{place}" if place.startswith("rule:") else place.replace(":=", ":")

    @property
    def is_kernel(self) -> bool:
        """Whether the witness is a kernel; else it is a graph."""
        return self.witness.is_kernel


_found: dict[str, Fault] = {}


def seeded(
    name: str,
    *,
    project: str,
    models: str,
    place: str,
    trigger: str,
    witness: Witness,
    shows: str = "values",
    more: Mapping[str, Variant] | None = None,
) -> Callable[[Variant], Variant]:
    """Register a function as what a fault puts in a place; ``more`` are further places that change with it."""

    def register(variant: Variant) -> Variant:
        kind = variant.__module__.rpartition(".")[2]
        assert kind in CLASSES, f"{kind} is no class of faults"
        assert name not in _found, f"two faults called {name}"
        changes = ((place, variant), *(more or {}).items())
        _found[name] = Fault(name, kind, project, models, trigger, witness, shows, changes)
        return variant

    return register


@cache
def catalogue() -> Mapping[str, Fault]:
    """All faults by name, in the order of classes."""
    package = import_module(f"{__package__}.kinds")
    for module in sorted(one.name for one in iter_modules(package.__path__)):
        import_module(f"{package.__name__}.{module}")
    return dict(_found)
