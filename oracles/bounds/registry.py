"""Rules by operator, and what a rule is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from .shadow import Shadow, Undecided

Rule = Callable[["Applied"], "Shadow | Sequence[Shadow]"]

RULES: dict[str, Rule] = {}
Function = TypeVar("Function", bound=Rule)


def rule(*names: str) -> Callable[[Function], Function]:
    """Register a rule for operators of ``aten`` by name, without overload and without the mark of in-place ones."""

    def register(function: Function) -> Function:
        for name in names:
            assert name not in RULES, f"two rules for {name}"
            RULES[name] = function
        return function

    return register


class Applied:
    """One call on the dispatch level: ``args`` and ``kwargs`` with shadows for tensors, and the program's results.

    ``name``: without overload or in-place mark; ``overload``; ``function``: the functional one, callable on float64.
    """

    __slots__ = ("args", "function", "kwargs", "name", "overload", "own")

    def __init__(
        self, name: str, overload: str, function: Any, args: Sequence[Any], kwargs: dict[str, Any],
        own: Sequence[torch.Tensor],
    ):  # fmt: skip
        self.name, self.overload, self.function = name, overload, function
        self.args, self.kwargs, self.own = args, kwargs, own

    @property
    def dtype(self) -> torch.dtype:
        """Type of the first result."""
        return self.own[0].dtype

    def get(self, position: int, keyword: str, default: Any = None) -> Any:
        """An argument by its position or its keyword."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(keyword, default)

    def shadows(self) -> list[Shadow]:
        """All operands, in order."""
        found: list[Shadow] = []

        def visit(item: Any) -> None:
            if isinstance(item, Shadow):
                found.append(item)
            elif isinstance(item, list | tuple):
                for entry in item:
                    visit(entry)

        visit(self.args)
        visit(list(self.kwargs.values()))
        return found

    def call(self, change: Callable[[Shadow], torch.Tensor]) -> list[torch.Tensor]:
        """The results of the function on other operands."""
        result = self.function(*substitute(self.args, change), **substitute(self.kwargs, change))
        return [result] if isinstance(result, torch.Tensor) else list(result)


def substitute(item: Any, change: Callable[[Shadow], torch.Tensor]) -> Any:
    """Arguments with tensors for shadows, and float64 for the program's float types."""
    if isinstance(item, Shadow):
        return change(item)
    if isinstance(item, list | tuple):
        return type(item)(substitute(entry, change) for entry in item)
    if isinstance(item, dict):
        return {key: substitute(entry, change) for key, entry in item.items()}
    if isinstance(item, torch.dtype) and item.is_floating_point:
        return torch.float64
    return item


def wide(item: Shadow) -> torch.Tensor:
    """Values as ``Applied.call`` wants them: float64 for floats, others as they are."""
    return item.value


def fail(why: str) -> Undecided:
    """To be raised where a rule knows nothing."""
    return Undecided(why)
