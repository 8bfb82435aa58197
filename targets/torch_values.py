"""Between misfold's data and torch: inputs from recipes, functions from graphs, outcomes' values from tensors."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from misfold.programs.case import Case
from misfold.programs.graph import Graph
from misfold.programs.hashing import text_hash
from misfold.programs.printer import print_graph
from misfold.programs.recipes import draw, generator, place
from misfold.programs.types import TensorType

from .outcome import TensorValue


def make_tensor(
    recipe: Any, shape: Sequence[int], dtype: str, strides: Sequence[int] | None, random: Any = None
) -> torch.Tensor:
    """The tensor that a recipe describes, with the given strides (None: contiguous); ``random`` as for ``draw``."""
    array = draw(recipe, tuple(shape), dtype, random)
    if strides is None:
        contiguous = array.flags.c_contiguous
        tensor = torch.from_numpy(array if contiguous else np.ascontiguousarray(array).reshape(array.shape))
    else:
        tensor = torch.from_numpy(place(array, strides)).as_strided(tuple(shape), tuple(strides))
    if dtype == "bfloat16":
        tensor = round_to_bfloat16(tensor)
    return tensor.requires_grad_(bool(recipe.get("requires_grad", False)))


def round_to_bfloat16(tensor: torch.Tensor) -> torch.Tensor:
    """A float32 tensor in bfloat16 with the same strides, overlapping ones included."""
    size = tensor.untyped_storage().nbytes() // 4
    flat = tensor.as_strided((size,), (1,)).to(torch.bfloat16)
    return flat.as_strided(tensor.shape, tensor.stride())


def tensor_of(recipe: Mapping[str, Any], kind: TensorType) -> torch.Tensor:
    """The tensor that a recipe describes for an input of a type; fresh memory at every call."""
    # Seeds come again, so what they begin with is remembered; not in make_tensor, whose source goes into exported
    # scripts: there every seed is used once.
    random = generator(recipe.get("seed", 0))
    return make_tensor(recipe, kind.shape, kind.dtype.name, kind.strides, random)


def make_inputs(case: Case) -> list[torch.Tensor]:
    """The case's input tensors, in the graph's order; fresh memory at every call."""
    return [tensor_of(case.recipes[value.name], value.known) for value in case.graph.inputs]


def to_function(graph: Graph) -> Callable[..., tuple[torch.Tensor, ...]]:
    """The graph as a Python function of its inputs, made from its printed text.

    The text comes from a checked Graph, so it calls allow-listed operators only. Its lines are known to ``linecache``,
    which dynamo and tracebacks read.
    """
    text = print_graph(graph)
    name = f"/misfold/program_{text_hash(text)}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"torch": torch, "__name__": "misfold_program"}
    exec(compile(text, name, "exec"), scope)
    function: Callable[..., tuple[torch.Tensor, ...]] = scope["program"]
    return function


def to_value(tensor: torch.Tensor, alias: str | None = None) -> TensorValue:
    """A tensor's elements, type and observable layout as data."""
    tensor = tensor.detach()
    strides = tuple(tensor.stride())
    # autograd's symbolic zeros have no memory until they are cloned
    flat = (tensor.clone() if tensor._is_zerotensor() else tensor).resolve_conj().resolve_neg().contiguous().cpu()
    if flat.dtype == torch.bfloat16:
        flat = flat.view(torch.int16)
    name = str(tensor.dtype).removeprefix("torch.")
    return TensorValue(name, tuple(tensor.shape), flat.numpy().tobytes(), strides, alias)


def cotangent(tensor: torch.Tensor) -> torch.Tensor:
    """A fixed cotangent for a backward pass: 1, 2, -1, 1, 2, … so that errors do not cancel and exactness survives."""
    pattern = torch.tensor([1.0, 2.0, -1.0], dtype=tensor.dtype)
    return pattern.repeat(-(-max(tensor.numel(), 1) // 3))[: tensor.numel()].reshape(tensor.shape)


def gradients(outputs: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    """Gradients of Σ ⟨output, cotangent⟩ for the inputs that require one, in order; None where there is none."""
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    sources = [tensor for tensor in outputs if isinstance(tensor, torch.Tensor) and tensor.requires_grad]
    if not sources or not wanted:
        return [None for _ in wanted]
    return list(torch.autograd.grad(sources, wanted, [cotangent(item) for item in sources], allow_unused=True))


def storage_names(inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> list[str | None]:
    """For each output what it shares storage with: ``x2`` (the input at position 2), ``out0``, or None."""
    owners = {tensor.untyped_storage().data_ptr(): f"x{index}" for index, tensor in enumerate(inputs) if tensor.numel()}
    names: list[str | None] = []
    for index, tensor in enumerate(outputs):
        pointer = tensor.untyped_storage().data_ptr() if tensor.numel() else 0
        names.append(owners.get(pointer) if pointer else None)
        if pointer:
            owners.setdefault(pointer, f"out{index}")
    return names
