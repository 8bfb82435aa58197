"""Sides: ways to run a call other than by eager torch. Backends of ``torch.compile``, and targets that take programs.

What is told of a side is whether it accepts a call, with which error if not, and whether memory around its inputs was
written. Values are the business of campaigns on programs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument, Ref
from misfold.programs.errors import GraphError
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.types import TensorType
from misfold.targets.dynamo import CountingBackend
from misfold.targets.guarded import GuardedInputs
from misfold.targets.protocol import MemoryStamped, Unsupported

from ..traces.arguments import leaves
from ..traces.call import Call
from ..traces.drawing import SAFE, tensor
from ..traces.errors import normal_error
from ..traces.executing import Unrepresentable, callable_of, concrete, output_data

#: Backends of ``torch.compile``, and targets that are given the call as a program of one operator.
BACKENDS = ("eager", "aot_eager", "inductor", "misfold")
TARGETS = ("onnxruntime", "tvm")
SIDES = (*BACKENDS, *TARGETS)

#: Marks an error as an honest "this target does not take that".
UNSUPPORTED = "Unsupported: "
#: Marks memory written outside of what was handed over.
STAMPED = "MemoryStamped: "


def outcome(run: Callable[[], Any]) -> tuple[str, Any]:
    """Normalised error (empty if there is none), and output types as JSON data."""
    try:
        result = run()
    except MemoryError:
        return "MemoryError", None
    except MemoryStamped as error:
        return f"{STAMPED}{error}", None
    except Unsupported as error:
        return f"{UNSUPPORTED}{str(error)[:160]}", None
    except Exception as error:
        return normal_error(type(error).__name__, str(error)) or type(error).__name__, None
    try:
        return "", output_data(result)
    except Unrepresentable as reason:
        return "", str(reason)


def by_torch(call: Call, backend: str, draws: Sequence[int]) -> dict[str, Any]:
    """A call through ``torch.compile``: ``results`` by draw, and how many graphs were compiled and ran."""
    import torch._dynamo

    torch._dynamo.reset()
    function = callable_of(call.function)
    kinds = list(_kinds(call))

    def program(tensors: Sequence[torch.Tensor]) -> Any:
        waiting = iter(tensors)
        args = [_placed(item, waiting) for item in call.args]
        return function(*args, **{key: _placed(item, waiting) for key, item in call.kwargs})

    counting = CountingBackend(torch._dynamo.lookup_backend(backend))
    compiled = torch.compile(program, backend=counting)
    writes = _writes(call)
    results = []
    with contextlib.redirect_stderr(None):
        for draw in draws:
            tensors = [tensor(kind, draw) for kind in kinds]
            torch.manual_seed(0)
            results.append(outcome(partial(_guarded, compiled, tensors, writes)))
    return {"results": results, "graphs": counting.graphs, "runs": counting.runs}


def _guarded(run: Callable[[Sequence[Any]], Any], tensors: Sequence[torch.Tensor], writes: bool) -> Any:
    """A run between canaries. What writes its inputs is checked by nothing: it may resize or replace them."""
    if writes:
        return run(list(tensors))
    guarded = GuardedInputs(tensors)
    result = run(guarded.tensors)
    guarded.check()
    return result


def by_target(call: Call, name: str, draws: Sequence[int]) -> dict[str, Any]:
    """A call as a program of one operator through a target's default pipeline; told as ``by_torch`` does."""
    from misfold.targets.running import target_here

    target = target_here(name)
    executable: list[Any] = []
    kinds = list(_kinds(call))

    def run(draw: int) -> Any:
        inputs = [tensor(kind, draw) for kind in kinds]
        if not executable:
            graph = graph_of(call)
            if not kinds:
                raise Unsupported("a program without inputs")
            executable.append(target.compile(graph, [item.clone() for item in inputs], target.pipelines()[0]))
        torch.manual_seed(0)
        return tuple(executable[0](inputs))

    with contextlib.redirect_stderr(None), contextlib.redirect_stdout(None):
        results = [outcome(partial(run, draw)) for draw in draws]
    return {"results": results, "graphs": len(executable), "runs": len(executable)}


def graph_of(call: Call) -> Graph:
    """The program that makes a call and returns its tensors; what it returns is found by calling eager torch.

    Raises:
        Unsupported: the language of programs does not have it; what eager torch refuses is a program of one result.
    """
    count, unpack = 1, False
    try:
        args = [concrete(item, SAFE) for item in call.args]
        result = callable_of(call.function)(*args, **{key: concrete(item, SAFE) for key, item in call.kwargs})
    except Exception:
        # Refused by eager torch: how many results there would be, nobody knows; what compiles it is asked all the same.
        result = None
    else:
        if isinstance(result, tuple | list) and all(isinstance(item, torch.Tensor) for item in result) and result:
            count, unpack = len(result), True
        elif not isinstance(result, torch.Tensor):
            raise Unsupported(f"a result of {type(result).__name__}")
    names = iter(range(len(list(_kinds(call)))))
    arguments = tuple(_referred(item, names) for item in call.args)
    keywords = {key: _referred(value, names) for key, value in call.kwargs}
    inputs = tuple(Value(f"x{index}", kind) for index, kind in enumerate(_kinds(call)))
    outputs = tuple(Value(f"v{index}") for index in range(count))
    try:
        node = Node(call.function, arguments, keywords, outputs, unpack)
        return Graph(inputs, (node,), tuple(value.name for value in outputs))
    except GraphError as error:
        raise Unsupported(f"no program: {error}") from None


def _writes(call: Call) -> bool:
    try:
        return any(written_arguments(node) for node in graph_of(call).nodes)
    except Unsupported:
        return call.function.endswith("_")


def _kinds(call: Call) -> list[TensorType]:
    """Types of a call's tensors in the order in which ``_placed`` and ``_referred`` meet them."""
    return [leaf for item in (*call.args, *(v for _, v in call.kwargs)) for leaf in leaves(item) if _is_tensor(leaf)]


def _is_tensor(item: Any) -> bool:
    return type(item) is TensorType


def _referred(item: Argument, names: Any) -> Argument:
    if isinstance(item, TensorType):
        return Ref(f"x{next(names)}")
    if isinstance(item, tuple | list):
        return type(item)(_referred(part, names) for part in item)
    return item


def _placed(item: Any, waiting: Any) -> Any:
    """An argument with tensors taken one after another, written so that torch.compile can follow it."""
    if isinstance(item, TensorType):
        return next(waiting)
    if isinstance(item, tuple):
        return tuple([_placed(part, waiting) for part in item])
    if isinstance(item, list):
        return [_placed(part, waiting) for part in item]
    if isinstance(item, slice):
        return slice(item.start, item.stop, item.step)
    return concrete(item, SAFE)
