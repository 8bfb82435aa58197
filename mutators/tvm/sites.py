"""Places in a PrimFunc, by number in the order of a walk, and replacing what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm_ffi
from tvm import ir, tirx

BINARY = (
    tirx.Add, tirx.Sub, tirx.Mul, tirx.Div, tirx.Mod, tirx.FloorDiv, tirx.FloorMod, tirx.Min, tirx.Max, tirx.EQ,
    tirx.NE, tirx.LT, tirx.LE, tirx.GT, tirx.GE, tirx.And, tirx.Or,
)  # fmt: skip
#: What expressions a mutator may touch. Buffers' shapes and blocks' domains hold literals too: those belong to what
#: declares them and are not walked.
EXPRESSIONS = (*BINARY, tirx.Not, tirx.Select, tirx.Cast, ir.Call, ir.TensorLoad, tirx.IntImm, tirx.FloatImm, ir.Var)


def element_type(value: Any) -> str:
    """An expression's element type."""
    return str(getattr(value.ty, "dtype", value.ty))


class Places:
    """The expressions in a function's stores, conditions and bounds that ``wanted`` accepts.

    A store's value and indices, a loop's bounds, what a variable is bound to, and conditions are looked into; what a
    block says it reads and writes is not, as that is made anew from what it does.
    """

    def __init__(self, function: Any, wanted: Callable[[Any], bool]):
        self.function, self.wanted = function, wanted
        self.found: list[Any] = []
        self._rewrite(lambda number, value: None)

    def __len__(self) -> int:
        return len(self.found)

    def replaced(self, number: int, new: Any) -> Any:
        """The function with the expression of this number replaced."""
        self.found.clear()
        return self._rewrite(lambda at, value: new if at == number else None)

    def _rewrite(self, change: Callable[[int, Any], Any | None]) -> Any:
        def expression(value: Any, mutator: Any) -> Any:
            if not self.wanted(value):
                return mutator.default_mutate(value)
            self.found.append(value)
            new = change(len(self.found) - 1, value)
            return mutator.default_mutate(value) if new is None else new

        def keep(value: Any, mutator: Any) -> Any:
            return value

        # Declarations and access regions stay as they are.
        untouched = (tirx.BufferType, ir.TensorRegion, tirx.IterVar, ir.PrimType)
        body = tvm_ffi.structural_mutate(self.function.body, [(untouched, keep), (EXPRESSIONS, expression)])
        return self.function.with_body(body)


def statements(function: Any, kind: type) -> list[Any]:
    """All statements of a kind."""
    found: list[Any] = []
    tvm_ffi.structural_walk(function.body, (kind, lambda value: found.append(value)))
    return found


def replaced_statement(function: Any, number: int, kind: type, new: Callable[[Any], Any]) -> Any:
    """The function with the ``number``-th statement of a kind replaced, in the order of ``statements``."""
    counter = iter(range(10**9))

    def change(value: Any) -> Any:
        return new(value) if next(counter) == number else value

    return function.with_body(tvm_ffi.structural_map(function.body, (kind, change)))
