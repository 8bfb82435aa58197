"""Reads TVM's PrimFuncs as functions of the loop IR, whose interpreter then says what they compute. Needs TVM.

``read_function`` is the way in. What a PrimFunc leaves undefined becomes an assert whose message begins with
``UNDEFINED``; vectorised loops are read as parallel ones, so that iterations that depend on each other are found.
"""

from .functions import UNDEFINED, Unreadable, read_function

__all__ = ["UNDEFINED", "Unreadable", "read_function"]
