"""Sources by name: ``REGION-functions``, ``REGION-blocks`` and ``PACKAGE-lines``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from misfold.programs.errors import UsageError

from .native.regions import REGIONS
from .protocol import CoverageUnavailable, Source
from .python_source import PythonSource

#: What a campaign watches of each target's family unless told otherwise. Functions, not blocks: workers are forked with
#: all traps armed, and one that meets a hundred thousand of them has spent a quarter of a second in signal handlers.
DEFAULT = {
    "tvm": ("tvm-functions",),
    "tvm-kernels": ("tvm-functions",),
    "onnx": ("onnxruntime-functions",),
    "inductor": ("torch._inductor-lines",),
    "misfold": ("misfold.compiler-lines",),
}


def check_name(name: str) -> None:
    """Raise UsageError unless a source can be called so."""
    what, _, kind = name.rpartition("-")
    native = kind in ("functions", "blocks")
    if not what or (native and what not in REGIONS) or (not native and kind != "lines"):
        raise UsageError(
            f"no source of coverage {name!r}; there are REGION-functions and REGION-blocks "
            f"(regions: {', '.join(REGIONS)}) and PACKAGE-lines (such as torch._inductor-lines)"
        )


def make_source(name: str, cache: Path) -> Source:
    """The source of this name.

    Raises:
        UsageError: there can be none.
        CoverageUnavailable: it does not work with what is installed here.
    """
    check_name(name)
    what, _, kind = name.rpartition("-")
    if kind == "lines":
        return PythonSource(what)
    try:
        from .native.source import NativeSource
    except ImportError as error:
        raise CoverageUnavailable(
            f"native coverage needs {error.name}, which is missing; install it with: pip install misfold[coverage]"
        ) from error
    return NativeSource(what, "blocks" if kind == "blocks" else "functions", cache)


def families_of(name: str) -> tuple[str, ...]:
    """The families of targets in whose workers a source is armed."""
    what = name.rpartition("-")[0].partition(".")[0]
    known = {"tvm": ("tvm", "tvm-kernels"), "onnxruntime": ("onnx",), "misfold": ("misfold",)}
    return known.get(what, ("inductor",))


def watched(targets: Iterable[Any], names: Iterable[str]) -> dict[str, list[str]]:
    """As ``chosen`` for the families of targets, with what targets themselves ask to be watched."""
    own: dict[str, tuple[str, ...]] = {}
    for target in targets:
        own[target.family] = own.get(target.family, ()) + tuple(getattr(target, "coverage", ()))
    return chosen(own, names, own)


def chosen(
    families: Iterable[str], names: Iterable[str], own: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    """Sources by family: those of ``names`` that belong to one of ``families``; ``auto`` stands for what ``own`` says
    of a family, or ``DEFAULT``."""
    own = own or {}
    found: dict[str, list[str]] = {family: [] for family in families}
    for name in names:
        if name == "auto":
            for family in found:
                usual: Sequence[str] = own.get(family) or DEFAULT.get(family) or ()
                for item in usual:
                    check_name(item)
                found[family] += [item for item in usual if item not in found[family]]
            continue
        check_name(name)
        for family in {*families_of(name), *(family for family, sources in own.items() if name in sources)}:
            if family in found and name not in found[family]:
                found[family].append(name)
    return found
