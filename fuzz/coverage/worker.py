"""Coverage inside of the isolated workers: armed once in the fork server, told with every answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from misfold.targets import running

from .protocol import CoverageUnavailable, Source
from .sources import make_source

#: What a fork server preloads after its targets, and the environment variable that names the sources, by commas.
PRELOAD = "misfold.fuzz.coverage.worker:arm"
VARIABLE = "MISFOLD_COVERAGE"
#: The service: that of ``targets.running`` with ``coverage`` in its answer.
SERVICE = "misfold.fuzz.coverage.worker:serve"

_armed: list[Source] = []
_unavailable: dict[str, str] = {}


def arm() -> None:
    """Arm the sources that ``MISFOLD_COVERAGE`` names; what does not work here is remembered and told."""
    cache = Path(os.environ.get("MISFOLD_CACHE") or ".") / "coverage"
    for name in filter(None, os.environ.get(VARIABLE, "").split(",")):
        try:
            source = make_source(name, cache)
            source.arm()
        except CoverageUnavailable as error:
            _unavailable[name] = str(error)
        else:
            _armed.append(source)


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """As ``targets.running.serve``. ``coverage`` maps the name of each source that reached something new in this worker
    to its ``key``, ``size`` and ``points`` (native uint32 numbers); ``no_coverage`` says of those that do not work why.
    """
    return _with_coverage(running.serve(request))


def _with_coverage(answer: dict[str, Any]) -> dict[str, Any]:
    answer["coverage"] = {
        source.name: {"key": source.key, "size": source.size, "points": np.asarray(points, np.uint32).tobytes()}
        for source in _armed
        if (points := source.new_since())
    }
    if _unavailable:
        answer["no_coverage"] = dict(_unavailable)
    return answer


#: The service for kernels: that of ``targets.kernels.running``, with coverage in its answer.
KERNEL_SERVICE = "misfold.fuzz.coverage.worker:serve_kernel"


def serve_kernel(request: dict[str, Any]) -> dict[str, Any]:
    """As ``targets.kernels.running.serve``, with ``coverage`` as ``serve`` has it."""
    from misfold.targets.kernels import running as kernels

    return _with_coverage(kernels.serve(request))
