"""The normal form of calls: one spelling for all ways to write the same call down.

Signatures come from ``inspect`` for what torch writes in Python, and from the schemas of aten operators for what it
binds from C++. In the normal form

- sequences are tuples, except in indexing, where torch tells tuples from lists;
- integers that come one by one where the signature has a list (``x.view(2, 3)``) are gathered;
- parameters without a default come by position, the others by name;
- what is None or empty, and so by default, is left out, and so are parameters whose names start with an underscore.

No signature is trusted: whoever uses the normal form executes it and compares (see ``collecting``).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.errors import GraphError
from misfold.programs.types import TensorType

from ..calling import function_of
from .call import Call

# Names under which torch's own argument parser takes a parameter as well (numpy's, and "input" of functions).
_ALIASES = {"input": "self", "axis": "dim", "keepdims": "keepdim", "x": "self", "x1": "self", "x2": "other"}
# Where a tuple and a list mean different things.
_INDEXING = ("__getitem__", "__setitem__", "index_put", "index_put_", "index")
_MISSING = object()
# aten's names for torch's name spaces.
_PREFIXES = {"torch.linalg": "linalg_", "torch.special": "special_", "torch.fft": "fft_"}


@dataclass(frozen=True)
class Parameter:
    """One parameter. ``kind`` is the schema's type, such as ``Optional[List[int]]``, empty where it is not known."""

    name: str
    kind: str = ""
    default: Any = _MISSING
    keyword_only: bool = False
    #: A list for which torch takes a single number as well, repeated.
    repeats: bool = False

    @property
    def required(self) -> bool:
        return self.default is _MISSING


Signature = tuple[Parameter, ...]


@cache
def signatures(function: str) -> tuple[Signature, ...]:
    """The known signatures of a public operator, in the order in which they are tried; none if nothing is known."""
    try:
        target: Any = function_of(function)
    except GraphError:
        return ()
    found = _written(target)
    if found is None and "if_true" in getattr(getattr(target, "__code__", None), "co_freevars", ()):
        # One of two functions, chosen by return_indices; both take the same.
        space, _, last = function.rpartition(".")
        target = getattr(torch.nn.functional, f"{last}_with_indices", None)
        found = _written(target) if space == "torch.nn.functional" and target is not None else None
    return (found,) if found else _schemas(function)


def _written(function: Any) -> Signature | None:
    """The signature of what is written in Python, None if it takes anything."""
    if not inspect.isfunction(function):
        return None
    parameters = []
    for item in inspect.signature(function).parameters.values():
        if item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD):
            return None
        default = _MISSING if item.default is item.empty else item.default
        parameters.append(Parameter(item.name, "", default, item.kind is item.KEYWORD_ONLY))
    return tuple(parameters)


def _schemas(function: str) -> tuple[Signature, ...]:
    space, _, last = function.rpartition(".")
    found = []
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{_PREFIXES.get(space, '')}{last}"):
        if any(item.is_out for item in schema.arguments):
            continue
        parameters = [
            Parameter(
                item.name,
                str(item.real_type),
                item.default_value if item.has_default_value() else _MISSING,
                item.kwarg_only,
                item.N is not None,
            )
            for item in schema.arguments
        ]
        if space == "torch.Tensor":
            # A method's object comes first, wherever the schema has it.
            parameters.sort(key=lambda parameter: parameter.name != "self")
        found.append(tuple(parameters))
    return tuple(found)


def canonical(call: Call) -> Call:
    """The normal form of a call; the call with tuples for lists where no signature fits."""
    if call.function.rpartition(".")[2] not in _INDEXING:
        call = Call(call.function, tuple(map(_tuples, call.args)), tuple((k, _tuples(v)) for k, v in call.kwargs))
    for signature in signatures(call.function):
        bound = _bind(signature, call.args, dict(call.kwargs))
        if bound is not None:
            return _spelled(call.function, signature, bound)
    return call


def _tuples(item: Argument) -> Argument:
    return tuple([_tuples(part) for part in item]) if isinstance(item, list | tuple) else item


def _spelled(function: str, signature: Signature, bound: Mapping[str, Argument]) -> Call:
    args: list[Argument] = []
    kwargs: dict[str, Argument] = {}
    by_position = True
    for parameter in signature:
        value = bound.get(parameter.name, _MISSING)
        by_position = by_position and parameter.required and not parameter.keyword_only and value is not _MISSING
        if by_position:
            args.append(value)
        elif value is _MISSING or _is_nothing(value, parameter) or parameter.name.startswith("_"):
            continue
        else:
            kwargs[parameter.name] = value
    return Call(function, tuple(args), tuple(sorted(kwargs.items())))


def _is_nothing(value: Argument, parameter: Parameter) -> bool:
    return (value is None and parameter.default is None) or (value == () and parameter.default == [])


def _bind(signature: Signature, args: Sequence[Argument], kwargs: dict[str, Argument]) -> dict[str, Argument] | None:
    """Arguments by parameter, or None if they do not fit."""
    by_position = [parameter for parameter in signature if not parameter.keyword_only]
    bound: dict[str, Argument] = {}
    for place, parameter in enumerate(by_position):
        if place >= len(args):
            break
        rest = args[place:]
        if len(args) > len(by_position) or not _fits(rest[0], parameter.kind):
            # Integers given one by one are a list's elements, and then they are all that follows.
            if _is_list(parameter.kind) and all(type(item) is int for item in rest):
                bound[parameter.name] = tuple(rest)
                args = args[:place]
                break
        bound[parameter.name] = rest[0]
    if len(args) > len(by_position):
        return None
    known = {parameter.name: parameter for parameter in signature}
    for key, value in kwargs.items():
        name = key if key in known else _ALIASES.get(key, key)
        if name not in known or name in bound:
            return None
        bound[name] = value
    for parameter in signature:
        value = bound.get(parameter.name, _MISSING)
        if value is _MISSING and parameter.required:
            return None
        if value is not _MISSING and not _fits(value, parameter.kind):
            return None
        if type(value) is int and _is_list(parameter.kind) and not parameter.repeats:
            bound[parameter.name] = (value,)
    return bound


def _is_list(kind: str) -> bool:
    return kind.removeprefix("Optional[").startswith("List[int") or "List[SymInt" in kind


def _fits(value: Argument, kind: str) -> bool:
    """Whether a value may be meant for a parameter of a schema's type; only what is plainly something else is not."""
    if not kind:
        return True
    if kind.startswith("Optional["):
        return value is None or _fits(value, kind[len("Optional[") : -1])
    if value is None:
        return kind == "NoneType"
    if isinstance(value, TensorType):
        # A tensor of one element is taken for a number.
        return kind in ("Tensor", "number") or (value.elements == 1 and kind in ("int", "float", "bool", "SymInt"))
    if isinstance(value, tuple | list):
        if not kind.startswith("List["):
            return False
        return all(_fits(item, kind[len("List[") : -1]) for item in value)
    if isinstance(value, Symbol):
        return kind in ("ScalarType", "Layout", "MemoryFormat", "int")
    if isinstance(value, str):
        return kind == "str"
    if isinstance(value, bool):
        return kind in ("bool", "number")
    if isinstance(value, int):
        return kind in ("int", "SymInt", "number", "float") or _is_list(kind)
    if isinstance(value, float):
        return kind in ("float", "number") or kind.startswith("List[float")
    return False
