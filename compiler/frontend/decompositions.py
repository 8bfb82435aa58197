"""Operators without a conversion of their own, taken apart by PyTorch's own rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch._decomp import global_decomposition_table
from torch.fx import GraphModule
from torch.fx import Node as FxNode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from misfold.compiler.errors import Unsupported

from .registry import conversions


@cache
def _rules() -> Mapping[Any, Callable[..., Any]]:
    """PyTorch's decompositions of all operators that have no conversion."""
    known = conversions()
    return {
        target: rule
        for target, rule in global_decomposition_table["post_autograd"].items()
        if str(target).removeprefix("aten.") not in known
    }


def decompose(node: FxNode) -> tuple[GraphModule, list[FxNode]] | None:
    """The functional graph that a call decomposes into, and the nodes that its placeholders stand for, in order.

    None if PyTorch has no decomposition of the operator.
    """
    target: Any = node.target
    composite = target.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)
    if target not in _rules() and not composite:
        return None
    leaves, structure = pytree.tree_flatten((node.args, dict(node.kwargs)))
    tensors = [leaf for leaf in dict.fromkeys(leaves) if isinstance(leaf, FxNode)] if _hashable(leaves) else []
    if any(not isinstance(one.meta.get("val"), torch.Tensor) for one in tensors):
        return None
    places = {one: number for number, one in enumerate(tensors)}

    def call(*fakes: torch.Tensor) -> Any:
        given = [fakes[places[leaf]] if isinstance(leaf, FxNode) else leaf for leaf in leaves]
        args, kwargs = pytree.tree_unflatten(given, structure)
        return target(*args, **kwargs)

    fakes = [one.meta["val"] for one in tensors]
    # Rules write into tensors that they have made: functionalisation turns that into values.
    trace = make_fx(
        torch.func.functionalize(call), decomposition_table=dict(_rules()), _error_on_data_dependent_ops=False
    )
    try:
        with torch.no_grad():
            module = trace(*fakes)
    except Exception as error:
        raise Unsupported(f"PyTorch's decomposition fails: {str(error).partition(chr(10))[0]}", str(target)) from error
    if any(one.target is target for one in module.graph.nodes):
        return None
    return module, tensors


def _hashable(leaves: list[Any]) -> bool:
    return all(type(leaf).__hash__ is not None for leaf in leaves)
