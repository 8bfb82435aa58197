"""Analysing a program written down as a body, on given arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from misfold.oracles.bounds.analysis import analyse
from misfold.oracles.calls import Call, make_calls
from misfold.programs.graph import Graph
from misfold.programs.parser import parse_graph


def written(body: str, tensors: Sequence[torch.Tensor]) -> Graph:
    """The graph of a body that returns its last value; tensors are its inputs x0, x1, …"""
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    last = body.split(";")[-1].split("=")[0].strip()
    kinds = ", ".join(
        f'x{i}: "{str(item.dtype).removeprefix("torch.")}{list(item.shape)}"' for i, item in enumerate(tensors)
    )
    return parse_graph(f"def program({kinds}):\n{lines}    return ({last},)\n")


def evaluated(body: str, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """What eager gives for the last value of a body."""
    graph = written(body, tensors)
    env = {value.name: item for value, item in zip(graph.inputs, tensors, strict=True)}
    for node, call in zip(graph.nodes, make_calls(graph), strict=True):
        assert isinstance(call, Call)
        env.update(zip((value.name for value in node.outputs), call(env), strict=False))
    return env[graph.returns[0]]


def analysed(body: str, tensors: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Value, error (zeros where exact) and reason of the last value of a body; tensors are its inputs x0, x1, …"""
    graph = written(body, tensors)
    shadow = analyse(graph, tensors).values[graph.returns[0]]
    error = torch.zeros(shadow.shape, dtype=torch.float64) if shadow.error is None else shadow.error
    return shadow.value.numpy(), error.numpy(), shadow.lost
