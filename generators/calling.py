"""Calling operators by their public names, outside any compiled program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any

import torch

from misfold.programs.arguments import Argument, Ref, Symbol
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import GraphError
from misfold.programs.graph import Node
from misfold.programs.operators import is_operator
from misfold.programs.types import TensorType

#: torch's element types by misfold's names, and back.
TORCH_DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPES}
NAMES: dict[torch.dtype, str] = {dtype: name for name, dtype in TORCH_DTYPES.items()}

Tensors = Mapping[str, torch.Tensor]


@cache
def function_of(op: str) -> Callable[..., Any]:
    """The function behind a public operator name.

    Raises:
        GraphError: the name is not on the allow-list, or this torch does not have it.
    """
    if not is_operator(op):
        raise GraphError(f"{op} is not an operator that a graph may call")
    item: Any = torch
    for part in op.split(".")[1:]:
        item = getattr(item, part, None)
        if item is None:
            raise GraphError(f"torch {torch.__version__} has no {op}")
    function: Callable[..., Any] = item
    return function


@cache
def _symbol(name: str) -> Any:
    return getattr(torch, name.removeprefix("torch."))


def concrete(argument: Argument, values: Tensors) -> Any:
    """The Python object that an argument stands for."""
    kind = type(argument)
    if kind is Ref:
        return values[argument.name]
    if kind is Symbol:
        return _symbol(argument.name)
    if kind is list:
        return [concrete(item, values) for item in argument]
    if kind is tuple:
        return tuple(concrete(item, values) for item in argument)
    if kind is slice:
        return slice(*(concrete(item, values) for item in (argument.start, argument.stop, argument.step)))
    return argument


def renamed(argument: Argument, names: Mapping[str, str]) -> Argument:
    """An argument with its references renamed; a quicker ``map_leaves`` for the commonest case."""
    kind = type(argument)
    if kind is Ref:
        return Ref(names[argument.name])
    if kind is tuple:
        return tuple([renamed(item, names) for item in argument])
    if kind is list:
        return [renamed(item, names) for item in argument]
    if kind is slice:
        return slice(*(renamed(item, names) for item in (argument.start, argument.stop, argument.step)))
    return argument


def call(node: Node, values: Tensors) -> Any:
    """What the node's operator returns for the tensors called ``values``."""
    args = [values[item.name] if type(item) is Ref else concrete(item, values) for item in node.args]
    if not node.kwargs:
        return function_of(node.op)(*args)
    kwargs = {key: concrete(item, values) for key, item in node.kwargs.items()}
    return function_of(node.op)(*args, **kwargs)


def step(node: Node, values: dict[str, torch.Tensor]) -> None:
    """Call the node's operator and add its outputs to ``values``: what a line of a program's text does.

    Raises:
        ValueError: it gives another number of outputs than the node has names for.
        Exception: whatever the call raises that eager refuses.
    """
    result = call(node, values)
    values.update(zip((value.name for value in node.outputs), result if node.unpack else (result,), strict=True))


def outputs_of(result: Any) -> tuple[torch.Tensor, ...] | None:
    """A result's tensors if it is one that the language can name: a tensor, or a flat tuple or list of some."""
    items = (result,) if isinstance(result, torch.Tensor) else result
    if not isinstance(items, tuple | list) or not items:
        return None
    good = all(type(item) is torch.Tensor and item.layout is torch.strided and item.dtype in NAMES for item in items)
    return tuple(items) if good else None


def type_of(tensor: torch.Tensor) -> TensorType:
    """The tensor's type; strides are stated only where the tensor is not contiguous."""
    shape = tuple(tensor.shape)
    strides = None if tensor.is_contiguous() else tuple(tensor.stride())
    return TensorType(DTYPES[NAMES[tensor.dtype]], shape, strides)


def all_finite(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether no floating tensor among them holds an infinity or NaN."""
    return all(is_finite(tensor) for tensor in tensors)


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether the tensor holds no infinity and no NaN."""
    if not tensor.dtype.is_floating_point or tensor.numel() == 0:
        return True
    # A sum is finite only if all its terms are, and one light kernel where isfinite takes three; it may overflow.
    return isfinite(tensor.sum().item()) or bool(torch.isfinite(tensor).all())


def bits(tensor: torch.Tensor) -> bytes:
    """The elements' bytes in row-major order."""
    flat = tensor.detach().contiguous()
    if flat.dtype is torch.bfloat16:
        flat = flat.view(torch.int16)
    data: bytes = flat.numpy().tobytes()
    return data


def overlaps(tensor: torch.Tensor) -> bool:
    """Whether two elements may share memory: dimensions, from the smallest stride up, do not clear each other."""
    if tensor.numel() < 2 or tensor.is_contiguous():
        return False
    extent = 0
    for stride, dim in sorted((stride, dim) for stride, dim in zip(tensor.stride(), tensor.shape) if dim > 1):
        if stride <= extent:
            return True
        extent += stride * (dim - 1)
    return False
