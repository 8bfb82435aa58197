"""Faults that compilers have, injected into an otherwise eager evaluation: what the oracles must not miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import torch

from misfold.oracles.calls import Call, make_call
from misfold.oracles.kinds import base_name
from misfold.programs.aliasing import is_functional
from misfold.programs.arguments import Ref
from misfold.programs.graph import Graph, Node
from misfold.programs.pipeline import Pipeline
from misfold.targets.protocol import Executable, Target

Tensors = Mapping[str, torch.Tensor]
Fault = Callable[[Node, Call, Tensors], list[torch.Tensor] | None]

_REDUCTIONS = frozenset("sum mean prod amax amin logsumexp var std norm nansum max min any all softmax".split())
_PRODUCTS = frozenset("mm bmm matmul linear mv dot".split())
_ORDERED = frozenset("sub subtract div divide true_divide pow remainder fmod floor_divide gt ge lt le where".split())


def _elementwise(change: Callable[[torch.Tensor], torch.Tensor | None]) -> Fault:
    """A fault that damages the first result of any call."""

    def fault(node: Node, call: Call, env: Tensors) -> list[torch.Tensor] | None:
        results = call(env)
        changed = change(results[0])
        return None if changed is None else [changed, *results[1:]]

    return fault


def dropped_term(node: Node, call: Call, env: Tensors) -> list[torch.Tensor] | None:
    """A reduction or product that leaves out the last term."""
    name = base_name(node.op)
    if name in _REDUCTIONS and len(node.uses) == 1 and env[node.uses[0]].dim() > 0:
        item = env[node.uses[0]]
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else item.dim() - 1)
        dim = dim[0] if isinstance(dim, list | tuple) and dim else dim
        if type(dim) is not int or item.shape[dim] < 2:
            return None
        return call({node.uses[0]: item.narrow(dim, 0, item.shape[dim] - 1)})
    if name in _PRODUCTS and len(node.uses) >= 2:
        left = env[node.uses[0]].clone()
        if left.numel() == 0 or node.uses[0] == node.uses[1] or left.requires_grad:
            return None
        left[..., -1] = 0
        return call({**env, node.uses[0]: left})
    return None


def _stale(item: torch.Tensor) -> torch.Tensor | None:
    if item.numel() < 2:
        return None
    flat = item.clone().reshape(-1)
    flat[-1] = flat[0]
    return flat.reshape(item.shape)


def _shifted(item: torch.Tensor) -> torch.Tensor | None:
    return item.roll(1, -1) if item.dim() and item.shape[-1] > 1 else None


def _lost_tail(item: torch.Tensor) -> torch.Tensor | None:
    tail = item.numel() % 8
    if not tail:
        return None
    flat = item.clone().reshape(-1)
    flat[-tail:] = 0
    return flat.reshape(item.shape)


def _coarse(item: torch.Tensor) -> torch.Tensor | None:
    # an intermediate in the next narrower type
    narrow = {torch.float64: torch.float32, torch.float32: torch.bfloat16}.get(item.dtype)
    return None if narrow is None else item.to(narrow).to(item.dtype)


def _negated(item: torch.Tensor) -> torch.Tensor | None:
    if not item.is_floating_point() or item.numel() == 0:
        return None
    flat = item.clone().reshape(-1)
    flat[flat.numel() // 2] = -flat[flat.numel() // 2]
    return flat.reshape(item.shape)


def _off_by_one(item: torch.Tensor) -> torch.Tensor | None:
    if item.is_floating_point() or item.dtype is torch.bool or item.numel() == 0:
        return None
    flat = item.clone().reshape(-1)
    flat[-1] += 1
    return flat.reshape(item.shape)


def _flipped(item: torch.Tensor) -> torch.Tensor | None:
    if item.dtype is not torch.bool or item.numel() == 0:
        return None
    flat = item.clone().reshape(-1)
    flat[0] = ~flat[0]
    return flat.reshape(item.shape)


def shifted_bias(node: Node, call: Call, env: Tensors) -> list[torch.Tensor] | None:
    """A vector that is added, or is the bias of a product, with its elements moved on by one."""
    name = base_name(node.op)
    if name not in ("add", "addmm", "linear", "conv1d", "conv2d", "conv3d", "baddbmm", "layer_norm", "sub"):
        return None
    for use in reversed(node.uses):
        item = env[use]
        if item.dim() == 1 and item.shape[0] > 1 and not item.requires_grad:
            return call({**env, use: item.roll(1)})
    return None


def swapped_operands(node: Node, call: Call, env: Tensors) -> list[torch.Tensor] | None:
    """A binary operator with its operands exchanged."""
    if base_name(node.op) not in _ORDERED or len(node.args) < 2:
        return None
    left, right = node.args[-2:]
    if not (isinstance(left, Ref) and isinstance(right, Ref)) or env[left.name].shape != env[right.name].shape:
        return None
    swapped = Node(node.op, (*node.args[:-2], right, left), node.kwargs, node.outputs, node.unpack)
    return make_call(swapped)(env)


def wrong_rounding(node: Node, call: Call, env: Tensors) -> list[torch.Tensor] | None:
    """Rounding by another rule: floor for round and the reverse, cutting for conversions to integers and half types."""
    name = base_name(node.op)
    if name in ("round", "floor", "ceil", "trunc", "fix"):
        item = env[node.uses[0]]
        return [item.round() if name != "round" else item.floor()]
    results = call(env)
    item, source = results[0], env[node.uses[0]] if node.uses else results[0]
    if name in ("to", "int", "long", "short", "char", "byte") and source.is_floating_point():
        if not item.is_floating_point() and item.dtype is not torch.bool:
            return [source.round().to(item.dtype)]
    return None


FAULTS: dict[str, Fault] = {
    "dropped term": dropped_term,
    "stale element": _elementwise(_stale),
    "shifted by one": _elementwise(_shifted),
    "lost tail": _elementwise(_lost_tail),
    "shifted bias": shifted_bias,
    "swapped operands": swapped_operands,
    "wrong rounding": wrong_rounding,
    "coarser intermediate": _elementwise(_coarse),
    "negated element": _elementwise(_negated),
    "integer off by one": _elementwise(_off_by_one),
    "flipped truth": _elementwise(_flipped),
}


class Inapplicable(Exception):
    """The program cannot have this fault."""


class Faulty(Target):
    """Eager with one fault in one node that can have it."""

    name = "faulty"
    family = "torch"
    gradients = True

    def __init__(self, fault: str, seed: int):
        self.fault, self.seed = FAULTS[fault], seed

    def missing(self) -> str | None:
        return None

    def versions(self) -> Mapping[str, str]:
        return {}

    def pipelines(self) -> Sequence[Pipeline]:
        return (Pipeline("faulty"),)

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        return lambda tensors: self._run(graph, tensors)

    def _run(self, graph: Graph, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        if not is_functional(graph.nodes):
            raise Inapplicable("the program writes in place")
        order = list(range(len(graph.nodes)))
        Random(self.seed).shuffle(order)
        for chosen in order:
            env = {value.name: item for value, item in zip(graph.inputs, inputs, strict=True)}
            done = False
            for index, node in enumerate(graph.nodes):
                call = make_call(node)
                results = self.fault(node, call, env) if index == chosen else None
                done |= results is not None
                if index == chosen and results is None:
                    break
                names = [value.name for value in node.outputs]
                env.update(zip(names, results if results is not None else call(env), strict=False))
            if done:
                return [env[name] for name in graph.returns]
        raise Inapplicable("no call can have this fault")
