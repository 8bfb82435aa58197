"""What a user can ask of the generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from misfold.programs.bounds import Bounds
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import UsageError

# float32 is what most programs use and most compilers optimise; the others are there to meet the seams between types.
DTYPES_MIX: Mapping[str, float] = {
    "float32": 6.0,
    "float64": 1.5,
    "float16": 1.0,
    "bfloat16": 1.0,
    "int64": 2.0,
    "int32": 1.0,
    "int16": 0.5,
    "int8": 0.5,
    "uint8": 0.5,
    "bool": 1.0,
}


#: What calls are made from, by name, as the fraction of those that rules make (``Options.rules``).
SOURCES: Mapping[str, float] = {"records": 0.0, "hybrid": 0.5, "rules": 1.0}
#: The one that is meant where none is named.
SOURCE = "hybrid"


@dataclass(frozen=True)
class Options:
    """How programs and their inputs are made. Fractions are from 0 to 1.

    Attributes:
        min_nodes, max_nodes: operators per program, adapting ones included.
        include, exclude: patterns (``*``, ``?``, ``[…]``) on an operator's full or last name, such as ``torch.fft.*``,
            ``conv2d``, ``*_``. What is excluded is not used for adapting either.
        favour: weights by pattern; an operator's weight is the product of those that match it.
        dtypes: weights of element types, by which records of an operator are chosen. A type without weight is not
            sought (it may still come about as a result).
        exact: fraction of cases whose inputs are all small integers.
        edges: fraction of cases with edge values (0, -0.0, ±1, integer extremes, denormals) among the inputs.
        layouts: fraction of fresh inputs that are permuted, stepped or expanded.
        zero: fraction of cases in which tensors without elements may occur.
        large: fraction of fresh shapes that get a dimension of 17 to 70.
        gradient: fraction of cases that should have a backward pass.
        backward: fraction of steps that put an operator in front of an input instead of behind a value.
        rules: fraction of calls that are made by inferred rules, which make up sizes and numbers, where the operator
            has some; the others follow records. With 1.0, operators without rules are not used but for adapting.
        special_values: fraction of cases with NaN and infinities among the inputs.
        bounds: limits on every case.
    """

    min_nodes: int = 5
    max_nodes: int = 15
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    favour: Mapping[str, float] = field(default_factory=dict)
    dtypes: Mapping[str, float] = field(default_factory=lambda: dict(DTYPES_MIX))
    exact: float = 0.25
    edges: float = 0.15
    layouts: float = 0.12
    zero: float = 0.06
    large: float = 0.2
    gradient: float = 0.25
    backward: float = 0.15
    rules: float = SOURCES[SOURCE]
    special_values: float = 0.0
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        if not 1 <= self.min_nodes <= self.max_nodes:
            raise UsageError(f"operators per program: 1 <= {self.min_nodes} <= {self.max_nodes} does not hold")
        for name in ("exact", "edges", "layouts", "zero", "large", "gradient", "backward", "rules", "special_values"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is a fraction from 0 to 1, not {getattr(self, name)}")
        for name in self.dtypes:
            if name not in DTYPES:
                raise UsageError(f"unknown element type {name}; there are {', '.join(DTYPES)}")
        if any(weight < 0 for weight in (*self.dtypes.values(), *self.favour.values())):
            raise UsageError("weights must not be negative")

    def admits(self, op: str) -> bool:
        """Whether the patterns let an operator in."""
        if self.include and not any(matches(pattern, op) for pattern in self.include):
            return False
        return not any(matches(pattern, op) for pattern in self.exclude)

    def weight(self, op: str) -> float:
        """How often an operator is to be chosen, 1.0 being usual."""
        weight = 1.0
        for pattern, factor in self.favour.items():
            if matches(pattern, op):
                weight *= factor
        return weight


def matches(pattern: str, op: str) -> bool:
    """Whether a pattern matches an operator's full name or the last part of it."""
    return fnmatchcase(op, pattern) or fnmatchcase(op.rpartition(".")[2], pattern)
