"""From PyTorch's graphs to the graph IR. The only part of the compiler that knows PyTorch.

``import_exported`` takes what ``torch.export`` gives, ``import_fx`` the graph that a backend of ``torch.compile`` gets
from AOTAutograd. What each ATen operator becomes stands in ``aten/``, a family per module; operators without a
conversion there are taken apart by PyTorch's own decompositions.
"""

from .entry import import_exported, import_fx
from .imported import Computed, Constant, Imported, Input, Mutation, Output, Passed, View

__all__ = [
    "Computed",
    "Constant",
    "Imported",
    "Input",
    "Mutation",
    "Output",
    "Passed",
    "View",
    "import_exported",
    "import_fx",
]
