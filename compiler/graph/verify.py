"""Whether a graph keeps every rule of the graph IR: the rules stand in ``ir``, ``operators`` and ``fusion_rules``."""

from __future__ import annotations

from typing import NoReturn

from misfold.compiler.dtypes import DType
from misfold.compiler.errors import VerificationError
from misfold.compiler.text import NAME

from .fusion_rules import check_fused
from .ir import Graph, Node, TensorType, Value
from .operators.base import IllTyped, infer
from .printer import print_tensor_type


def verify(graph: Graph) -> None:
    """Check a graph.

    Raises:
        VerificationError: a rule is broken; says which, and where (the name of a value, or of the graph).
    """
    _Verifier().graph(graph, f"graph {graph.name}")


class _Verifier:
    def __init__(self) -> None:
        #: Every name: they are unique in a graph and its bodies.
        self.taken: set[str] = set()

    def graph(self, graph: Graph, place: str) -> None:
        _name(graph.name, place)
        known: dict[str, Value] = {}
        for value in graph.inputs:
            self._define(value, known)
        for node in graph.nodes:
            where = node.outputs[0].name if node.outputs else f"{place}, {node.operator}"
            for value in node.inputs:
                _use(value, known, where)
            self._node(node, where)
            for value in node.outputs:
                self._define(value, known)
        for value in graph.outputs:
            _use(value, known, place)

    def _define(self, value: Value, known: dict[str, Value]) -> None:
        name = value.name
        _name(name, name)
        if name in self.taken:
            _fail("the name is defined twice", name)
        self.taken.add(name)
        _check_type(value.type, name)
        known[name] = value

    def _node(self, node: Node, where: str) -> None:
        if node.operator == "fused":
            types = self._fused(node, where)
        else:
            if node.body is not None:
                _fail(f"only fused has a body, not {node.operator}", where)
            names = [name for name, _ in node.attributes]
            if len(set(names)) != len(names):
                _fail("an attribute stands there twice", where)
            try:
                types = list(infer(node.operator, [value.type for value in node.inputs], dict(node.attributes)))
            except IllTyped as error:
                _fail(str(error), where)
        if len(types) != len(node.outputs):
            _fail(f"{node.operator} has {len(types)} outputs, not {len(node.outputs)}", where)
        for value, type in zip(node.outputs, types):
            if (value.type.dtype, value.type.shape) != (type.dtype, type.shape):
                written, right = print_tensor_type(value.type), print_tensor_type(type)
                _fail(f"{node.operator} makes {right}, not {written}", value.name)
            if value.type.strides is not None and may_overlap(value.type):
                _fail(f"strides {value.type.strides} put several elements in one place", value.name)

    def _fused(self, node: Node, where: str) -> list[TensorType]:
        body = node.body
        if body is None or node.attributes:
            _fail("fused has a body and no attributes", where)
        if len(body.inputs) != len(node.inputs):
            _fail(f"the body takes {len(body.inputs)} inputs, not {len(node.inputs)}", where)
        for inner, outer in zip(body.inputs, node.inputs):
            if inner.type != outer.type:
                written, right = print_tensor_type(inner.type), print_tensor_type(outer.type)
                _fail(f"the body's input {inner.name} is {written}, but stands for {right}", where)
        self.graph(body, where)
        try:
            check_fused(body)
        except IllTyped as error:
            _fail(str(error), where)
        return [value.type for value in body.outputs]


def may_overlap(type: TensorType) -> bool:
    """Whether strides may put two elements in one place: each dimension must step over what the smaller ones reach."""
    if type.strides is None or 0 in type.shape:
        return False
    reach = 0
    for stride, size in sorted((abs(stride), size) for stride, size in zip(type.strides, type.shape) if size > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def _check_type(type: TensorType, place: str) -> None:
    if not isinstance(type.dtype, DType):
        _fail(f"{type.dtype!r} is no element type", place)
    if not all(isinstance(size, int) and size >= 0 for size in type.shape):
        _fail(f"{type.shape} is no shape", place)
    if type.strides is not None:
        if len(type.strides) != type.rank or not all(isinstance(stride, int) for stride in type.strides):
            _fail(f"{type.strides} are no strides for {type.rank} dimensions", place)


def _use(value: Value, known: dict[str, Value], place: str) -> None:
    defined = known.get(value.name)
    if defined is None:
        _fail(f"{value.name} is not defined before", place)
    if defined is not value and defined != value:
        written, right = print_tensor_type(value.type), print_tensor_type(defined.type)
        _fail(f"{value.name} is used as {written}, but defined as {right}", place)


def _name(name: str, place: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        _fail(f"{name!r} is not a name", place)


def _fail(message: str, place: str) -> NoReturn:
    raise VerificationError(message, place)
