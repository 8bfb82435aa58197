"""Where intermediate tensors lie in memory is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from misfold.compiler.graph.fusion_rules import is_elementwise
from misfold.compiler.graph.ir import Graph, Node, TensorType, Value, users
from misfold.compiler.graph.verify import may_overlap
from misfold.compiler.passes.base import GraphPass, parameter

#: The dimensions of a tensor from the outermost in memory to the innermost.
Order = tuple[int, ...]


@dataclass(frozen=True)
class Layout(GraphPass):
    """Gives intermediate tensors strides with which their neighbours run through memory in order. The tensors stay
    without gaps: only the order of their dimensions is chosen, by the first of these that applies.

    * A tensor whose users are all the same ``permute`` lies as the result of that: the permute is then a view, and what
      reads it reads row by row.
    * A tensor that only elementwise operators use lies as their results do, if those agree. So do, walking from the
      end, the tensors that an output in another order is computed from.
    * The result of an elementwise operator lies as its operands do, if all of them that are not constants agree: what
      comes in with channels last goes through with channels last.

    Inputs and outputs of the graph keep their strides, and so do values that ``fused`` nodes use or make.
    """

    name: ClassVar[str] = "layout"
    precondition: ClassVar[str] = (
        "The value is neither an input nor an output of the graph. Strides say where elements lie and never what they "
        "are, so each choice is right."
    )

    permutes: bool = parameter(True, "tensors lie as the permutes of them", (False, True))
    elementwise: bool = parameter(True, "operands and results of elementwise operators lie alike", (False, True))

    def run(self, graph: Graph) -> Graph:
        fixed = {value.name for value in (*graph.inputs, *graph.outputs)}
        for node in graph.nodes:
            if node.body is not None:
                fixed.update(value.name for value in (*node.inputs, *node.outputs))
        orders = {value.name: order_of(value.type) for value in (*graph.inputs, *graph.outputs)}
        free = [node for node in graph.nodes if not all(value.name in fixed for value in node.outputs)]
        readers = users(graph)
        constants = {value.name for node in graph.nodes if not node.inputs for value in node.outputs}
        for node in reversed(free):
            for value in node.outputs:
                if value.name not in fixed:
                    orders[value.name] = self._wanted(value, readers[value.name], orders)
        if self.elementwise:
            for node in free:
                if is_elementwise(node) and orders[node.output.name] is None:
                    varying = [value for value in node.inputs if value.name not in constants]
                    orders[node.output.name] = _agreed(varying, orders)
        types = {
            value.name: _laid_out(value.type, orders[value.name])
            for node in free
            for value in node.outputs
            if value.name not in fixed
        }
        if all(value.type == types.get(value.name, value.type) for node in free for value in node.outputs):
            return graph
        return _retyped(graph, types)

    def _wanted(self, value: Value, readers: Sequence[Node], orders: Mapping[str, Order | None]) -> Order | None:
        """The order that the users of a value want it in; None: row-major, or they do not agree."""
        permutations = {node.attributes for node in readers if node.operator == "permute"}
        if self.permutes and len(permutations) == 1 and all(node.operator == "permute" for node in readers):
            ((_, dims),) = permutations.pop()
            assert isinstance(dims, tuple)
            return _unless_row_major(tuple(int(dim) for dim in dims))
        if self.elementwise and readers and all(is_elementwise(node) for node in readers):
            return _agreed([node.output for node in readers], orders)
        return None


def order_of(type: TensorType) -> Order | None:
    """The order of a tensor's dimensions in memory; None: row-major, or elements share places."""
    if type.strides is None or may_overlap(type) or any(stride < 0 for stride in type.strides):
        return None
    # Dimensions of size 1 stay in front of the next one.
    strides = list(type.strides)
    for dim in reversed(range(type.rank)):
        if type.shape[dim] == 1:
            strides[dim] = strides[dim + 1] * type.shape[dim + 1] if dim + 1 < type.rank else 1
    return _unless_row_major(tuple(sorted(range(type.rank), key=lambda dim: (-strides[dim], dim))))


def _unless_row_major(order: Order) -> Order | None:
    return None if order == tuple(range(len(order))) else order


def _agreed(values: Iterable[Value], orders: Mapping[str, Order | None]) -> Order | None:
    """The order that all values have."""
    found = {orders.get(value.name) for value in values}
    return found.pop() if len(found) == 1 else None


def _laid_out(type: TensorType, order: Order | None) -> TensorType:
    """The type with its dimensions in this order in memory, without gaps."""
    if order is None:
        return replace(type, strides=None)
    strides, step = [0] * type.rank, 1
    for dim in reversed(order):
        strides[dim] = step
        step *= max(type.shape[dim], 1)
    return replace(type, strides=tuple(strides))


def _retyped(graph: Graph, types: Mapping[str, TensorType]) -> Graph:
    def typed(value: Value) -> Value:
        type = types.get(value.name)
        return value if type is None else Value(value.name, type)

    nodes = tuple(
        replace(node, inputs=tuple(map(typed, node.inputs)), outputs=tuple(map(typed, node.outputs)))
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)
