"""Calling a graph's nodes one by one: resolved operators and bound arguments, as written or widened to float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from misfold.programs.arguments import Argument, Ref, Symbol, map_leaves
from misfold.programs.graph import Graph, Node

from .kinds import base_name

Tensors = Mapping[str, torch.Tensor]
_HALVES = frozenset({"torch.float16", "torch.bfloat16"})
#: For a type that programs are widened to: the types that it replaces, and the methods that would convert to those.
_WIDENED: dict[torch.dtype, tuple[frozenset[str], dict[str, str]]] = {
    torch.float64: (
        _HALVES | {"torch.float32"},
        {"half": "double", "bfloat16": "double", "float": "double", "cfloat": "cdouble", "chalf": "cdouble"},
    ),
    torch.float32: (_HALVES, {"half": "float", "bfloat16": "float", "chalf": "cfloat"}),
}


#: Arguments, by position and name, that stand for a number of the element type where they are left out.
_BY_TYPE: dict[str, tuple[tuple[int, str, Callable[[torch.finfo], float]], ...]] = {
    "rms_norm": ((3, "eps", lambda info: info.eps),),
    "nan_to_num": ((2, "posinf", lambda info: info.max), (3, "neginf", lambda info: info.min)),
}


class NoReference(Exception):
    """A call has no float64 counterpart."""


@cache
def resolve(op: str) -> Callable[..., Any]:
    """The function that an allow-listed name stands for."""
    target: Any = torch
    for part in op.split(".")[1:]:
        target = getattr(target, part)
    function: Callable[..., Any] = target
    return function


@cache
def _symbol(name: str) -> Any:
    return getattr(torch, name.removeprefix("torch."))


def _binder(argument: Argument, wide: torch.dtype | None) -> tuple[bool, Any]:
    """(False, constant) or (True, function of the environment)."""

    def leaf(item: Argument) -> Any:
        if isinstance(item, Symbol):
            return wide if wide and item.name in _WIDENED[wide][0] else _symbol(item.name)
        return item

    if isinstance(argument, Ref):
        name = argument.name
        return True, lambda env: env[name]
    found: list[bool] = []

    def mark(item: Argument) -> Any:
        found.append(isinstance(item, Ref))
        return leaf(item)

    constant = map_leaves(argument, mark)
    if not any(found):
        return False, constant
    return True, lambda env: map_leaves(constant, lambda item: env[item.name] if isinstance(item, Ref) else item)


@dataclass(frozen=True)
class Call:
    """One node, ready to be called in an environment of tensors."""

    function: Callable[..., Any]
    arguments: tuple[tuple[bool, Any], ...]
    keywords: tuple[tuple[str, bool, Any], ...]

    def __call__(self, env: Tensors) -> list[Any]:
        """The results, as a list of tensors."""
        args = [item(env) if bound else item for bound, item in self.arguments]
        kwargs = {key: item(env) if bound else item for key, bound, item in self.keywords}
        result = self.function(*args, **kwargs)
        return [result] if isinstance(result, torch.Tensor) else list(result)


def make_call(node: Node, wide: torch.dtype | None = None) -> Call:
    """The node as written, or with every float type in it that is narrower than ``wide`` replaced by that.

    Numbers that are left out and depend on the type stay those of the node's own type, where that is stated.

    Raises:
        NoReference: the call reinterprets bits, so that float64 would mean something else.
    """
    op = node.op
    if wide:
        last = op.rpartition(".")[2]
        if base_name(op) in ("view", "view_copy") and any(isinstance(item, Symbol) for item in _leaves(node)):
            raise NoReference(f"{op} reinterprets bits")
        if op.startswith("torch.Tensor.") and last in _WIDENED[wide][1]:
            op = f"torch.Tensor.{_WIDENED[wide][1][last]}"
    args, kwargs = _with_defaults(node) if wide else (node.args, node.kwargs)
    return Call(
        resolve(op),
        tuple(_binder(item, wide) for item in args),
        tuple((key, *_binder(item, wide)) for key, item in kwargs.items()),
    )


def _with_defaults(node: Node) -> tuple[Sequence[Argument], Mapping[str, Argument]]:
    defaults = _BY_TYPE.get(base_name(node.op), ())
    kind = node.outputs[0].type if node.outputs else None
    if not defaults or kind is None or not kind.dtype.is_float:
        return node.args, node.kwargs
    info = torch.finfo(getattr(torch, kind.dtype.name))
    args, kwargs = list(node.args), dict(node.kwargs)
    for position, name, number in defaults:
        if len(args) > position:
            args[position] = number(info) if args[position] is None else args[position]
        elif kwargs.get(name) is None:
            kwargs[name] = number(info)
    return args, kwargs


def _leaves(node: Node) -> list[Argument]:
    return [*node.args, *node.kwargs.values()]


def make_calls(graph: Graph, wide: torch.dtype | None = None) -> list[Call | NoReference]:
    """A call per node; where there is none, why."""
    calls: list[Call | NoReference] = []
    for node in graph.nodes:
        try:
            calls.append(make_call(node, wide))
        except NoReference as error:
            calls.append(error)
    return calls


def widen(tensor: torch.Tensor, copy: bool = True) -> torch.Tensor:
    """A tensor with the same elements in float64 (integers as they are), the same strides, and memory of its own."""
    if tensor.is_floating_point():
        dtype = torch.float64
    else:
        dtype = torch.complex128 if tensor.is_complex() else tensor.dtype
    with torch.no_grad():
        source = tensor.detach()
        if source.is_contiguous():
            wide = source.to(dtype, copy=True)
        else:
            size = source.untyped_storage().nbytes() // source.element_size()
            flat = source.as_strided((size,), (1,), 0).to(dtype, copy=True)
            wide = flat.as_strided(source.shape, source.stride(), source.storage_offset())
    return wide.requires_grad_() if tensor.requires_grad else wide


def copied(tensor: torch.Tensor) -> torch.Tensor:
    """A detached tensor with the same elements, strides and type, in memory of its own."""
    source = tensor.detach()
    size = source.untyped_storage().nbytes() // source.element_size()
    return (
        source.as_strided((size,), (1,), 0).clone().as_strided(source.shape, source.stride(), source.storage_offset())
    )
