"""What depends on constants only is computed at compile time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from misfold.compiler.dtypes import DType
from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour
from misfold.compiler.graph.arithmetic import NUMPY, Array
from misfold.compiler.graph.evaluate import evaluate_node
from misfold.compiler.graph.ir import Attribute, Graph, Node, TensorType, Value
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.graph.operators.creation import MAX_LITERAL
from misfold.compiler.graph.rewrite import Rebuild
from misfold.compiler.loops.operators import identity
from misfold.compiler.passes.base import GraphPass, parameter

# Of equal elements these make an equal element, wherever it comes from.
_MOVING = frozenset(("broadcast", "reshape", "permute", "slice", "reverse"))


@dataclass(frozen=True)
class ConstantFolding(GraphPass):
    """Follows constants through the graph, tensors of one repeated number (*splats*) of any size and others of up to
    ``elements`` elements, and makes ``full`` or ``literal`` nodes of what they become.

    Bodies of ``fused`` are left alone. What constants were made of is left to dead-code-elimination.
    """

    name: ClassVar[str] = "constant-folding"
    precondition: ClassVar[str] = (
        "All operands are known, and computing them is defined: an index out of range or a division by zero stays for "
        "the run. Sums and products in f16 and bf16 stay too, since how they are rounded depends on their order."
    )

    elements: int = parameter(1024, "largest tensor that is computed element by element", (1, 64, 1024, 4096))

    def run(self, graph: Graph) -> Graph:
        new = Rebuild(graph)
        known = _Constants(self.elements)
        for node in graph.nodes:
            found = known.of(node)
            if found is None or node.operator in ("full", "literal"):
                new.append(node)
                continue
            written = [_write(value, array) for value, array in zip(node.outputs, found)]
            if all(one is not None for one in written):
                new.changed = True
                for one in written:
                    if one is not None:
                        new.append(one)
            else:
                new.append(node)
        return new.finish()


class _Constants:
    """What is known of values. A splat is an array of shape ``()``, whatever the value's shape is."""

    def __init__(self, limit: int):
        self.limit = limit
        self.splats: dict[str, Array] = {}
        self.arrays: dict[str, Array] = {}

    def of(self, node: Node) -> Sequence[Array] | None:
        """The outputs of a node, if they are known."""
        found = self._splat(node)
        if found is not None:
            self.splats[node.outputs[0].name] = found
            return [found]
        arrays = self._arrays(node)
        if arrays is not None:
            for value, array in zip(node.outputs, arrays):
                if array.size and _all_equal(array):
                    self.splats[value.name] = array.reshape(-1)[0].reshape(())
                self.arrays[value.name] = array
        return arrays

    def _splat(self, node: Node) -> Array | None:
        if node.operator == "full":
            return np.array(node.attribute("value"), NUMPY[node.output.type.dtype.name])
        if not node.inputs or not all(value.name in self.splats for value in node.inputs):
            return None
        inputs = [self.splats[value.name] for value in node.inputs]
        if node.operator in _MOVING:
            return inputs[0]
        if operators()[node.operator].family in ("elementwise", "activations"):
            # A composite looks at its input's shape, and so must see the one that the splat has.
            made = _evaluate(_scalar(node), inputs)
            return None if made is None else np.asarray(made[0])
        if node.operator in ("pad", "concatenate"):
            if node.operator == "pad":
                inputs.append(np.array(node.attribute("value"), inputs[0].dtype))
            return inputs[0] if _all_equal(np.stack(inputs)) else None
        if node.operator == "reduce":
            return _reduced(str(node.attribute("op")), inputs[0], node.inputs[0].type, node.output.type)
        return None

    def _arrays(self, node: Node) -> Sequence[Array] | None:
        types = [value.type for value in (*node.inputs, *node.outputs)]
        if node.body is not None or any(type.elements > self.limit for type in types) or _depends_on_order(node):
            return None
        inputs = []
        for value in node.inputs:
            if value.name in self.arrays:
                inputs.append(self.arrays[value.name])
            elif value.name in self.splats:
                inputs.append(np.broadcast_to(self.splats[value.name], value.type.shape))
            else:
                return None
        return _evaluate(node, inputs)


def _evaluate(node: Node, inputs: Sequence[Array]) -> Sequence[Array] | None:
    try:
        return [np.asarray(array) for array in evaluate_node(node, inputs)]
    except (AssertionFailed, UndefinedBehaviour):
        return None


def _scalar(node: Node) -> Node:
    """An elementwise node on tensors without dimensions."""
    inputs = tuple([Value(value.name, TensorType(value.type.dtype, ())) for value in node.inputs])
    outputs = tuple([Value(value.name, TensorType(value.type.dtype, ())) for value in node.outputs])
    return Node(node.operator, inputs, outputs, node.attributes)


def _reduced(op: str, x: Array, before: TensorType, after: TensorType) -> Array | None:
    """``reduce`` of a splat."""
    dtype = before.dtype
    count = before.elements // after.elements if after.elements else 0
    if count == 0:
        return np.array(identity(op, dtype), x.dtype)
    if op in ("min", "max", "and", "or"):
        return x
    if op == "xor":
        return x if count % 2 else np.zeros_like(x)
    if dtype.is_float:
        return None
    total = int(x) * count if op == "add" else pow(int(x), count, 1 << dtype.bits)
    return np.array(_wrapped(total, dtype), x.dtype)


def _wrapped(value: int, dtype: DType) -> int:
    return (value - int(dtype.min)) % (1 << dtype.bits) + int(dtype.min)


def _depends_on_order(node: Node) -> bool:
    """Whether its result is rounded in a way that a run need not do."""
    family = operators()[node.operator].family
    adds = family in ("contraction", "convolution", "normalisation") or dict(node.attributes).get("op") in (
        "add",
        "mul",
    )
    return adds and any(value.type.dtype.is_float and value.type.dtype.bits == 16 for value in node.inputs)


def _all_equal(array: Array) -> bool:
    """Bit for bit."""
    flat = np.ascontiguousarray(array).reshape(-1)
    bits = flat.view(f"u{flat.dtype.itemsize}")
    return bool((bits == bits[0]).all())


def _write(value: Value, array: Array) -> Node | None:
    """A node that makes the constant; None: it is too large for one."""
    type = value.type
    attributes: tuple[tuple[str, Attribute], ...] = (("shape", type.shape), ("dtype", type.dtype))
    if array.ndim == 0 or (array.size and _all_equal(array)):
        return Node("full", (), (value,), (("value", array.reshape(-1)[0].item()), *attributes))
    if array.size > MAX_LITERAL:
        return None
    return Node("literal", (), (value,), (("values", tuple(array.reshape(-1).tolist())), *attributes))
