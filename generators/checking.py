"""The last check of a case that was made: run as a whole, does it do what it did while it was made?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from misfold.programs.case import Case
from misfold.programs.graph import Graph
from misfold.targets.torch_values import gradients, tensor_of

from .building import REFUSALS, Live
from .calling import all_finite, step, type_of


@dataclass(frozen=True)
class Generated:
    """A case with what eager made of it when it was checked.

    ``inputs`` are as they are after the run; ``gradients`` one per input that requires one, as in an outcome.
    """

    case: Case
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]
    gradients: tuple[torch.Tensor | None, ...]


def run_again(
    case: Case, inputs: Sequence[Live], tainted: set[int], returned: Sequence[Live], special: bool = False
) -> Generated | None:
    """Run a case from its graph and recipes; None unless it does what it did while it was made.

    Args:
        inputs, returned: the values that became the graph's inputs, and those that it returns.
        tainted: addresses of storages that the program writes.
        special: NaN and infinities are among the inputs on purpose, so that they may come out too.
    """
    tensors = [_input_again(live, case.recipes[value.name], tainted) for live, value in zip(inputs, case.graph.inputs)]
    found: list[torch.Tensor | None] = []
    try:
        with torch.set_grad_enabled(case.gradient):
            outputs = _outputs(case.graph, tensors)
        if case.gradient:
            found = gradients(outputs, tensors)
    except REFUSALS:
        return None
    # With gradients some operators take another path, whose last bits differ.
    loose = special or case.gradient
    for live, tensor in zip(returned, outputs, strict=True):
        if type_of(tensor) != live.type or not (loose or torch.equal(tensor, live.tensor)):
            return None
    if any(item is not None and item.layout is not torch.strided for item in found):
        return None  # embeddings can give sparse gradients
    # Without gradients the outputs are equal to values that were found finite when they were made.
    fresh = [*outputs, *(item for item in found if item is not None)] if case.gradient else []
    if not special and not all_finite(fresh):
        return None
    return Generated(case, tuple(tensors), tuple(outputs), tuple(found))


def _outputs(graph: Graph, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What the graph gives, call by call: what its text does, which takes longer to compile than to run."""
    values = {value.name: tensor for value, tensor in zip(graph.inputs, tensors, strict=True)}
    for node in graph.nodes:
        step(node, values)
    return [values[name] for name in graph.returns]


def _input_again(live: Live, recipe: Mapping[str, Any], tainted: set[int]) -> torch.Tensor:
    """What ``make_inputs`` gives for an input. Drawing it is half the cost of a case, so it is drawn again only if the
    program has written it; recipes give the same bits each time."""
    tensor = live.tensor
    if tensor.untyped_storage().data_ptr() in tainted:
        return tensor_of(recipe, live.type)
    return tensor.detach().requires_grad_(True) if recipe.get("requires_grad") else tensor
