"""The kernel targets that are installed, by name, through the same entry points for built-in and other ones."""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from misfold.programs.errors import TargetError

from .protocol import KernelTarget

GROUP = "misfold.kernel_targets"

_log = logging.getLogger(__name__)


@cache
def targets() -> dict[str, type[KernelTarget]]:
    """All kernel targets that can be loaded, by name. One that cannot is logged; the others go on."""
    found: dict[str, type[KernelTarget]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        try:
            loaded = entry.load()
        except Exception as error:  # a plug-in is a stranger's code
            _log.warning("kernel target plug-in %r cannot be loaded: %s: %s", entry.name, type(error).__name__, error)
            continue
        if isinstance(loaded, type) and issubclass(loaded, KernelTarget) and loaded.name == entry.name:
            found.setdefault(entry.name, loaded)
        else:
            _log.warning("kernel target plug-in %r: %s is no KernelTarget of this name", entry.name, entry.value)
    return found


def get(name: str) -> KernelTarget:
    """A new instance of the kernel target called ``name``.

    Raises:
        TargetError: there is none.
    """
    found = targets()
    if name not in found:
        raise TargetError(f"there is no kernel target {name!r}; known: {', '.join(found) or 'none'}")
    return found[name]()
