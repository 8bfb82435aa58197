"""One call of one ATen overload, undecomposed, as an FX graph."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._subclasses import FakeTensorMode
from torch.fx import Graph, GraphModule
from torch.utils import _pytree as pytree

from misfold.compiler.frontend import Imported, import_fx

from .checking import compare, run


def overload(name: str) -> Any:
    """``add.Tensor`` of aten, or ``prims.…``."""
    space, names = ("prims", name.split(".")[1:]) if name.startswith("prims.") else ("aten", name.split("."))
    return getattr(getattr(getattr(torch.ops, space), names[0]), names[1])


def graph_of(
    target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], results: int | None = None
) -> tuple[GraphModule, list[torch.Tensor]]:
    """The graph of a call, and the tensors among its arguments, which are the graph's inputs.

    ``results`` says how many the graph returns, by default all.
    """
    leaves, structure = pytree.tree_flatten((tuple(args), dict(kwargs)))
    graph, mode, tensors = Graph(), FakeTensorMode(), []
    fakes, nodes = list(leaves), list(leaves)
    for number, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor):
            fakes[number] = mode.from_tensor(leaf)
            nodes[number] = graph.placeholder(f"x{len(tensors)}")
            nodes[number].meta["val"] = fakes[number]
            tensors.append(leaf)
    args, kwargs = pytree.tree_unflatten(nodes, structure)
    call = graph.call_function(target, args, kwargs)
    fake_args, fake_kwargs = pytree.tree_unflatten(fakes, structure)
    with mode:
        call.meta["val"] = target(*fake_args, **fake_kwargs)
    if isinstance(call.meta["val"], list | tuple):
        items = []
        for number, val in list(enumerate(call.meta["val"]))[:results]:
            items.append(graph.call_function(operator.getitem, (call, number)))
            items[-1].meta["val"] = val
        graph.output(tuple(items))
    else:
        graph.output((call,))
    return GraphModule(torch.nn.Module(), graph), tensors


def import_call(
    target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], results: int | None = None
) -> tuple[Imported, list[torch.Tensor]]:
    module, tensors = graph_of(target, args, kwargs, results)
    return import_fx(module, tensors), tensors


def check_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], results: Sequence[int] | None = None) -> None:
    """Compare a call in eager and through the graph IR; ``results`` names those whose elements are compared.

    Raises:
        Unsupported: the frontend does not take it.
        Wrong: results differ.
    """
    target = overload(name)
    # what is left open behind those that are compared need not be there
    count = len(results) if results else None
    imported, tensors = import_call(target, args, kwargs, count)
    expected = target(*args, **kwargs)
    expected = list(expected) if isinstance(expected, list | tuple) else [expected]
    actual, _ = run(imported, tensors)
    for number, (one, other) in enumerate(zip(actual, expected[:count], strict=True)):
        compare(one, other, f"result {number} of {name}", results is None or number in results)
