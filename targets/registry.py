"""The targets that are installed, by name. Built-in and third-party ones come through the same entry points."""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from misfold.programs.errors import TargetError

from .protocol import Target

GROUP = "misfold.targets"

_log = logging.getLogger(__name__)


def _distribution(entry: EntryPoint) -> str:
    return f" (from {entry.dist.name} {entry.dist.version})" if entry.dist else ""


def _load(entry: EntryPoint) -> type[Target]:
    """The class that an entry point names.

    Raises:
        TargetError: it cannot be imported, or is not a target; the message names the plug-in.
    """
    try:
        loaded = entry.load()
    except (
        Exception
    ) as error:  # a plug-in is a stranger's code: whatever its import raises, it is the one that is broken
        raise TargetError(
            f"target plug-in {entry.name!r}{_distribution(entry)} cannot be loaded from {entry.value!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    place = f"target plug-in {entry.name!r}{_distribution(entry)}: {entry.value!r}"
    if not (isinstance(loaded, type) and issubclass(loaded, Target)):
        raise TargetError(f"{place} is not a subclass of misfold.targets.protocol.Target")
    if loaded.__abstractmethods__:
        raise TargetError(f"{place} does not define {', '.join(sorted(loaded.__abstractmethods__))}")
    for constant in ("name", "family"):
        if not isinstance(getattr(loaded, constant, None), str):
            raise TargetError(f"{place} does not state its {constant}")
    if loaded.name != entry.name:
        raise TargetError(f"{place} calls itself {loaded.name!r}; entry point and class must agree")
    return loaded


@cache
def _found() -> tuple[dict[str, type[Target]], dict[str, TargetError]]:
    found: dict[str, type[Target]] = {}
    broken: dict[str, TargetError] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if entry.name in found and found[entry.name].__module__ == entry.module:
            continue  # an editable install and its build folder may both be on the path
        try:
            loaded = _load(entry)
            if entry.name in found:
                raise TargetError(
                    f"target plug-in {entry.name!r}{_distribution(entry)}: the name is taken by "
                    f"{found[entry.name].__module__}"
                )
            found[entry.name] = loaded
        except TargetError as error:
            broken.setdefault(entry.name, error)
            _log.warning("%s", error)
    return found, broken


def targets() -> dict[str, type[Target]]:
    """All targets that can be loaded, by name. One that cannot is logged and named by ``broken``; the others go on."""
    return dict(_found()[0])


def broken() -> dict[str, TargetError]:
    """For each plug-in that cannot be loaded the error that says why."""
    return dict(_found()[1])


def get(name: str) -> Target:
    """A new instance of the target called ``name``.

    Raises:
        TargetError: there is none, or its plug-in is broken, or its constructor fails.
    """
    found, wrong = _found()
    if name in found:
        try:
            return found[name]()
        except Exception as error:  # as in _load
            raise TargetError(f"target {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if name in wrong:
        raise wrong[name]
    raise TargetError(f"there is no target {name!r}; known: {', '.join(found) or 'none'}")


def forget() -> None:
    """Look at the entry points anew at the next call (a plug-in was installed meanwhile)."""
    _found.cache_clear()
