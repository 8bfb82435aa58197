"""A compiled graph as a function of PyTorch's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from misfold.compiler.codegen import Compiled

from .imported import Computed, Constant, Divided, Factorised, Imported, Mutation, Part, Passed, View
from .types import TO_TORCH


class Executable:
    """Calls machine code on the memory of tensors, and gives the program's results as new tensors.

    Inputs must have the dtypes and shapes that the program was compiled for; one that lies in memory in another way is
    copied first. Gradients are not recorded: that is AOTAutograd's part.
    """

    def __init__(self, imported: Imported, compiled: Compiled):
        self._compiled = compiled
        self._imported = imported
        graph = imported.graph
        self._inputs = [
            (input, TO_TORCH[value.type.dtype], value.type.shape, _strides(value.type.shape, value.type.strides))
            for input, value in zip(imported.inputs, graph.inputs, strict=True)
        ]
        self._outputs = [
            (value.type.shape, _strides(value.type.shape, value.type.strides), TO_TORCH[value.type.dtype])
            for value in graph.outputs
        ]

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        """The program's results, in order; inputs that it writes are written.

        Raises:
            TypeError: an argument is not a tensor of the dtype and shape that the program was compiled for.
            AssertionFailed, OutOfBounds: the compiled code found an index out of range.
            RuntimeError: integers were divided by zero.
            torch.linalg.LinAlgError: a matrix has no factorisation, as eager says.
        """
        inputs = self._tensors(arguments)
        # copies live until the call is over
        laid = [_as_laid_out(tensor, strides) for tensor, (_, _, _, strides) in zip(inputs, self._inputs)]
        outputs = [torch.empty_strided(shape, strides, dtype=dtype) for shape, strides, dtype in self._outputs]
        self._compiled.call_pointers([tensor.data_ptr() for tensor in (*laid, *outputs)])
        for check in self._imported.checks:
            match check:
                case Factorised(output, name, is_matrix):
                    torch.ops.aten._linalg_check_errors(outputs[output], name, is_matrix=is_matrix)
                case Divided(output):
                    if outputs[output].any():
                        raise RuntimeError("ZeroDivisionError")  # eager's words
        results = tuple([self._result(output, inputs, outputs) for output in self._imported.outputs])
        with torch.no_grad():
            for mutation in self._imported.mutations:
                inputs[mutation.input].copy_(self._new_value(mutation, inputs, outputs))
        return results

    def _tensors(self, arguments: Sequence[Any]) -> list[torch.Tensor]:
        found = []
        for number, (input, dtype, shape, _) in enumerate(self._inputs):
            tensor = input.bound if input.position is None else arguments[input.position]
            if not isinstance(tensor, torch.Tensor) or tensor.dtype != dtype or tuple(tensor.shape) != shape:
                raise TypeError(f"input {number} ({input.name}) must be a tensor of {dtype}, shape {list(shape)}")
            found.append(tensor)
        return found

    def _result(self, output: Any, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> Any:
        match output:
            case Constant(value):
                return value
            case Passed(input):
                return inputs[input]
            case View(input, shape, strides, offset):
                return inputs[input].as_strided(shape, strides, inputs[input].storage_offset() + offset)
            case Part(number, shape, strides, offset):
                return outputs[number].as_strided(shape, strides, offset)
            case Computed(number, dtype, shape, strides):
                tensor = outputs[number]
                if tuple(tensor.stride()) == strides or (tensor.numel() == 0 and tuple(tensor.shape) == shape):
                    return tensor
                # Elements that share memory in eager's result: write them once.
                shared = torch.empty_strided(shape, strides, dtype=dtype)
                first = [slice(0, 1) if stride == 0 else slice(None) for stride in strides]
                shared[tuple(first)] = tensor[tuple(first)]
                return shared
        raise TypeError(f"not a result: {output!r}")

    def _new_value(self, mutation: Mutation, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> Any:
        return self._result(mutation.value, inputs, outputs)


def _strides(shape: tuple[int, ...], strides: tuple[int, ...] | None) -> tuple[int, ...]:
    if strides is not None:
        return strides
    found, step = [], 1
    for size in reversed(shape):
        found.append(step)
        step *= max(size, 1)
    return tuple(reversed(found))


def _as_laid_out(tensor: torch.Tensor, strides: tuple[int, ...]) -> torch.Tensor:
    """The tensor itself if it lies in memory as compiled for (where that matters), else a copy that does."""
    tensor = tensor.detach()
    lies = all(size <= 1 or have == want for size, have, want in zip(tensor.shape, tensor.stride(), strides))
    if (lies or tensor.numel() == 0) and not (tensor.is_conj() or tensor.is_neg()):
        return tensor
    copy = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype)
    return copy.copy_(tensor)


def arrays(imported: Imported, arguments: Sequence[Any]) -> list[np.ndarray]:
    """The graph's inputs as numpy arrays (bfloat16 as ml_dtypes'), out of what the program is called with."""
    import ml_dtypes

    found = []
    for input in imported.inputs:
        tensor = input.bound if input.position is None else arguments[input.position]
        assert isinstance(tensor, torch.Tensor)
        tensor = tensor.detach().contiguous()
        if tensor.dtype == torch.bfloat16:
            found.append(tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
        else:
            found.append(tensor.numpy())
    return found
