"""What an operator of the graph IR is, and the registry of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from misfold.compiler.dtypes import DType
from misfold.compiler.graph.ir import Attribute, TensorType

Infer = Callable[[Sequence[TensorType], Mapping[str, Any]], Sequence[TensorType]]


class IllTyped(ValueError):
    """Operands or attributes that an operator does not take: says what it wants instead."""


#: The kinds of attributes: what a value of the kind looks like in Python.
ATTRIBUTE_KINDS: Mapping[str, Callable[[Attribute], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) is float,
    "bool": lambda value: type(value) is bool,
    "number": lambda value: type(value) in (int, float, bool),
    "str": lambda value: type(value) is str,
    "dtype": lambda value: type(value) is DType,
    "ints": lambda value: type(value) is tuple and all(type(item) is int for item in value),
    "numbers": lambda value: type(value) is tuple and all(type(item) in (int, float, bool) for item in value),
}


@dataclass(frozen=True)
class Operator:
    """``infer`` gives the types of the outputs (row-major) from those of the inputs and the attributes by name.

    It raises ``IllTyped`` for whatever the operator does not take, so that a node that infers is a node that lowers.
    """

    name: str
    family: str
    #: Number of inputs; None: one or more (``fused``: any).
    arity: int | None
    #: Names and kinds, in their order.
    attributes: Mapping[str, str]
    infer: Infer
    #: Turned into primitives by the decomposition pass.
    composite: bool = False
    doc: str = ""


_operators: dict[str, Operator] = {}


def operator(
    name: str, arity: int | None = 1, attributes: Mapping[str, str] | None = None, composite: bool = False
) -> Callable[[Infer], Infer]:
    """Register an operator by its inference function; the function's docstring becomes the operator's.

    The family is the name of the module that the function is defined in.
    """

    def register(infer: Infer) -> Infer:
        assert name not in _operators, f"two operators are called {name}"
        family = infer.__module__.rpartition(".")[2]
        doc = (infer.__doc__ or "").strip()
        _operators[name] = Operator(name, family, arity, dict(attributes or {}), infer, composite, doc)
        return infer

    return register


@cache
def _load() -> None:
    package = import_module("misfold.compiler.graph.operators")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")


def operators() -> Mapping[str, Operator]:
    """All operators by name."""
    _load()
    return _operators


def infer(name: str, inputs: Sequence[TensorType], attributes: Mapping[str, Attribute]) -> tuple[TensorType, ...]:
    """The output types of an operator.

    Raises:
        IllTyped: there is no such operator, or it does not take these inputs or attributes.
    """
    found = operators().get(name)
    if found is None:
        raise IllTyped(f"there is no operator {name!r}")
    if found.arity is not None and len(inputs) != found.arity:
        raise IllTyped(f"{name} takes {found.arity} inputs, not {len(inputs)}")
    if list(attributes) != list(found.attributes):
        raise IllTyped(f"{name} has the attributes [{', '.join(found.attributes)}], not [{', '.join(attributes)}]")
    for key, kind in found.attributes.items():
        if not ATTRIBUTE_KINDS[kind](attributes[key]):
            raise IllTyped(f"{name}: {key} must be of kind {kind}, not {attributes[key]!r}")
    return tuple(found.infer(inputs, attributes))
