"""Traces: calls of public operators, seen in torch's own test data or in somebody's script, and altered ones.

``Call`` and ``Trial`` are the records, ``read`` and ``write`` their files.
"""

from __future__ import annotations

from .call import Call, Trial
from .storage import read, read_header, write

__all__ = ["Call", "Trial", "read", "read_header", "write"]
