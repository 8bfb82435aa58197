"""Calls of ONNX operators: the node tests that the onnx wheel brings, judged by ONNX's reference evaluator.

They keep their own names, ``onnx.Conv``: inputs by position, attributes by name. What of them torch computes under
another name is traced by calling that: ``TORCH`` says which operators take the same arguments in the same order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from misfold.programs.arguments import Argument
from misfold.programs.dtypes import DTYPES
from misfold.programs.types import MAX_RANK, TensorType

from .call import Call, Trial, decode_outputs
from .executing import LEFT_OUT, label
from .onnx_calls import PREFIX
from .sources import Source

# What a test with elements by the million says, a smaller one says as well.
_MAX_ELEMENTS = 2**20

#: Operators whose inputs are all that matters, with torch's name for the same function of the same inputs.
TORCH = {
    **{name: f"torch.{name.lower()}" for name in "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp".split()},
    **{name: f"torch.{name.lower()}" for name in "Floor Log Neg Reciprocal Round Sigmoid Sign Sin Sinh Sqrt".split()},
    **{name: f"torch.{name.lower()}" for name in "Tan Tanh Add Sub Mul Pow MatMul".split()},
    "Det": "torch.linalg.det",
    "Div": "torch.div",
    "Relu": "torch.nn.functional.relu",
    "Softplus": "torch.nn.functional.softplus",
    "Softsign": "torch.nn.functional.softsign",
    "HardSwish": "torch.nn.functional.hardswish",
    "Mish": "torch.nn.functional.mish",
    "IsNaN": "torch.isnan",
    "IsInf": "torch.isinf",
    "Not": "torch.logical_not",
    "And": "torch.logical_and",
    "Or": "torch.logical_or",
    "Xor": "torch.logical_xor",
    "BitwiseAnd": "torch.bitwise_and",
    "BitwiseOr": "torch.bitwise_or",
    "BitwiseXor": "torch.bitwise_xor",
    "BitwiseNot": "torch.bitwise_not",
    "LessOrEqual": "torch.le",
    "GreaterOrEqual": "torch.ge",
    "Less": "torch.lt",
    "Greater": "torch.gt",
    "Equal": "torch.eq",
    "Where": "torch.where",
    "PRelu": "torch.nn.functional.prelu",
}


def onnx_sources() -> dict[str, Source]:
    """A source for all node tests, if onnx is installed."""
    return {"onnx node tests": node_trials} if find_spec("onnx") is not None else {}


def node_trials() -> Iterator[Trial]:
    """Trials of the node tests that are one node long: as ONNX's own, and as torch's where that is the same call."""
    with warnings.catch_warnings():
        # The tests divide by zero on purpose when they are made.
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        for case in collect_testcases(None):
            yield from case_trials(case)


def case_trials(case: Any) -> Iterator[Trial]:
    """Trials of one node test: none if it has several nodes, or types that the language has not."""
    from onnx.reference import ReferenceEvaluator

    if len(case.model.graph.node) != 1 or not case.data_sets:
        return
    node = case.model.graph.node[0]
    call = node_call(node, case.data_sets[0][0])
    if call is None or node.domain not in ("", "ai.onnx"):
        return
    try:
        names = [item.name for item in case.model.graph.input]
        found = ReferenceEvaluator(case.model).run(None, dict(zip(names, case.data_sets[0][0])))
        outputs = [array_type(item) for item in found]
        if None in outputs:
            return
        yield Trial(call, outputs[0] if len(outputs) == 1 else tuple(outputs), "", "onnx")
    except Exception:
        # The test is valid by definition: what the evaluator cannot do is no fact about the operator.
        return
    if node.op_type in TORCH and not node.attribute:
        yield from torch_trials(TORCH[node.op_type], call)


def torch_trials(function: str, call: Call) -> Iterator[Trial]:
    """The same call of torch, as eager torch answers it."""
    other = Call(function, call.args)
    error, data, values = label(other)
    if not error.startswith(LEFT_OUT):
        yield Trial(other, None if error else decode_outputs(data), error, "onnx", values)


def node_call(node: Any, arrays: Any) -> Call | None:
    """A node with the arrays that it is given, as a call; None if the language has no word for something in it."""
    from onnx import helper

    args: list[Argument] = []
    remaining = list(arrays)
    for name in node.input:
        kind = None if not name else array_type(remaining.pop(0)) if remaining else None
        if name and kind is None:
            return None
        args.append(kind)
    kwargs: dict[str, Argument] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, list) and all(isinstance(item, int | float) for item in value):
            value = tuple(value)
        if type(value) not in (int, float, str, tuple):
            return None  # tensors and graphs as attributes
        kwargs[attribute.name] = value
    return Call(f"{PREFIX}{node.op_type}", tuple(args), tuple(sorted(kwargs.items())))


def array_type(array: Any) -> TensorType | None:
    """The type of an array, None if it is none of the language's."""
    name = str(getattr(array, "dtype", ""))
    shape = tuple(getattr(array, "shape", ()))
    if name not in DTYPES or len(shape) > MAX_RANK:
        return None
    kind = TensorType.of(name, shape)
    return kind if kind.elements <= _MAX_ELEMENTS else None
