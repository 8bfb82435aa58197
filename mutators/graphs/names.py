"""Which mutators of graphs there are, without importing what they need: the command line asks for no more."""

from __future__ import annotations

from collections.abc import Mapping

#: Whether each is general, that is, changes any program. The others know what compilers take apart: layouts, sizes
#: around vectors, views, types, what works in place. In a fixed order, in which chance chooses.
GENERAL: Mapping[str, bool] = {
    "replace-operator": True,
    "insert-operator": True,
    "insert-view": False,
    "rewire": True,
    "delete-node": True,
    "splice": True,
    "change-attribute": True,
    "change-form": False,
    "change-size": False,
    "change-type": False,
    "change-layout": False,
    "change-returns": True,
    "solve-sizes": True,
}
