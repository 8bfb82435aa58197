"""A rule: what was inferred about one partial operator, with its evidence and its score on calls it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from misfold.programs.errors import TextError
from misfold.programs.lazy import lazy
from misfold.programs.types import TensorType

from .constraints import Constraint, holds
from .dtypes import NAMES, SCALARS, DtypeRule, DtypeRules, word
from .expressions import Expression, Undefined, evaluate
from .structure import Structure
from .text import parse_constraint, parse_expression, print_constraint, print_expression

#: The position of an output, in rules for operators that return a varying number of them.
INDEX = "i"
Symbols = Mapping[str, int | float]

# A rule is used symbolically only if its held-out calls agree at least so far; below that its records alone are.
MIN_SHAPES, MIN_PRECISION, MIN_RECALL = 0.97, 0.9, 0.8


@dataclass(frozen=True)
class Scores:
    """Counts over held-out calls. ``accepted``: called valid by the rule and run; ``wrong``: called valid but refused
    by the operator; ``missed``: called invalid but run; ``refused``: invalid on both sides. ``shapes`` and ``dtypes``:
    of the accepted ones, how many have all shapes, and all element types, as the rule says."""

    accepted: int = 0
    wrong: int = 0
    missed: int = 0
    refused: int = 0
    shapes: int = 0
    dtypes: int = 0

    @property
    def precision(self) -> float:
        """Share of the calls called valid that run; 1.0 of none."""
        return _share(self.accepted, self.accepted + self.wrong)

    @property
    def recall(self) -> float:
        """Share of the calls that run that are called valid; 1.0 of none."""
        return _share(self.accepted, self.accepted + self.missed)

    @property
    def shape_accuracy(self) -> float:
        return _share(self.shapes, self.accepted)

    @property
    def dtype_accuracy(self) -> float:
        return _share(self.dtypes, self.accepted)

    @property
    def calls(self) -> int:
        return self.accepted + self.wrong + self.missed + self.refused

    @property
    def good(self) -> bool:
        """Whether the rule may be used to make calls."""
        agree = self.shape_accuracy >= MIN_SHAPES and self.dtype_accuracy >= MIN_SHAPES
        return self.accepted > 0 and agree and self.precision >= MIN_PRECISION and self.recall >= MIN_RECALL

    def __add__(self, other: Scores) -> Scores:
        return Scores(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def to_data(self) -> list[int]:
        """The counts in the order of the fields."""
        return [getattr(self, item.name) for item in fields(self)]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


@dataclass(frozen=True)
class Case:
    """The outputs under a condition: ``shapes`` has, for each output, its dimensions as expressions, or None for an
    output that is no tensor. With a ``count``, there are so many outputs, and the one entry of ``shapes`` gives the
    shape of output ``i``."""

    shapes: tuple[tuple[Expression, ...] | None, ...]
    when: tuple[Constraint, ...] = ()
    count: Expression | None = None


@dataclass(frozen=True)
class Evidence:
    """A call that pins the rule down: values of the symbols, element types, and the error if it is invalid."""

    values: tuple[int | float, ...]
    dtypes: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True)
class Rule:
    """What is known about a partial operator.

    ``cases`` is empty if no rule for the shapes was found; ``reason`` then says why, as it does for a rule that is not
    ``usable``. ``single``: the operator returns one tensor rather than a sequence. ``values``: validity depends on the
    tensors' elements as well.
    """

    structure: Structure
    cases: tuple[Case, ...]
    constraints: tuple[Constraint, ...]
    dtypes: DtypeRule
    scores: Scores = Scores()
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    single: bool = True
    values: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols, left to right."""
        return self.structure.symbols

    @property
    def usable(self) -> bool:
        """Whether calls may be made by the rule; otherwise only its records serve."""
        return bool(self.cases) and not self.reason

    def valid(self, values: Symbols, dtypes: Sequence[str] | None = None) -> bool:
        """Whether a call with these numbers (and element types, if given) is valid by the rule."""
        if any(values[name] < 0 for name in self.structure.dimensions):
            return False
        if dtypes is not None and not self.dtypes.accepts(dtypes):
            return False
        if not all(holds(item, values) for item in self.constraints):
            return False
        try:
            shapes = self.output_shapes(values)
        except Undefined:
            return False
        return all(shape is None or all(dim >= 0 for dim in shape) for shape in shapes)

    def case(self, values: Symbols) -> Case:
        """The first case whose condition holds, or the last one."""
        return case_of(self.cases, values)

    def output_shapes(self, values: Symbols) -> tuple[tuple[int, ...] | None, ...]:
        """The outputs' shapes for a valid call; None for an output that is no tensor.

        Raises:
            Undefined: an expression divides by zero.
            KeyError: a symbol has no value.
        """
        return shapes_of(self.cases, values)

    def output_types(self, values: Symbols, dtypes: Sequence[str]) -> tuple[TensorType | str, ...]:
        """Types of the outputs of a valid call, layout aside; ``int``, ``float``, ``bool`` or ``str`` for an output
        that is no tensor.

        Raises:
            ValueError: the combination of element types is not known to run.
            Undefined, KeyError: as ``output_shapes``.
        """
        shapes = self.output_shapes(values)
        names = self.dtypes.outputs(dtypes, len(shapes) if self.case(values).count is not None else None)
        if names is None:
            raise ValueError(f"{self.structure.function} is not known to take {', '.join(dtypes)}")
        return tuple(
            name if shape is None or name in SCALARS else TensorType.of(name, shape)
            for shape, name in zip(shapes, names)
        )

    @lazy
    def text(self) -> str:
        """The rule's mathematics, without scores: what two versions are compared by."""
        lines = []
        for position, case in enumerate(self.cases):
            if position < len(self.cases) - 1:
                lines.append(f"if {' and '.join(map(print_constraint, case.when))}:")
            if case.count is not None:
                lines.append(f"number of outputs = {print_expression(case.count)}")
            for index, shape in enumerate(case.shapes):
                name = "output" if self.single else f"output {INDEX if case.count is not None else index}"
                lines.append(f"{name} = {'no tensor' if shape is None else _dims(shape)}")
        lines += [f"where {print_constraint(item)}" for item in self.constraints]
        return "\n".join(lines)

    def to_data(self, dtype_index: int) -> dict[str, Any]:
        """As plain JSON data; the rule for element types by its index."""
        data: dict[str, Any] = {"structure": self.structure.to_data(), "dtypes": dtype_index}
        if self.cases:
            data["cases"] = [_case_data(case) for case in self.cases]
        if self.constraints:
            data["where"] = [print_constraint(item) for item in self.constraints]
        data["scores"] = self.scores.to_data()
        data["evidence"] = [
            [list(item.values), word(item.dtypes), *([item.error] if item.error else [])] for item in self.evidence
        ]
        for key, value in (("reason", self.reason), ("sequence", not self.single), ("values", self.values)):
            if value:
                data[key] = value
        return data

    @staticmethod
    def from_data(function: str, data: Mapping[str, Any], dtypes: DtypeRules) -> Rule:
        """From what ``to_data`` gives; ``dtypes`` are the operator's rules for element types.

        Raises:
            TextError: it is not that.
        """
        try:
            structure = Structure.from_data(function, data["structure"])
            return Rule(
                structure,
                tuple(_case_from(item) for item in data.get("cases", ())),
                tuple(parse_constraint(item) for item in data.get("where", ())),
                dtypes.of(data["dtypes"], len(structure.tensors)),
                Scores(*map(int, data["scores"])),
                tuple(
                    Evidence(tuple(item[0]), tuple(NAMES[c] for c in item[1]), item[2] if len(item) > 2 else "")
                    for item in data["evidence"]
                ),
                str(data.get("reason", "")),
                not data.get("sequence"),
                bool(data.get("values")),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise TextError(f"not a rule: {error!r}") from None


# No operator returns more tensors; a rule from a stranger must not exhaust memory.
MAX_OUTPUTS = 4096


def case_of(cases: Sequence[Case], values: Symbols) -> Case:
    """The first case whose condition holds, or the last one."""
    for case in cases[:-1]:
        if all(holds(item, values) for item in case.when):
            return case
    return cases[-1]


def shapes_of(cases: Sequence[Case], values: Symbols) -> tuple[tuple[int, ...] | None, ...]:
    """Shapes of all outputs; errors as in ``Rule.output_shapes``."""
    case = case_of(cases, values)
    if case.count is None:
        return tuple(_shape(shape, values) for shape in case.shapes)
    count = max(min(int(evaluate(case.count, values)), MAX_OUTPUTS), 0)
    return tuple(_shape(case.shapes[0], {**values, INDEX: index}) for index in range(count))


def _shape(shape: tuple[Expression, ...] | None, values: Symbols) -> tuple[int, ...] | None:
    return None if shape is None else tuple([int(evaluate(item, values)) for item in shape])


def _dims(shape: tuple[Expression, ...]) -> str:
    return f"[{', '.join(map(print_expression, shape))}]"


def _case_data(case: Case) -> dict[str, Any]:
    data: dict[str, Any] = {
        "shapes": [None if shape is None else [print_expression(item) for item in shape] for shape in case.shapes]
    }
    if case.when:
        data["when"] = [print_constraint(item) for item in case.when]
    if case.count is not None:
        data["count"] = print_expression(case.count)
    return data


def _case_from(data: Mapping[str, Any]) -> Case:
    shapes = tuple(
        None if shape is None else tuple(parse_expression(item) for item in shape) for shape in data["shapes"]
    )
    when = tuple(parse_constraint(item) for item in data.get("when", ()))
    return Case(shapes, when, parse_expression(data["count"]) if "count" in data else None)
