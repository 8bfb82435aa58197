"""Arguments of traced calls: their text, and their form in a line of JSON.

Where a graph's argument has a reference, a traced call's has the tensor's type. In JSON a plain string is a tensor
type, since that is by far the commonest; what JSON has no word for is an object with one key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from misfold.programs.arguments import SYMBOLS, Argument, Symbol
from misfold.programs.errors import TextError
from misfold.programs.types import TensorType, parse_type

# Deeper than any call nests its arguments; a file from a stranger must not exhaust the stack.
MAX_DEPTH = 16
_ALLOWED = 'a tensor type, number, true, false, null, list, or {"symbol"|"str"|"tuple"|"slice"|"float"|"ellipsis": …}'


def argument_text(item: Argument) -> str:
    """An argument as it reads in a call; different for different arguments (``1``, ``1.0`` and ``True`` differ)."""
    kind = type(item)
    if kind is tuple:
        return f"({', '.join(map(argument_text, item))}{',' if len(item) == 1 else ''})"
    if kind is list:
        return f"[{', '.join(map(argument_text, item))}]"
    if kind is TensorType or kind is Symbol:
        return str(item)
    if kind is slice:
        return f"slice({', '.join(map(argument_text, (item.start, item.stop, item.step)))})"
    return "..." if item is ... else repr(item)


def encode(item: Argument) -> Any:
    """An argument as JSON data."""
    kind = type(item)
    if kind is TensorType:
        return str(item)
    if kind is float:
        return item if math.isfinite(item) else {"float": repr(item)}
    if kind is int or kind is bool or item is None:
        return item
    if kind is list:
        return [encode(part) for part in item]
    if kind is tuple:
        return {"tuple": [encode(part) for part in item]}
    if kind is str:
        return {"str": item}
    if kind is Symbol:
        return {"symbol": item.name}
    if kind is slice:
        return {"slice": [encode(part) for part in (item.start, item.stop, item.step)]}
    if item is ...:
        return {"ellipsis": True}
    raise TextError(f"a {kind.__name__} as an argument of a call", allowed=_ALLOWED)


def decode(data: Any, depth: int = 0) -> Argument:
    """An argument from JSON data.

    Raises:
        TextError: the data is not what ``encode`` gives.
    """
    kind = type(data)
    if kind is str:
        return parse_type(data)
    if kind in (int, float, bool) or data is None:
        return data
    if depth > MAX_DEPTH:
        raise TextError("arguments nested too deeply", allowed=f"at most {MAX_DEPTH} levels")
    if kind is list:
        return [decode(part, depth + 1) for part in data]
    if kind is dict and len(data) == 1:
        ((key, value),) = data.items()
        if key == "tuple" and type(value) is list:
            return tuple([decode(part, depth + 1) for part in value])
        if key == "str" and type(value) is str:
            return value
        if key == "symbol" and value in SYMBOLS:
            return Symbol(value)
        if key == "slice" and type(value) is list and len(value) == 3:
            return slice(*(decode(part, depth + 1) for part in value))
        if key == "float" and value in ("inf", "-inf", "nan"):
            return float(value)
        if key == "ellipsis":
            return ...
    raise TextError(f"not an argument of a call: {data!r}", allowed=_ALLOWED)


def leaves(item: Argument) -> Iterator[Argument]:
    """Everything in an argument that is not a list, tuple or slice, left to right."""
    kind = type(item)
    if kind is tuple or kind is list:
        for part in item:
            yield from leaves(part)
    elif kind is slice:
        for part in (item.start, item.stop, item.step):
            yield from leaves(part)
    else:
        yield item
