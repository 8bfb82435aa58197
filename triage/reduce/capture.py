"""The service that runs a case eagerly and keeps what each value was when it was made (in a worker, with torch)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from misfold.programs.arguments import Ref, Symbol, map_leaves
from misfold.programs.case import parse_case
from misfold.programs.dtypes import DTYPES

# Values larger than this are not written into a case file: a person could not read them, and a program that needs
# them can keep the operator that makes them.
MAX_ELEMENTS = 4096


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case": text}`` to ``{"values": {name: TensorValue as dict}}``, for all values of at most MAX_ELEMENTS, and
    ``{"types": {name: [element type, shape]}}``, for all values of types that a case can state."""
    import torch

    from misfold.targets.torch_values import make_inputs, to_value

    case = parse_case(request["case"])
    environment: dict[str, Any] = {}
    captured: dict[str, Any] = {}
    types: dict[str, Any] = {}

    def leaf(item: Any) -> Any:
        if isinstance(item, Ref):
            return environment[item.name]
        return getattr(torch, item.name.removeprefix("torch.")) if isinstance(item, Symbol) else item

    def keep(name: str, tensor: torch.Tensor) -> None:
        environment[name] = tensor
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype in DTYPES:
            types[name] = [dtype, list(tensor.shape)]
        if dtype in DTYPES and tensor.numel() <= MAX_ELEMENTS:
            captured[name] = asdict(to_value(tensor))

    for value, tensor in zip(case.graph.inputs, make_inputs(case), strict=True):
        keep(value.name, tensor.detach())
    with torch.no_grad():
        for node in case.graph.nodes:
            function: Any = torch
            for part in node.op.split(".")[1:]:
                function = getattr(function, part)
            kwargs = {key: map_leaves(argument, leaf) for key, argument in node.kwargs.items()}
            result = function(*map_leaves(node.args, leaf), **kwargs)
            for value, tensor in zip(node.outputs, result if node.unpack else [result], strict=True):
                keep(value.name, tensor)
    return {"values": captured, "types": types}
