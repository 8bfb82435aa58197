"""Functions compiled as users do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def compiled(function: Callable[..., Any], dynamic: bool = False, **options: Any) -> Callable[..., Any]:
    """The function compiled by the backend, which may not fall back unless the options say so."""
    return torch.compile(function, backend="misfold", dynamic=dynamic, options={"strict": True, **options})
