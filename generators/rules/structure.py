"""Structures of calls: what is left of a call when its sizes, numbers and element types are taken out.

An operator with a structure is a *partial operator*: ranks, the lengths of lists, and all arguments that are no numbers
(strings, bools, None, element types, and integers that name an axis) are fixed. What was taken out has a name, made
of the parameter's name and places: ``input[2]`` is dimension 2 of the tensor ``input``, ``stride`` an integer argument,
``padding[0]`` an element of a list, ``tensors[1][0]`` dimension 0 of the second tensor of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from misfold.programs.arguments import Argument
from misfold.programs.errors import TextError
from misfold.programs.hashing import text_hash
from misfold.programs.lazy import lazy
from misfold.programs.types import TensorType

from ..traces.arguments import argument_text, decode, encode
from ..traces.call import Call


@dataclass(frozen=True, slots=True)
class TensorHole:
    """A tensor of a rank; its dimensions are the symbols ``name[0]`` …"""

    name: str
    rank: int


@dataclass(frozen=True, slots=True)
class NumberHole:
    """A number; ``kind`` is ``int`` or ``float``."""

    name: str
    kind: str


#: As ``Argument``, with holes for tensors and numbers.
Template = Any
# Whether the integer of this name and value is part of the structure.
Fixed = Callable[[str, int], bool]


@dataclass(frozen=True)
class Structure:
    """A partial operator: the function and its arguments with holes. ``names`` are those of the positional ones."""

    function: str
    args: tuple[Template, ...]
    kwargs: tuple[tuple[str, Template], ...]
    names: tuple[str, ...]

    @lazy
    def holes(self) -> tuple[TensorHole | NumberHole, ...]:
        """All holes, left to right."""
        items = (*self.args, *(item for _, item in self.kwargs))
        return tuple(hole for item in items for hole in _holes(item))

    @lazy
    def tensors(self) -> tuple[TensorHole, ...]:
        """The holes for tensors, in the order that element types are given in."""
        return tuple(hole for hole in self.holes if isinstance(hole, TensorHole))

    @lazy
    def symbols(self) -> tuple[str, ...]:
        """Names of all symbols: dimensions and numbers, left to right."""
        names: list[str] = []
        for hole in self.holes:
            if isinstance(hole, TensorHole):
                names += [f"{hole.name}[{index}]" for index in range(hole.rank)]
            else:
                names.append(hole.name)
        return tuple(names)

    @lazy
    def dimensions(self) -> frozenset[str]:
        """The symbols that are dimensions of tensors, and so never negative."""
        return frozenset(f"{hole.name}[{index}]" for hole in self.tensors for index in range(hole.rank))

    @lazy
    def floats(self) -> frozenset[str]:
        """The symbols that are floating-point numbers."""
        return frozenset(hole.name for hole in self.holes if isinstance(hole, NumberHole) and hole.kind == "float")

    def build(self, values: Mapping[str, int | float], dtypes: Sequence[str]) -> Call:
        """The call with these numbers and element types (one a tensor, in order).

        Raises:
            KeyError: a symbol has no value.
            TextError: a dimension is negative or far too large.
        """
        names = iter(dtypes)

        def tensor(hole: TensorHole) -> Argument:
            shape = tuple([int(values[f"{hole.name}[{index}]"]) for index in range(hole.rank)])
            return TensorType.of(next(names), shape)

        return Call(self.function, *self.filled(values, tensor))

    def filled(
        self, numbers: Mapping[str, int | float], tensor: Callable[[TensorHole], Argument]
    ) -> tuple[tuple[Argument, ...], tuple[tuple[str, Argument], ...]]:
        """Arguments, and keyword arguments: with ``numbers`` for symbols, and for tensors, left to right, what
        ``tensor`` makes of their holes.

        Raises:
            KeyError: a symbol has no value.
        """

        def fill(item: Template) -> Argument:
            kind = type(item)
            if kind is TensorHole:
                return tensor(item)
            if kind is NumberHole:
                return float(numbers[item.name]) if item.kind == "float" else int(numbers[item.name])
            if kind is tuple:
                return tuple([fill(part) for part in item])
            if kind is list:
                return [fill(part) for part in item]
            if kind is slice:
                return slice(fill(item.start), fill(item.stop), fill(item.step))
            return item

        return tuple([fill(item) for item in self.args]), tuple([(key, fill(item)) for key, item in self.kwargs])

    @lazy
    def text(self) -> str:
        """As it reads: ``torch.sum(input: tensor[2], dim=(1,))``."""
        parts = []
        for name, item in zip(self.names, self.args):
            bare = isinstance(item, TensorHole | NumberHole)
            parts.append(f"{name}: {_text(item)}" if bare else f"{name}={_text(item)}")
        parts += [f"{key}={_text(item)}" for key, item in self.kwargs]
        return f"{self.function}({', '.join(parts)})"

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of the text."""
        return text_hash(self.text)

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data, without the function's name."""
        data: dict[str, Any] = {"args": [_encode(item) for item in self.args], "names": list(self.names)}
        if self.kwargs:
            data["kwargs"] = {key: _encode(item) for key, item in self.kwargs}
        return data

    @staticmethod
    def from_data(function: str, data: Mapping[str, Any]) -> Structure:
        """From what ``to_data`` gives.

        Raises:
            TextError: it is not that.
        """
        try:
            names = tuple(map(str, data["names"]))
            args = tuple(_decode(item, name) for item, name in zip(data["args"], names, strict=True))
            kwargs = tuple(sorted((key, _decode(item, key)) for key, item in data.get("kwargs", {}).items()))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TextError(f"not the structure of a call: {error!r}") from None
        return Structure(function, args, kwargs, names)


