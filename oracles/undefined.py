"""Calls whose result nothing defines for these operands: no target can be wrong about them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from misfold.programs.arguments import Ref, references
from misfold.programs.graph import Node

from .calls import Tensors
from .kinds import base_name

_DIVISION = frozenset("div divide floor_divide remainder fmod true_divide".split())
_SHIFT = frozenset("bitwise_left_shift bitwise_right_shift ldexp".split())
_NEGATION = frozenset("abs absolute neg negative".split())
#: Where the places stand that elements are written to, when two elements for one place have no defined winner.
_SCATTER = {"scatter": (2, "index"), "index_copy": (2, "index"), "put": (1, "index"), "index_put": (1, "indices")}


def undefined(node: Node, inputs: Tensors, results: Sequence[torch.Tensor]) -> str | None:
    """Why the call's meaning is undefined for these operands (as they were before it), or None."""
    name = base_name(node.op)
    if any(_is_integer(item) for item in results) and any(item.is_floating_point() for item in inputs.values()):
        if not _floats_fit(inputs, results):
            return "a float out of an integer type's range"
    signed = [item for item in inputs.values() if _is_integer(item) and item.dtype.is_signed and item.numel()]
    if signed and (name in _DIVISION or name in _NEGATION):
        lowest = any(bool((item == torch.iinfo(item.dtype).min).any()) for item in signed)
        wide = any(item.dtype in (torch.int32, torch.int64) for item in signed)
        if lowest and (name in _DIVISION or wide):
            return "the smallest integer has no opposite"
    if name in _SHIFT and len(node.args) > 1:
        amount = node.args[1]
        width = min((item.element_size() * 8 for item in inputs.values() if _is_integer(item)), default=64)
        if isinstance(amount, Ref):
            tensor = inputs[amount.name]
            if _is_integer(tensor) and bool(((tensor < 0) | (tensor >= width)).any()):
                return "a shift out of range"
        elif isinstance(amount, int) and not 0 <= amount < width:
            return "a shift out of range"
    powers = name in ("pow", "float_power") and any(_is_integer(item) for item in results)
    if powers and any(bool((item < 0).any()) for item in signed[1:]):
        return "an integer to a negative power"
    if name == "ctc_loss" and _labels_outside(node, inputs):
        return "a label that is no class"
    if name in _SCATTER:
        return _scattered_twice(node, name, inputs)
    return None


def _is_integer(item: torch.Tensor) -> bool:
    return not (item.is_floating_point() or item.is_complex() or item.dtype is torch.bool)


def _floats_fit(inputs: Tensors, results: Sequence[torch.Tensor]) -> bool:
    limits = [torch.iinfo(item.dtype) for item in results if _is_integer(item)]
    low, high = max(item.min for item in limits), min(item.max for item in limits)
    for item in inputs.values():
        if item.is_floating_point() and item.numel():
            least, most = torch.aminmax(item.detach())
            # The limits themselves may not be representable; a float strictly inside is safe.
            if not (float(least) > low - 1 and float(most) < high):
                return False
    return True


def _labels_outside(node: Node, inputs: Tensors) -> bool:
    # torch reads past the end of the scores without a check: ctc_loss(log_probs, targets, ...)
    if len(node.args) < 2 or not isinstance(node.args[0], Ref) or not isinstance(node.args[1], Ref):
        return False
    scores, labels = inputs[node.args[0].name], inputs[node.args[1].name]
    return labels.numel() > 0 and not bool(((labels >= 0) & (labels < scores.shape[-1])).all())


def _scattered_twice(node: Node, name: str, inputs: Tensors) -> str | None:
    accumulate = node.kwargs.get("accumulate", node.args[3] if len(node.args) > 3 and name != "scatter" else False)
    if (name in ("put", "index_put") and accumulate is True) or (
        name == "scatter" and (node.kwargs.get("reduce") is not None or len(node.args) > 4)
    ):
        return None
    position, keyword = _SCATTER[name]
    argument = node.kwargs.get(keyword, node.args[position] if len(node.args) > position else None)
    tensors = [inputs[ref.name] for ref in references(argument)]
    if not tensors or any(item.dtype is torch.bool for item in tensors):
        return None
    places = torch.stack([item.flatten() for item in torch.broadcast_tensors(*tensors)])
    if name == "scatter":
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        places = tensors[0].movedim(dim, 0).reshape(tensors[0].shape[dim], -1) if tensors[0].dim() else places
        repeated = places.shape[0] > 1 and bool((places.sort(0).values.diff(dim=0) == 0).any())
    else:
        # Negative indices name places from the end: two names of one place are rare enough to take either for a repeat.
        repeated = places.unique(dim=1).shape[1] < places.shape[1] or bool((places < 0).any() and (places >= 0).any())
    return "two elements for one place" if repeated else None
