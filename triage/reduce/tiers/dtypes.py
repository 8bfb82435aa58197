"""Plainer element types, of all inputs of one type together or of one input; of arguments that name types too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.programs.graph import Node, Value
from misfold.programs.types import TensorType

from ..surgery import attempt, mapped, with_types

#: What is tried in the place of a type of each kind, plainest first.
_PLAIN = {"float": ("float32",), "signed": ("int64", "int32"), "unsigned": ("uint8",), "bool": ()}
#: The same where a type of another kind will do: what does not depend on the type at all fails with any.
_PLAINEST = {**_PLAIN, "signed": ("float32", "int64", "int32"), "unsigned": ("float32", "int64", "uint8"),
             "bool": ("float32", "int64")}  # fmt: skip


def plainest_types(case: Case) -> Iterator[Case]:
    """As ``plainer_types``, with float32 tried for integers and truth values too."""
    return plainer_types(case, _PLAINEST)


def plainer_types(case: Case, plain: Mapping[str, Sequence[str]] = _PLAIN) -> Iterator[Case]:
    """float32 for other floats, int64 for other integers: everywhere, then in one input."""
    names = dict.fromkeys(value.known.dtype.name for value in case.graph.inputs)
    names.update(dict.fromkeys(_named(case)))
    for name in names:
        for new in plain.get(DTYPES[name].kind, ()):
            if new == name:
                break
            old_symbol, new_symbol = Symbol(f"torch.{name}"), Symbol(f"torch.{new}")

            def leaf(item: Argument, old: Symbol = old_symbol, other: Symbol = new_symbol) -> Argument:
                return other if item == old else item

            def change(node: Node, leaf=leaf) -> Node:  # type: ignore[no-untyped-def]
                return mapped(node, leaf)

            of_type = [value for value in case.graph.inputs if value.known.dtype.name == name]
            yield from attempt(_typed, case, of_type, new, change)
            for value in of_type if len(of_type) > 1 else ():
                yield from attempt(_typed, case, [value], new)


def _named(case: Case) -> Iterator[str]:
    for node in case.graph.nodes:
        for item in (*node.args, *node.kwargs.values()):
            if isinstance(item, Symbol) and item.name.removeprefix("torch.") in DTYPES:
                yield item.name.removeprefix("torch.")


def _typed(case: Case, values: list[Value], new: str, change: Any = lambda node: node) -> Case:
    types = {value.name: TensorType.of(new, value.known.shape, value.known.strides) for value in values}
    return with_types(case, types, change, {value.name: _recipe(case.recipes[value.name], new) for value in values})


def _recipe(recipe: Mapping[str, Any], new: str) -> dict[str, Any]:
    made = dict(recipe)
    if not DTYPES[new].is_float:
        made.pop("requires_grad", None)
    return made
