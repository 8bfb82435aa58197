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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError
from misfold.programs.lazy import lazy

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
    promote (unsigned types of more than one byte with other integers)."""
    if left == right:
        return left
    one, two = DTYPES[left], DTYPES[right]
    if one.is_float != two.is_float:
        return left if one.is_float else right
    if one.is_float:
        if one.itemsize == two.itemsize:
            return "float32"  # float16 and bfloat16
        return left if one.itemsize > two.itemsize else right
    if any(kind.kind == "unsigned" and kind.itemsize > 1 for kind in (one, two)):
        return None
    if "bool" in (left, right):
        return right if left == "bool" else left
    if one.kind == two.kind:
        return left if one.itemsize > two.itemsize else right
    signed = one if one.kind == "signed" else two
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

    Tensor ``k`` takes those of ``sets[groups[k]]``, and tensors of one group take the same one; where no such pattern
    fits what was seen, ``listed`` holds the combinations that ran, and nothing else is taken. ``scalar`` says for each
    tensor whether it has no dimensions, ``numbers`` are the kinds of the call's other numbers. ``families`` has one
    word an output, ``table`` the outputs by combination where a family is ``table``.
    """

    families: tuple[str, ...]
    groups: tuple[int, ...] = ()
    sets: tuple[Types, ...] = ()
    listed: frozenset[Types] | None = None
    scalar: tuple[bool, ...] = ()
    numbers: tuple[str, ...] = ()
    table: Mapping[Types, Types] = field(default_factory=dict)

    def accepts(self, dtypes: Sequence[str]) -> bool:
        """Whether the operator takes this combination."""
        key = tuple(dtypes)
        if self.listed is not None:
            return key in self.listed
        return conforms(key, self.groups, self.sets)

    def outputs(self, dtypes: Sequence[str], count: int | None = None) -> tuple[str, ...] | None:
        """Element types (or scalars' names) of the outputs; None if the combination is not known to run. For an
        operator with a varying number of outputs, ``count`` says how many there are."""
        key = tuple(dtypes)
        if not self.accepts(key):
            return None
        found = []
        for position, family in enumerate(self.families):
            if family == "table":
                row = self.table.get(key)
                name = row[position] if row is not None else None
            else:
                name = apply(family, key, self.scalar, self.numbers)
            if name is None:
                return None
            found.append(name)
        return tuple(found if count is None else found[:1] * count)

    @lazy
    def combinations(self) -> tuple[Types, ...]:
        """Combinations that run, sorted; where there are many, those with at most one tensor unlike the first ones."""
        if self.listed is not None:
            return tuple(sorted(self.listed))
        if not self.sets:
            return ((),)
        choices: Iterable[Types]
        if prod(map(len, self.sets)) <= MAX_COMBINATIONS:
            choices = product(*self.sets)
        else:
            firsts = [tuple(items[0] if name not in items else name for items in self.sets) for name in self.sets[0]]
            choices = dict.fromkeys(
                (*first[:place], name, *first[place + 1 :])
                for first in firsts
                for place, items in enumerate(self.sets)
                for name in items
            )
        return tuple(sorted(tuple(choice[group] for group in self.groups) for choice in choices))

    def to_data(self) -> dict[str, object]:
        """As plain JSON data: combinations as words of one letter a type."""
        data: dict[str, object] = {"out": list(self.families)}
        if self.listed is not None:
            data["listed"] = " ".join(sorted(map(word, self.listed)))
        else:
            data["groups"] = list(self.groups)
            data["sets"] = [word(items) for items in self.sets]
        if any(self.scalar):
            data["scalar"] = [int(flag) for flag in self.scalar]
        if self.numbers:
            data["numbers"] = list(self.numbers)
        if self.table:
            data["table"] = {word(key): list(value) for key, value in sorted(self.table.items())}
        return data

    @staticmethod
    def from_data(data: Mapping[str, Any], tensors: int) -> DtypeRule:
        """From what ``to_data`` gives, for calls with so many tensors.

        Raises:
            TextError: it is not that.
        """
        try:
            listed = None
            if "listed" in data:
                listed = frozenset(spelled(item) for item in (str(data["listed"]).split(" ") if tensors else [""]))
            groups = tuple(map(int, data.get("groups", ())))
            sets = tuple(spelled(items) for items in data.get("sets", ()))
            if listed is None and (len(groups) != tensors or any(not 0 <= group < len(sets) for group in groups)):
                raise ValueError("groups that are not those of the tensors")
            scalar = tuple(bool(flag) for flag in data.get("scalar", [0] * tensors))
            table = {spelled(key): tuple(map(str, value)) for key, value in data.get("table", {}).items()}
            families = tuple(map(str, data["out"]))
            return DtypeRule(families, groups, sets, listed, scalar, tuple(data.get("numbers", ())), table)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise TextError(f"not a rule for element types: {error!r}") from None


class DtypeRules:
    """An operator's rules for element types as a file has them, each read once; rules of structures share them."""

    def __init__(self, data: Sequence[Any]):
        self._data = data
        self._read: dict[tuple[int, int], DtypeRule] = {}

    def of(self, place: int, tensors: int) -> DtypeRule:
        """The one at a place, for calls with so many tensors.

        Raises:
            TextError: it is none.
            IndexError: there are not so many.
        """
        found = self._read.get((place, tensors))
        if found is None:
            found = self._read[place, tensors] = DtypeRule.from_data(self._data[place], tensors)
        return found


# Beyond this, combinations are a sample.
MAX_COMBINATIONS = 400


def conforms(types: Types, groups: Sequence[int], sets: Sequence[Types]) -> bool:
    """Whether a combination follows a pattern of groups and sets."""
    chosen: dict[int, str] = {}
    for name, group in zip(types, groups, strict=True):
        if name not in sets[group] or chosen.setdefault(group, name) != name:
            return False
    return True


def spelled(text: str) -> Types:
    """A combination from one letter a type."""
    return tuple(NAMES[letter] for letter in text)


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
