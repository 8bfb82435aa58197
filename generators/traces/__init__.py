"""Traces: calls of public operators, seen in torch's own test data or in somebody's script, and altered ones.

``Call`` and ``Trial`` are the records, ``read`` and ``write`` their files. What makes them imports torch, and so is
imported by name: ``collecting.collect_traces``, ``augmenting.augment``, ``script.trace_script``.
"""

from __future__ import annotations

from .call import Call, Trial
from .storage import read, read_header, write

__all__ = ["Call", "Trial", "read", "read_header", "write"]