def structure_of(call: Call, names: Sequence[str], fixed: Fixed) -> tuple[Structure, dict[str, int | float], list[str]]:
    """A call's structure, the values of its symbols, and its tensors' element types.

    ``names`` are the names of the positional parameters; ``fixed`` says which integers stay in the structure.
    """
    values: dict[str, int | float] = {}
    dtypes: list[str] = []

    def take(item: Argument, name: str) -> Template:
        kind = type(item)
        if kind is TensorType:
            for index, dim in enumerate(item.shape):
                values[f"{name}[{index}]"] = dim
            dtypes.append(item.dtype.name)
            return TensorHole(name, len(item.shape))
        if kind is int:
            if fixed(name, item):
                return item
            values[name] = item
            return NumberHole(name, "int")
        if kind is float:
            values[name] = item
            return NumberHole(name, "float")
        if kind is tuple:
            return tuple([take(part, f"{name}[{index}]") for index, part in enumerate(item)])
        if kind is list:
            return [take(part, f"{name}[{index}]") for index, part in enumerate(item)]
        if kind is slice:
            parts = (item.start, item.stop, item.step)
            return slice(*(take(part, f"{name}[{index}]") for index, part in enumerate(parts)))
        return item

    args = tuple([take(item, name) for item, name in zip(call.args, names, strict=True)])
    kwargs = tuple([(key, take(item, key)) for key, item in call.kwargs])
    return Structure(call.function, args, kwargs, tuple(names)), values, dtypes


def _holes(item: Template) -> Iterator[TensorHole | NumberHole]:
    kind = type(item)
    if kind is TensorHole or kind is NumberHole:
        yield item
    elif kind is tuple or kind is list:
        for part in item:
            yield from _holes(part)
    elif kind is slice:
        for part in (item.start, item.stop, item.step):
            yield from _holes(part)


def _text(item: Template) -> str:
    kind = type(item)
    if kind is TensorHole:
        return f"tensor[{item.rank}]"
    if kind is NumberHole:
        return str(item.kind)
    if kind is tuple:
        return f"({', '.join(map(_text, item))}{',' if len(item) == 1 else ''})"
    if kind is list:
        return f"[{', '.join(map(_text, item))}]"
    if kind is slice:
        return f"slice({', '.join(map(_text, (item.start, item.stop, item.step)))})"
    return argument_text(item)


def _encode(item: Template) -> Any:
    kind = type(item)
    if kind is TensorHole:
        return {"tensor": item.rank}
    if kind is NumberHole:
        return {"number": item.kind}
    if kind is tuple:
        return {"tuple": [_encode(part) for part in item]}
    if kind is list:
        return [_encode(part) for part in item]
    if kind is slice:
        return {"slice": [_encode(part) for part in (item.start, item.stop, item.step)]}
    return encode(item)


def _decode(data: Any, name: str) -> Template:
    if type(data) is list:
        return [_decode(part, f"{name}[{index}]") for index, part in enumerate(data)]
    if type(data) is dict and len(data) == 1:
        ((key, value),) = data.items()
        if key == "tensor" and type(value) is int and 0 <= value <= 16:
            return TensorHole(name, value)
        if key == "number" and value in ("int", "float"):
            return NumberHole(name, value)
        if key in ("tuple", "slice") and type(value) is list and (key == "tuple" or len(value) == 3):
            parts = [_decode(part, f"{name}[{index}]") for index, part in enumerate(value)]
            return tuple(parts) if key == "tuple" else slice(*parts)
    item = decode(data)
    if isinstance(item, TensorType):
        raise TextError("a tensor type in the structure of a call")
    return item
