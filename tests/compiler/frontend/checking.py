"""Exports a function, imports it, evaluates the graph IR with numpy, and compares with eager."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy
import torch

from misfold.compiler.driver import compile_graph
from misfold.compiler.frontend import Computed, Constant, Imported, Passed, View, import_exported
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.ir import Graph, TensorType
from misfold.compiler.graph.verify import verify
from misfold.compiler.pipelines import named
from misfold.compiler.stages import numpy_dtype
from misfold.targets.exporting import export

#: Relative and absolute tolerance; integers and bools are compared exactly.
TOLERANCES = {
    torch.float64: (1e-10, 1e-10),
    torch.float32: (2e-5, 2e-5),
    torch.float16: (2e-3, 1e-3),
    torch.bfloat16: (1.6e-2, 1e-2),
}


class Wrong(AssertionError):
    """The graph IR computes something else than eager."""


def to_numpy(tensor: torch.Tensor) -> numpy.ndarray:
    tensor = tensor.detach()
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def to_torch(array: numpy.ndarray) -> torch.Tensor:
    array = numpy.ascontiguousarray(array).reshape(array.shape)
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(numpy.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


#: The outputs of a graph for its inputs, both as numpy arrays.
Compute = Callable[[Graph, Sequence[numpy.ndarray]], Sequence[numpy.ndarray]]


def evaluated(graph: Graph, arrays: Sequence[numpy.ndarray]) -> Sequence[numpy.ndarray]:
    """By the graph IR's evaluator."""
    return evaluate(graph, arrays)


def compiled(graph: Graph, arrays: Sequence[numpy.ndarray]) -> Sequence[numpy.ndarray]:
    """By machine code, compiled at O2."""
    function = compile_graph(graph, named("O2"))
    inputs = [laid_out(array, value.type) for array, value in zip(arrays, graph.inputs, strict=True)]
    outputs = [
        laid_out(numpy.zeros(value.type.shape, numpy_dtype(value.type.dtype)), value.type) for value in graph.outputs
    ]
    function.call_pointers([array.ctypes.data for array in (*inputs, *outputs)])
    return outputs


def laid_out(array: numpy.ndarray, type: TensorType) -> numpy.ndarray:
    """A copy that lies in memory as the type says."""
    if type.strides is None or not array.size:
        return numpy.array(array, order="C")
    size = 1 + sum((size - 1) * stride for size, stride in zip(type.shape, type.strides))
    steps = [stride * array.itemsize for stride in type.strides]
    laid = numpy.lib.stride_tricks.as_strided(numpy.zeros(size, array.dtype), type.shape, steps)
    laid[...] = array
    return laid


def run(
    imported: Imported, inputs: Sequence[Any], compute: Compute = evaluated
) -> tuple[list[Any], dict[int, torch.Tensor]]:
    """The results, and the new values of the inputs that are written, by their position."""
    verify(imported.graph)
    tensors = [inputs[one.position] if one.bound is None else one.bound for one in imported.inputs]
    arrays = compute(imported.graph, [to_numpy(tensor) for tensor in tensors])

    def value(one: Any) -> Any:
        if isinstance(one, Constant):
            return one.value
        if isinstance(one, View):
            given = tensors[one.input]
            return given.as_strided(one.shape, one.strides, given.storage_offset() + one.offset)
        return tensors[one.input] if isinstance(one, Passed) else to_torch(arrays[one.output])

    return [value(one) for one in imported.outputs], {one.input: value(one.value) for one in imported.mutations}


def check(
    function: Callable[..., Any],
    *inputs: torch.Tensor,
    values: bool = True,
    results: int | None = None,
    compute: Compute = evaluated,
) -> Imported:
    """Compare what a function of tensors gives in eager and through the graph IR.

    Without ``values`` only types are compared; ``results`` says how many are, from the first on.

    Raises:
        Unsupported: the frontend, or torch.export, does not take it.
        Wrong: results differ.
    """
    with torch.no_grad():
        expected = torch.utils._pytree.tree_leaves(function(*inputs))
    program = export(function, inputs)
    imported = import_exported(program)
    actual, _ = run(imported, inputs, compute)
    if len(actual) != len(expected):
        raise Wrong(f"{len(actual)} results, not {len(expected)}")
    try:
        for number, (one, other) in enumerate(zip(actual[:results], expected)):
            compare(one, other, f"result {number}", values)
    except Wrong:
        if not any(one.dtype in WIDER for one in inputs) or not any(
            _agrees(actual, *other) for other in _references(function, program, inputs)
        ):
            raise
    for output, tensor in zip(imported.outputs, expected):
        if isinstance(output, Computed) and (output.dtype, output.shape) != (tensor.dtype, tuple(tensor.shape)):
            raise Wrong(f"declared as {output}")
    return imported


#: The type to compute in instead, to see what is nearer to the truth.
WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}


def _references(function: Callable[..., Any], program: Any, inputs: Sequence[torch.Tensor]) -> Iterator[Any]:
    """What else is right for floats, whose roundings in between eager chooses freely.

    The operators that the program was decomposed into, each rounded, or all of it in a wider type and rounded at the
    end.
    """
    leaves = torch.utils._pytree.tree_leaves
    with torch.no_grad():
        yield leaves(program.module()(*inputs)), False
        yield leaves(function(*(one.to(WIDER.get(one.dtype, one.dtype)) for one in inputs))), True


def _agrees(actual: Sequence[Any], expected: Sequence[Any], rounded: bool) -> bool:
    try:
        for one, other in zip(actual, expected, strict=True):
            compare(one, other.to(one.dtype) if rounded and isinstance(other, torch.Tensor) else other, "")
    except Wrong:
        return False
    return True


def compare(actual: Any, expected: Any, what: str, values: bool = True) -> None:
    if not isinstance(expected, torch.Tensor):
        if actual != expected:
            raise Wrong(f"{what} is {actual!r}, not {expected!r}")
        return
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        raise Wrong(f"{what} is {actual.dtype}{list(actual.shape)}, not {expected.dtype}{list(expected.shape)}")
    if not values:
        return
    rtol, atol = TOLERANCES.get(expected.dtype, (0, 0))
    try:
        torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=True, check_stride=False)
    except AssertionError as error:
        raise Wrong(f"{what}: {' '.join(str(error).split())}") from error
