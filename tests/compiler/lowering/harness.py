"""What lowering is tested with: the loops of a graph compute what numpy says that the graph means.

The interpreter runs them and finds all that is undefined: reads of what was never written, indices out of bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from misfold.compiler.dtypes import DType
from misfold.compiler.graph.arithmetic import NUMPY
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.fusion_rules import check_fused
from misfold.compiler.graph.ir import Graph, Node, TensorType, Value
from misfold.compiler.graph.operators.base import IllTyped
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Buffer, Function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.lowering import lower
from misfold.compiler.lowering.indices import row_major

Array = np.ndarray


def array(type: TensorType, random: np.random.Generator) -> Array:
    """Small whole and half numbers, so that ties and exact sums are common; in the type's layout."""
    dtype = NUMPY[type.dtype.name]
    if type.dtype.is_bool:
        values = random.integers(0, 2, type.shape).astype(bool)
    elif type.dtype.is_float:
        values = (random.integers(-6, 7, type.shape) / 2).astype(dtype)
    else:
        values = random.integers(-4 if type.dtype.is_signed else 0, 8, type.shape).astype(dtype)
    return laid_out(np.asarray(values), type)


def laid_out(values: Array, type: TensorType) -> Array:
    """The values in an array of the type's strides."""
    if type.strides is None:
        return np.ascontiguousarray(values).reshape(type.shape)
    span = 1 + sum((size - 1) * stride for size, stride in zip(type.shape, type.strides) if size)
    memory = np.zeros(max(span, 1), values.dtype)
    result = np.lib.stride_tricks.as_strided(
        memory, type.shape, [stride * values.itemsize for stride in type.strides], writeable=True
    )
    result[...] = values
    return result


def run(function: Function, graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """Interpret a graph's function; the outputs."""
    outputs = [laid_out(np.ones(value.type.shape, NUMPY[value.type.dtype.name]), value.type) for value in graph.outputs]
    given = [in_shape(array, one.buffer) for array, one in zip([*arrays, *outputs], function.parameters)]
    interpret(function, given)
    return outputs


def in_shape(array: Array, buffer: Buffer) -> Array:
    """The memory of an array as a buffer that may have fewer dimensions."""
    if array.shape == buffer.shape:
        return array
    strides = buffer.strides or row_major(buffer.shape)
    return np.lib.stride_tricks.as_strided(
        array, buffer.shape, [stride * array.itemsize for stride in strides], writeable=True
    )


def check(
    graph: Graph, arrays: Sequence[Array] | None = None, seed: int = 0, flat_parameters: bool = False
) -> Function:
    """Lower, verify and interpret a graph, and compare with its meaning; the function."""
    if arrays is None:
        random = np.random.default_rng(seed)
        arrays = [array(value.type, random) for value in graph.inputs]
    function = lower(graph, flat_parameters)
    verify(function)
    wanted = evaluate(graph, arrays)
    for value, expected, found in zip(graph.outputs, wanted, run(function, graph, arrays)):
        assert close(expected, found, value.type.dtype), (
            f"{value.name}:\n{expected}\nexpected, but found\n{found}\n{print_function(function)}"
        )
    return function


def close(expected: Array, found: Array, dtype: DType) -> bool:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return False
    if not dtype.is_float:
        return bool((expected == found).all())
    # Sums may be rounded in another order; and of functions, the numpy here is no better than a few ULP.
    tolerance = 2.0 ** (4 - dtype.precision)
    wide = np.float64
    return bool(np.allclose(expected.astype(wide), found.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True))


def fused(graph: Graph) -> Graph:
    """The graph with all its nodes in one ``fused`` node."""
    outputs = tuple(Value(f"fused{number}", value.type) for number, value in enumerate(graph.outputs))
    return Graph(graph.name, graph.inputs, (Node("fused", graph.inputs, outputs, (), graph),), outputs)


def one(operator: str, *types: TensorType, **attributes: object) -> Graph:
    """A graph of one node."""
    builder = Builder(operator)
    inputs = [builder.input(type) for type in types]
    return builder.finish(builder.apply(operator, *inputs, **attributes))


def check_both(graph: Graph, arrays: Sequence[Array] | None = None) -> None:
    """Each node as a nest of its own, and all nodes in one nest; with long loops and without."""
    check(graph, arrays)
    check(fused(graph), arrays)
    check(fused(graph), arrays, flat_parameters=True)


def fused_at_random(graph: Graph, random: Random) -> Graph:
    """The graph with runs of its nodes put into ``fused`` nodes, wherever the rules of fusion allow it."""
    wanted = {value.name for value in graph.outputs}
    nodes = list(graph.nodes)
    result: list[Node] = []
    while nodes:
        for length in range(min(len(nodes), random.randint(1, 8)), 0, -1):
            run, rest = nodes[:length], nodes[length:]
            needed = wanted | {value.name for node in rest for value in node.inputs}
            together = _together(run, needed, f"fused{len(result)}") if length > 1 else None
            if together is not None or length == 1:
                result.append(together or run[0])
                nodes = rest
                break
    return Graph(graph.name, graph.inputs, tuple(result), graph.outputs)


def _together(run: Sequence[Node], needed: set[str], name: str) -> Node | None:
    made = [value for node in run for value in node.outputs]
    inputs = {value.name: value for node in run for value in node.inputs if value not in made}
    outputs = tuple(value for value in made if value.name in needed)
    body = Graph(name, tuple(inputs.values()), tuple(run), outputs)
    try:
        check_fused(body)
    except IllTyped:
        return None
    return Node("fused", body.inputs, outputs, (), body)
