"""Making the file of operator records from the installed torch's own test data and documentation."""

from __future__ import annotations

from .collecting import Summary, collect

__all__ = ["Summary", "collect"]
