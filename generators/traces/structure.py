"""What a call looks like without sizes, numbers and element types: calls with one structure share their rules."""

from __future__ import annotations

from misfold.programs.arguments import Argument
from misfold.programs.types import TensorType

from .call import Call


def _shape(item: Argument) -> str:
    kind = type(item)
    if kind is TensorType:
        return f"T{len(item.shape)}"
    if kind is int or kind is float:
        return kind.__name__
    if kind is tuple:
        return f"({','.join(map(_shape, item))})"
    if kind is list:
        return f"[{','.join(map(_shape, item))}]"
    if kind is slice:
        return f"{_shape(item.start)}:{_shape(item.stop)}:{_shape(item.step)}"
    return "..." if item is ... else repr(item) if kind is str else str(item)


def structure(call: Call) -> str:
    """``torch.sum(T2,(int),keepdim=True)``: ranks, lengths and what is fixed, without sizes, numbers, element types."""
    parts = [_shape(item) for item in call.args]
    parts += [f"{key}={_shape(item)}" for key, item in call.kwargs]
    return f"{call.function}({','.join(parts)})"


def dtypes(call: Call) -> tuple[str, ...]:
    """Element types of the tensors, left to right."""
    return tuple([kind.dtype.name for kind in call.tensors()])
