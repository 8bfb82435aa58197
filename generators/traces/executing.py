"""Inside a worker: calls are executed by eager torch, and what comes back is told as a label.

A label is ``[error, outputs, values]`` as in ``Trial``, with the outputs as JSON data; an ``error`` that begins with
``?`` says why the call has no label: it returns what the language has no type for, or asks for too much memory.
"""

from __future__ import annotations

import mmap
import struct
import warnings
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import torch

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.errors import GraphError, MisfoldError, UsageError
from misfold.programs.types import TensorType
from misfold.targets.isolation.child import resolve

from ..calling import NAMES, function_of
from ..collect.domains import UNCHECKED
from . import onnx_calls
from .call import DYNAMIC, NEEDED, Call
from .drawing import LINE, ONES, SAFE, WIDE, tensor
from .errors import normal_error

Label = tuple[str, Any, str]

#: Begins an error that is none: the call is left out.
LEFT_OUT = "?"
# What torch says, as a RuntimeError, when there is no memory for a tensor.
_NO_MEMORY = ("can't allocate memory", "std::bad_alloc", "not enough memory", "out of memory")


class Impossible(Exception):
    """A result that is no tensor, for all that torch gave it; the message says why."""


class Unrepresentable(Exception):
    """A result that the language has no type for; the message says which."""


@cache
def callable_of(function: str) -> Callable[..., Any]:
    """What a call's function names: a public operator, or ``package.module:function``, which is imported.

    Raises:
        UsageError: there is no such function.
    """
    try:
        return resolve(function) if ":" in function else function_of(function)
    except (GraphError, ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"{function}: {error}") from error


def concrete(item: Argument, draw: int) -> Any:
    """The Python object that an argument stands for."""
    kind = type(item)
    if kind is TensorType:
        return tensor(item, draw)
    if kind is tuple:
        return tuple([concrete(part, draw) for part in item])
    if kind is list:
        return [concrete(part, draw) for part in item]
    if kind is Symbol:
        return getattr(torch, item.name.removeprefix("torch."))
    if kind is slice:
        return slice(concrete(item.start, draw), concrete(item.stop, draw), concrete(item.step, draw))
    return item


def output_data(result: Any) -> Any:
    """Types of a result, as JSON data (see ``call.encode_outputs``).

    Raises:
        Unrepresentable: there is something else among it.
    """
    if isinstance(result, torch.Tensor):
        name = NAMES.get(result.dtype)
        if name is None or result.layout is not torch.strided or result.device.type != "cpu":
            raise Unrepresentable(f"a result of {result.dtype}" if name is None else "a result that is not dense")
        if any(size < 0 for size in result.shape):
            raise Impossible("a size below zero")
        return f"{name}[{', '.join(map(str, result.shape))}]"
    if result is None:
        return None
    if isinstance(result, tuple):
        return {"tuple": [output_data(item) for item in result]}
    if isinstance(result, list):
        return [output_data(item) for item in result]
    if type(result) in (bool, int, float, str):
        return type(result).__name__
    raise Unrepresentable(f"a result of {type(result).__name__}")


def execute(function: Callable[..., Any], call: Call, draw: int) -> tuple[str, Any]:
    """Error and output data of one execution."""
    try:
        args = [concrete(item, draw) for item in call.args]
        kwargs = {key: concrete(item, draw) for key, item in call.kwargs}
        return "", output_data(function(*args, **kwargs))
    except Unrepresentable as error:
        return f"{LEFT_OUT}{error}", None
    except Impossible as error:
        # Among the labels that are findings on eager itself (errors.DEATHS).
        return f"impossible: {error}", None
    except MemoryError:
        return f"{LEFT_OUT}no memory", None
    except Exception as error:
        message = str(error)
        if any(text in message for text in _NO_MEMORY):
            return f"{LEFT_OUT}no memory", None
        return normal_error(type(error).__name__, message), None


def execute_onnx(call: Call, draw: int) -> tuple[str, Any]:
    """As ``execute`` for a call of an ONNX operator."""
    try:
        return "", onnx_calls.output_data(onnx_calls.run(call, draw))
    except onnx_calls.NotServed as error:
        return f"{LEFT_OUT}{error}", None
    except MemoryError:
        return f"{LEFT_OUT}no memory", None
    except Exception as error:
        return normal_error(type(error).__name__, str(error)), None


def label(call: Call) -> Label:
    """What eager (ONNX Runtime for calls of ONNX operators) makes of a call. It is valid if any of the draws is.

    Two draws are executed where elements can differ, and two more if both fail and there are integers.
    """
    of_onnx = call.function.startswith(onnx_calls.PREFIX)
    function = callable_of(call.function) if not of_onnx else None
    return _labelled(call, lambda draw: execute(function, call, draw) if function else execute_onnx(call, draw))


def _labelled(call: Call, execute: Callable[[int], tuple[str, Any]]) -> Label:
    kinds = list(call.tensors())
    error, outputs = execute(SAFE)
    if not kinds:
        return error, outputs, ""
    whole = any(not kind.dtype.is_float for kind in kinds)
    if whole and call.function.rpartition(".")[2].rstrip("_") in UNCHECKED:
        # A wrong index is not refused but read or written out of bounds.
        return error, outputs, "" if error else NEEDED
    if error[:1] == LEFT_OUT:
        return error, None, ""
    other, others = execute(WIDE)
    if not error and not other:
        return "", outputs, "" if outputs == others else DYNAMIC
    if not error:
        return "", outputs, NEEDED
    if other[:1] == LEFT_OUT:
        return other, None, ""
    if not other:
        return "", others, NEEDED
    for draw in (LINE, ONES) if whole or _square(kinds) else ():
        other, others = execute(draw)
        if not other:
            return "", others, NEEDED
    return error, None, ""


def _square(kinds: Collection[TensorType]) -> bool:
    return any(len(kind.shape) > 1 and kind.shape[-1] == kind.shape[-2] for kind in kinds)


def prepare() -> None:
    """Before workers are forked: one thread, and no warnings, which would cost more than the calls."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    label(Call("torch.add", (TensorType.of("float32", (2,)), 1)))


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """The service of a worker: labels of ``request["calls"]``, in order.

    The position of the call being executed stands in the file ``request["progress"]``, where it can be read should this
    process die. ``request["own"]`` are the functions outside torch that may be imported.
    """
    own = set(request.get("own", ()))
    found: list[Any] = []
    with open(request["progress"], "r+b") as file, mmap.mmap(file.fileno(), 8) as page:
        for index, data in enumerate(request["calls"]):
            struct.pack_into("q", page, 0, index)
            call = Call.from_data(data)
            if ":" in call.function and call.function not in own:
                raise UsageError(f"{call.function} is not among the functions that were asked for")
            try:
                torch.default_generator.manual_seed(0)  # torch.manual_seed walks the stack for other devices
                found.append(label(call))
            except MisfoldError as error:
                found.append((f"{LEFT_OUT}{error}", None, ""))
    return {"labels": found}
