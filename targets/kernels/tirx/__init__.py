"""The loop IR as TVM's tirx, with the loop IR's meaning: where TVM leaves something open, the meaning is spelt out.

Left to TVM, and so undefined there, is only what integer arithmetic gives beyond its type's range
(``interpret(..., overflow=…)`` tells whether a run has that).
"""

from .functions import emit

__all__ = ["emit"]
