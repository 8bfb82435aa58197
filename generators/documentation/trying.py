"""Inside a worker: a call is made by eager torch and on other sides, and what each does is told as data.

Every call is made with two draws of elements: small ones that suit nearly everything, and wild ones, which as indices
point out of bounds and as probabilities are none. What is compiled is compiled once.
"""

from __future__ import annotations

import logging
import warnings
from functools import partial
from typing import Any

import torch

from ..collect.domains import UNCHECKED
from ..traces.call import Call
from ..traces.drawing import SAFE, WIDE
from ..traces.executing import callable_of, concrete
from .sides import BACKENDS, SIDES, by_target, by_torch, outcome

__all__ = ["BACKENDS", "SIDES", "prepare", "serve"]


def prepare() -> None:
    """Done once in the fork server: imports, and a first compile, which takes seconds."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    # Refused calls are what is asked for here; a traceback of each would be megabytes.
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    import torch._functorch.config as functorch
    import torch._inductor.config as inductor

    from misfold.targets.dynamo import save_time

    save_time()
    functorch.enable_autograd_cache = False
    inductor.compile_threads = 1
    inductor.fx_graph_cache = False
    torch.compile(lambda x: x.sin() + 1, backend="aot_eager")(torch.ones(3))
    torch._dynamo.reset()


def draws_of(call: Call) -> tuple[int, ...]:
    """The draws that a call is made with. Where eager torch trusts integers, wild ones would corrupt memory."""
    kinds = list(call.tensors())
    trusting = call.function.rpartition(".")[2].rstrip("_") in UNCHECKED
    if not kinds or (trusting and any(not kind.dtype.is_float for kind in kinds)):
        return (SAFE,)
    return (SAFE, WIDE)


def serve(data: dict[str, Any]) -> dict[str, Any]:
    """``{"call", "sides"}`` to ``{"draws", "eager": results, "sides": {side: {"results", "graphs", "runs"}}}``.

    ``results`` has, for each draw, the normalised error and the types of the outputs.
    """
    call = Call.from_data(data["call"])
    function, draws = callable_of(call.function), draws_of(call)

    def eager(draw: int) -> Any:
        args = [concrete(item, draw) for item in call.args]
        torch.manual_seed(0)
        return function(*args, **{key: concrete(item, draw) for key, item in call.kwargs})

    results = [outcome(partial(eager, draw)) for draw in draws]
    found = {
        side: by_torch(call, side, draws) if side in BACKENDS else by_target(call, side, draws)
        for side in data["sides"]
    }
    return {"draws": list(draws), "eager": results, "sides": found}
