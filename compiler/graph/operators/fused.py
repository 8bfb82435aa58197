"""Several operators that run in one loop nest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import IllTyped, operator


@operator("fused", None)
def fused(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """The node's body, applied to its inputs; ``graph.fusion_rules`` says what a body may hold. Its types are those of
    the body's outputs, so there is nothing to infer."""
    raise IllTyped("fused: its types are those of its body")
