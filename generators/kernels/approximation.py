"""Which buffers of a function hold what is only right to a few ULP: ``compiler.loops.approximation``."""

from __future__ import annotations

from misfold.compiler.loops.approximation import approximate

__all__ = ["approximate"]
