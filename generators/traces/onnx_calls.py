"""Calls of ONNX's own operators, ``onnx.Conv``: executed as models of one node by ONNX Runtime.

What ONNX Runtime has no kernel for is left out: it says nothing about the operator. So are operators with a varying
number of outputs, since a call does not say how many it wants; of optional outputs the first one is asked for, or all
where all are optional.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

from misfold.programs.arguments import Argument
from misfold.programs.dtypes import DTYPES
from misfold.programs.types import MAX_RANK, TensorType

from .call import Call
from .drawing import tensor

#: Begins the names of ONNX's own operators.
PREFIX = "onnx."
#: The operator set that calls are of: the newest that ONNX Runtime 1.18 and later serve in full.
OPERATORS = 21
_MODELS = 10  # version of the file format


class NotServed(Exception):
    """There is no answer to the call; the message says why."""


@cache
def _outputs(name: str) -> int:
    """How many outputs of an operator are asked for."""
    from onnx import defs

    try:
        schema = defs.get_schema(name, OPERATORS, "")
    except defs.SchemaError as error:
        raise NotServed(f"no operator {name} in set {OPERATORS}") from error
    if any(item.option == defs.OpSchema.FormalParameterOption.Variadic for item in schema.outputs):
        raise NotServed("a varying number of outputs")
    return int(schema.min_output or schema.max_output)


def run(call: Call, draw: int) -> list[Any]:
    """The arrays that a call of an ONNX operator gives for one draw of elements.

    Raises:
        NotServed: there is no kernel, or no onnxruntime.
        Exception: what ONNX or ONNX Runtime refuse a call with.
    """
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise NotServed("onnx or onnxruntime is not installed")
    import onnxruntime
    from onnx import ValueInfoProto, helper

    name = call.function.removeprefix(PREFIX)
    outputs = [f"y{index}" for index in range(_outputs(name))]
    feeds: dict[str, Any] = {}
    names = []
    for position, item in enumerate(call.args):
        names.append("" if item is None else f"x{position}")
        if item is not None:
            feeds[names[-1]] = _array(item, draw)
    node = helper.make_node(name, names, outputs, **{key: _attribute(value) for key, value in call.kwargs})
    inputs = [
        helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for key, array in feeds.items()
    ]
    graph = helper.make_graph([node], "call", inputs, [ValueInfoProto(name=output) for output in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPERATORS)], ir_version=_MODELS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal: refusals are raised as well
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if "NOT_IMPLEMENTED" in str(error):
            raise NotServed("no kernel") from error
        raise
    found: list[Any] = session.run(None, feeds)
    return found


def _array(item: Argument, draw: int) -> Any:
    if not isinstance(item, TensorType):
        raise NotServed(f"an input of {type(item).__name__}")
    if item.dtype.name == "bfloat16":
        raise NotServed("bfloat16, which numpy has not")
    return tensor(item, draw).numpy()


def _attribute(value: Argument) -> Any:
    return [_attribute(item) for item in value] if isinstance(value, tuple) else value


def output_data(arrays: list[Any]) -> Any:
    """The arrays' types as JSON data, as ``executing.output_data`` gives them.

    Raises:
        NotServed: one has a type that the language has not.
    """
    texts = []
    for array in arrays:
        name = str(getattr(array, "dtype", ""))
        if name not in DTYPES:
            raise NotServed(f"a result of {name or type(array).__name__}")
        if len(array.shape) > MAX_RANK:
            raise NotServed(f"a result of {len(array.shape)} dimensions")
        texts.append(f"{name}[{', '.join(map(str, array.shape))}]")
    return texts[0] if len(texts) == 1 else {"tuple": texts}
