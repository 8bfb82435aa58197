"""A graph becomes a function: values become buffers, nodes become loop nests, in the order of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.decompositions import decomposition, inline
from misfold.compiler.graph.ir import Graph, Node, Value
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.loops.ir import Buffer, Const, Function, Parameter, Store, index
from misfold.compiler.loops.visit import Names

from . import contraction, reductions, scattering, selection, sorting
from .collapse import collapse
from .elements import ELEMENTS, POINTWISE
from .emitter import Emitter
from .movement import reshaped
from .nest import Lowering, Nest
from .pointwise import Destinations, pointwise
from .reader import Reader

#: Operators that have loops of their own.
NESTS: dict[str, Lowering] = {
    "reduce": reductions.reduce,
    "scan": reductions.scan,
    "window": reductions.window,
    "argreduce": selection.argreduce,
    "argscan": selection.argscan,
    "argwindow": selection.argwindow,
    "dot": contraction.dot,
    "convolution": contraction.convolution,
    "scatter": scattering.scatter,
    "sort": sorting.sort,
}


def lower(graph: Graph, flat_parameters: bool = False) -> Function:
    """The loops that compute a verified graph.

    The parameters are the graph's inputs (``in``) and then its outputs (``out``), each of its value's type: an output
    that is an input, or an output already, is a copy. Composite operators are decomposed on the way.

    Dimensions that all loops walk through together are joined. With ``flat_parameters`` those of parameters are too,
    which makes most elementwise nests one long loop: a parameter takes the memory of its value's type then, but as a
    buffer of fewer dimensions, which matters to callers that pass arrays instead of addresses.

    Raises:
        Unsupported: a ``fused`` node holds what does not go into one loop nest.
    """
    names = Names()
    emitter = Emitter(names)
    inputs = [_buffer(names, value.name, value) for value in graph.inputs]
    outputs = [_buffer(names, f"out{number}", value) for number, value in enumerate(graph.outputs)]
    buffers = {value.name: buffer for value, buffer in zip(graph.inputs, inputs)}
    homes = dict(zip([value.name for value in reversed(graph.outputs)], reversed(outputs)))
    nodes = _primitives(graph)
    used = {value.name for node in nodes for value in node.inputs}
    for node in nodes:
        for value in node.outputs:
            if value.name in homes:
                buffers[value.name] = homes[value.name]
            elif value.name in used and value.type.elements:
                dtype, shape, strides = value.type.dtype, value.type.shape, value.type.strides
                buffers[value.name] = emitter.allocate(value.name, dtype, shape, strides)
        _lower_node(emitter, node, buffers)
    for value, buffer in zip(graph.outputs, outputs):
        if value.type.elements and buffers[value.name] != buffer:
            pointwise(Reader(emitter, ELEMENTS, POINTWISE, [], [value], buffers), [(value, buffer)])
    parameters = [Parameter(buffer, "in") for buffer in inputs] + [Parameter(buffer, "out") for buffer in outputs]
    return collapse(Function(graph.name, tuple(parameters), tuple(emitter.block)), flat_parameters)


def _buffer(names: Names, wish: str, value: Value) -> Buffer:
    return Buffer(names.fresh(wish), value.type.dtype, value.type.shape, value.type.strides)


def _lower_node(emitter: Emitter, node: Node, buffers: dict[str, Buffer]) -> None:
    made = [value for value in node.outputs if value.name in buffers and value.type.elements]
    if not made:
        return
    if node.body is None:
        visible = {value.name: buffers[value.name] for value in node.inputs if value.name in buffers}
        _lower_body(emitter, [node], [(value, buffers[value.name]) for value in made], visible)
        return
    body = node.body
    visible = {
        inner.name: buffers[outer.name] for inner, outer in zip(body.inputs, node.inputs) if outer.name in buffers
    }
    destinations = [(inner, buffers[outer.name]) for inner, outer in zip(body.outputs, node.outputs) if outer in made]
    _lower_body(emitter, _primitives(body), destinations, visible)


def _lower_body(
    emitter: Emitter, nodes: Sequence[Node], destinations: Destinations, buffers: dict[str, Buffer]
) -> None:
    """One nest for nodes of which at most one has loops of its own. ``buffers`` are the values in memory."""
    shape = destinations[0][1].shape
    if any(buffer.shape != shape for _, buffer in destinations):
        raise Unsupported("outputs of different shapes do not go into one loop nest", "fused")
    for node in nodes:
        if node.operator == "literal" and node.output.type.elements:
            buffers[node.output.name] = _literal(emitter, node, destinations)
    outputs = [value for value, buffer in destinations if buffers.get(value.name) != buffer]
    destinations = [(value, buffer) for value, buffer in destinations if buffers.get(value.name) != buffer]
    if not destinations:
        return
    reader = Reader(emitter, ELEMENTS, POINTWISE, nodes, outputs, buffers)
    loops = [node for node in nodes if node.operator in NESTS]
    if not loops:
        pointwise(reader, destinations)
        return
    if len(loops) > 1:
        names = ", ".join([node.operator for node in loops])
        raise Unsupported(f"{names} do not go into one loop nest", "fused")
    (node,) = loops
    if node.outputs[0].type.shape != shape:
        raise Unsupported(f"what follows {node.operator} in one loop nest must have its shape", "fused")
    NESTS[node.operator](Nest(node, reader, destinations))


def _literal(emitter: Emitter, node: Node, destinations: Destinations) -> Buffer:
    """A literal lies in memory: where it is wanted, or in a local buffer."""
    output = node.output
    kind = output.type
    buffer = next((buffer for value, buffer in destinations if value == output), None)
    if buffer is None:
        buffer = emitter.allocate(output.name, kind.dtype, kind.shape)
    reader = Reader(emitter, {}, (), [], [], {})
    for flat, value in enumerate(cast(tuple[float, ...], node.attribute("values"))):
        place = reshaped(reader, (index(flat),), (kind.elements,), kind.shape)
        emitter.emit(Store(buffer, place, Const(value, kind.dtype)))
    return buffer


def _primitives(graph: Graph) -> Sequence[Node]:
    """The nodes of a graph, with what its composite ones are made of in their place."""
    known = operators()
    if not any(known[node.operator].composite for node in graph.nodes):
        return graph.nodes
    names = Names()
    for value in (*graph.inputs, *[output for node in graph.nodes for output in node.outputs]):
        names.fresh(value.name)
    nodes: list[Node] = []
    for node in graph.nodes:
        if not known[node.operator].composite:
            nodes.append(node)
            continue
        formula = decomposition(node)
        (result,) = formula.outputs

        def fresh(value: Value, result: Value = result, output: Value = node.output) -> Value:
            return output if value == result else Value(names.fresh(value.name), value.type)

        nodes += inline(formula, node.inputs, fresh)[0]
    return nodes
