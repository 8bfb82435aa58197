"""Rules for element types: which combinations of the tensors' element types an operator takes, and what comes out.

Outputs follow one of a few families wherever one fits all that was seen, else a table:

- ``const:float32`` always the same;
- ``same:1`` that of tensor 1;
- ``promote`` / ``promote:0,2`` torch's type promotion over all / some tensors, each in its category of tensors with
  and without dimensions (``torch.result_type``), and over the call's numbers;
- ``float(...)`` the default floating type where the inner family gives integers or bool; ``sum(...)`` int64 there;
- ``table`` as listed.

``promotion`` implements torch's documented rules (https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc)
without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError

from .structure import NumberHole, Structure

#: One letter for each element type, in files.
LETTERS = {
    "bool": "?", "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "L", "int8": "b", "int16": "h", "int32": "i",
    "int64": "l", "float16": "e", "bfloat16": "g", "float32": "f", "float64": "d",
}  # fmt: skip
NAMES = {letter: name for name, letter in LETTERS.items()}
#: What comes out where it is no tensor.
SCALARS = ("int", "float", "bool", "str")
DEFAULT = "float32"

Types = tuple[str, ...]


def promote_types(left: str, right: str) -> str | None:
    """The smallest element type that both fit in, as ``torch.promote_types``; None for pairs that torch does not
    promote (wider unsigned types with signed ones)."""
    if left == right:
        return left
    one, two = DTYPES[left], DTYPES[right]
    if one.kind == "bool" or two.kind == "bool":
        return right if one.kind == "bool" else left
    if one.is_float != two.is_float:
        return left if one.is_float else right
    if one.is_float:
        if one.itemsize == two.itemsize:
            return "float32"  # float16 and bfloat16
        return left if one.itemsize > two.itemsize else right
    if one.kind == two.kind:
        if one.kind == "unsigned" and "uint8" not in (left, right):
            return None
        return left if one.itemsize > two.itemsize else right
    unsigned, signed = (one, two) if one.kind == "unsigned" else (two, one)
    if unsigned.itemsize > 1:
        return None
    return signed.name if signed.itemsize > 1 else "int16"


def _category(name: str) -> int:
    kind = DTYPES[name].kind
    return 0 if kind == "bool" else 2 if kind == "float" else 1


def promotion(types: Sequence[str], scalar: Sequence[bool], numbers: Sequence[str]) -> str | None:
    """What torch's promotion gives for tensors of these types, of which some have no dimensions, and numbers.

    A group of lower priority (numbers after tensors without dimensions after others) counts only if its category
    (bool, integer, floating) is higher.
    """
    result: str | None = None
    for group in (
        [name for name, flat in zip(types, scalar) if not flat],
        [name for name, flat in zip(types, scalar) if flat],
        [{"bool": "bool", "int": "int64", "float": DEFAULT}[kind] for kind in numbers],
    ):
        inner: str | None = None
        for name in group:
            inner = name if inner is None else promote_types(inner, name)
            if inner is None:
                return None
        if inner is not None and (result is None or _category(inner) > _category(result)):
            result = inner
    return result


@dataclass(frozen=True)
class DtypeRule:
    """Which element types go in and what comes out.

    ``scalar`` says for each tensor whether it has no dimensions, ``numbers`` are the kinds of the call's other numbers.
    ``families`` has one word an output; ``valid`` holds the combinations that were seen to run, ``table`` outputs by
    combination where a family is ``table``.
    """

    families: tuple[str, ...]
    valid: frozenset[Types]
    scalar: tuple[bool, ...] = ()
    numbers: tuple[str, ...] = ()
    table: Mapping[Types, Types] = field(default_factory=dict)

    def outputs(self, dtypes: Sequence[str], count: int | None = None) -> tuple[str, ...] | None:
        """Element types (or scalars' names) of the outputs; None if the combination is not known to run. For an
        operator with a varying number of outputs, ``count`` says how many there are."""
        key = tuple(dtypes)
        if key not in self.valid:
            return None
        found = []
        for position, family in enumerate(self.families):
            name = self.table[key][position] if family == "table" else apply(family, key, self.scalar, self.numbers)
            if name is None:
                return None
            found.append(name)
        return tuple(found if count is None else found[:1] * count)

    @cached_property
    def combinations(self) -> tuple[Types, ...]:
        """The combinations that run, sorted."""
        return tuple(sorted(self.valid))

    def to_data(self) -> dict[str, object]:
        """As plain JSON data: combinations as words of one letter a type."""
        data: dict[str, object] = {"out": list(self.families), "in": " ".join(sorted(map(word, self.valid)))}
        if any(self.scalar):
            data["scalar"] = [int(flag) for flag in self.scalar]
        if self.numbers:
            data["numbers"] = list(self.numbers)
        if self.table:
            data["table"] = {word(key): list(value) for key, value in sorted(self.table.items())}
        return data

    @staticmethod
    def from_data(data: Mapping[str, object], tensors: int) -> DtypeRule:
        """From what ``to_data`` gives, for calls with so many tensors.

        Raises:
            TextError: it is not that.
        """
        try:
            words = str(data["in"]).split(" ") if tensors else [""]
            valid = frozenset(tuple([NAMES[letter] for letter in item]) for item in words)
            table = {tuple(NAMES[c] for c in key): tuple(value) for key, value in data.get("table", {}).items()}  # type: ignore[attr-defined]
            scalar = tuple(bool(flag) for flag in data.get("scalar", [0] * tensors))  # type: ignore[attr-defined]
            return DtypeRule(tuple(data["out"]), valid, scalar, tuple(data.get("numbers", ())), table)  # type: ignore[arg-type]
        except (KeyError, TypeError, AttributeError) as error:
            raise TextError(f"not a rule for element types: {error!r}") from None


def word(types: Sequence[str]) -> str:
    """A combination as one letter a type."""
    return "".join(LETTERS[name] for name in types)


def apply(family: str, types: Sequence[str], scalar: Sequence[bool], numbers: Sequence[str]) -> str | None:
    """What a family gives for a combination; None if it gives nothing."""
    head, _, rest = family.partition("(")
    if rest:
        inner = apply(rest[:-1], types, scalar, numbers)
        if inner is None or DTYPES[inner].is_float:
            return inner
        return DEFAULT if head == "float" else "int64"
    head, _, rest = family.partition(":")
    if head == "const":
        return rest
    if head == "same":
        return types[int(rest)]
    places = [int(place) for place in rest.split(",")] if rest else range(len(types))
    return promotion([types[place] for place in places], [scalar[place] for place in places], numbers)


def number_kinds(structure: Structure) -> tuple[str, ...]:
    """Kinds of the numbers among a structure's direct arguments: those that torch may promote with."""
    found = []
    for item in (*structure.args, *(value for _, value in structure.kwargs)):
        if isinstance(item, NumberHole):
            found.append(item.kind)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found.append(type(item).__name__)
    return tuple(dict.fromkeys(found))


def group_key(structure: Structure) -> str:
    """Structures of one operator with equal keys share their rule for element types: ranks count only as whether there
    are dimensions, numbers not at all."""

    def text(item: object) -> str:
        if isinstance(item, tuple | list):
            return f"({','.join(dict.fromkeys(map(text, item)))})" if not structure_tensors(item) else _each(item)
        if isinstance(item, NumberHole) or (isinstance(item, int | float) and not isinstance(item, bool)):
            return item.kind if isinstance(item, NumberHole) else type(item).__name__
        if item is None or isinstance(item, bool | str):
            return repr(item)
        rank = getattr(item, "rank", None)
        return str(item) if rank is None else "T" if rank else "S"

    def _each(items: Sequence[object]) -> str:
        return f"({','.join(map(text, items))})"

    parts = [text(item) for item in structure.args]
    parts += [f"{key}={text(item)}" for key, item in structure.kwargs]
    return ",".join(parts)


def structure_tensors(item: object) -> bool:
    """Whether a part of a structure holds tensors."""
    if isinstance(item, tuple | list):
        return any(map(structure_tensors, item))
    return getattr(item, "rank", None) is not None
