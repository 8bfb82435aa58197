"""Programs through ``torch.export``, at a tenth of its usual fixed cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
import torch.export
from torch.export import exported_program as _internals

from .protocol import Unsupported


class Program(torch.nn.Module):
    """A function as the module that ``torch.export`` asks for."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


@cache
def _core_table() -> dict[Any, Callable[..., Any]]:
    return torch.export.default_decompositions().materialize()


@cache
def split_core_table() -> tuple[dict[Any, Callable[..., Any]], dict[Any, Callable[..., Any]]]:
    # Composite operators whose entry is the decomposition they have anyway need no override: installing and removing
    # these, about 600 operators times ten dispatch keys, is what takes 150 of run_decompositions' 200 ms. What is left
    # are the operators that stay whole.
    composite, others = _split_original(dict(_core_table()))
    from torch._export.utils import _special_op_to_preserve_cia

    return {op: rule for op, rule in composite.items() if rule is _special_op_to_preserve_cia}, others


_split_original: Any = getattr(_internals, "_split_decomp_table_to_cia_and_python_decomp", None)


@contextmanager
def _cached_split() -> Iterator[None]:
    """Let ``run_decompositions`` use the split of the default table made once.

    It is an internal function of torch: where a version does not have it, nothing is replaced and only time is lost.
    """
    name = "_split_decomp_table_to_cia_and_python_decomp"
    if _split_original is None:
        yield
        return
    setattr(_internals, name, lambda table: tuple(dict(part) for part in split_core_table()))
    try:
        yield
    finally:
        setattr(_internals, name, _split_original)


def export(function: Callable[..., Any], inputs: Sequence[torch.Tensor], decompose: bool = True) -> Any:
    """``torch.export.export(..., strict=False)`` and, unless told otherwise, ``run_decompositions()``.

    Returns:
        The ExportedProgram, the same as those two calls give.

    Raises:
        Unsupported: torch.export refuses: a shape or value depends on data, or an operator has no fake kernel.
        Exception: whatever else torch raises for a program that it cannot export.
    """
    try:
        with torch.no_grad():
            program = torch.export.export(Program(function), tuple(inputs), strict=False)
            if decompose:
                with _cached_split():
                    program = program.run_decompositions(_core_table())
    except Exception as error:
        if _is_refusal(error):
            raise Unsupported(f"torch.export: {str(error).partition(chr(10))[0]}") from error
        raise
    return program


def _is_refusal(error: Exception) -> bool:
    """Whether an exception is torch.export's way to say that a program's shapes or values depend on its data."""
    from torch._dynamo.exc import UserError
    from torch._subclasses import fake_tensor
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    refusals = (
        UserError,
        GuardOnDataDependentSymNode,
        fake_tensor.DataDependentOutputException,
        fake_tensor.DynamicOutputShapeException,
        fake_tensor.UnsupportedOperatorException,
    )
    # Sizes that are not known before the program runs are called u0, u1, …: no program text has these names.
    return isinstance(error, refusals) or re.search(r"\bu\d+\b", str(error)) is not None


def symbolic_operator(program: Any) -> str | None:
    """The first operator of an ExportedProgram whose result's shape or value depends on data, or None."""
    for node in program.graph.nodes:
        values = node.meta.get("val")
        for value in values if isinstance(values, list | tuple) else (values,):
            symbolic = isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool) or (
                isinstance(value, torch.Tensor) and any(isinstance(size, torch.SymInt) for size in value.shape)
            )
            if symbolic:
                return str(node.target)
    return None
