"""Inside a worker: a call is made by eager torch and through ``torch.compile``, and what either does is told as
data."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import torch

from misfold.programs.types import TensorType
from misfold.targets.dynamo import CountingBackend

from ..traces.arguments import leaves
from ..traces.call import Call
from ..traces.drawing import SAFE, tensor
from ..traces.errors import normal_error
from ..traces.executing import Unrepresentable, callable_of, concrete, output_data

BACKENDS = ("eager", "aot_eager", "inductor", "misfold")


def prepare() -> None:
    """Done once in the fork server: imports, and a first compile, which takes seconds."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    import torch._dynamo.config as config
    import torch._functorch.config as functorch
    import torch._inductor.config as inductor

    config.run_gc_after_compile = False
    functorch.enable_autograd_cache = False
    inductor.compile_threads = 1
    inductor.fx_graph_cache = False
    torch.compile(lambda x: x.sin() + 1, backend="aot_eager")(torch.ones(3))
    torch._dynamo.reset()


def _outcome(run: Any) -> tuple[str, Any]:
    """Normalised error, and output types. Values are the campaign's business: what is compared here is acceptance."""
    try:
        result = run()
    except MemoryError:
        return "MemoryError", None
    except Exception as error:
        return normal_error(type(error).__name__, str(error)) or type(error).__name__, None
    try:
        return "", output_data(result)
    except Unrepresentable as reason:
        return "", str(reason)


def serve(data: dict[str, Any]) -> dict[str, Any]:
    """``{"call", "backends"}`` to ``{"eager": [error, outputs], "compiled": {backend: [error, outputs, graphs,
    runs]}}``."""
    call = Call.from_data(data["call"])
    function = callable_of(call.function)

    def eager() -> Any:
        args = [concrete(item, SAFE) for item in call.args]
        return function(*args, **{key: concrete(item, SAFE) for key, item in call.kwargs})

    torch.manual_seed(0)
    error, outputs = _outcome(eager)
    compiled = {backend: _compiled(call, function, backend) for backend in data["backends"]}
    return {"eager": [error, outputs], "compiled": compiled}


def _compiled(call: Call, function: Any, backend: str) -> list[Any]:
    import torch._dynamo

    torch._dynamo.reset()
    kinds = [
        leaf for item in (*call.args, *(v for _, v in call.kwargs)) for leaf in leaves(item) if type(leaf) is TensorType
    ]

    def program(tensors: list[torch.Tensor]) -> Any:
        waiting = iter(tensors)
        args = [_placed(item, waiting) for item in call.args]
        return function(*args, **{key: _placed(item, waiting) for key, item in call.kwargs})

    counting = CountingBackend(torch._dynamo.lookup_backend(backend))
    compiled = torch.compile(program, backend=counting)
    torch.manual_seed(0)
    with contextlib.redirect_stderr(None):
        error, outputs = _outcome(lambda: compiled([tensor(kind, SAFE) for kind in kinds]))
    return [error, outputs, counting.graphs, counting.runs]


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
