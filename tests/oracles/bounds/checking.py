"""Analysing a program written down as a body, on given arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from misfold.oracles.bounds.analysis import analyse
from misfold.programs.parser import parse_graph


def analysed(body: str, tensors: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Value, error (zeros where exact) and reason of the last value of a body; tensors are its inputs x0, x1, …"""
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    last = body.split(";")[-1].split("=")[0].strip()
    kinds = ", ".join(
        f'x{i}: "{str(item.dtype).removeprefix("torch.")}{list(item.shape)}"' for i, item in enumerate(tensors)
    )
    graph = parse_graph(f"def program({kinds}):\n{lines}    return ({last},)\n")
    shadow = analyse(graph, tensors).values[last]
    error = torch.zeros(shadow.shape, dtype=torch.float64) if shadow.error is None else shadow.error
    return shadow.value.numpy(), error.numpy(), shadow.lost
