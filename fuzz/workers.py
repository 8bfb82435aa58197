"""Workers for one target, outside a campaign: what commands that try a case again and again need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from misfold.targets.isolation.limits import Limits

from .campaign import Servers, find_targets
from .examine import Examiner
from .kernels.campaign import find_kernel_targets, kernel_servers
from .kernels.examine import KernelExaminer


@contextmanager
def open_examiners(target: str, kernel: bool, jobs: int, seconds: float) -> Iterator[list[Examiner]]:
    """``jobs`` examiners of graphs, or of kernels, for one target, with their servers; all end with the context.

    Raises:
        TargetError: the target is unknown or not installed.
    """
    targets: dict[str, Any] = dict(find_kernel_targets((target,)) if kernel else find_targets((target,)))
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        limits = Limits(seconds=seconds)
        servers = (kernel_servers if kernel else Servers)(targets, Path(scratch), limits)
        kind: Any = KernelExaminer if kernel else Examiner
        made: Sequence[Examiner] = []
        try:
            servers.start()
            made = [kind(servers.servers, targets, Path(scratch) / f"lane-{n}", seconds) for n in range(jobs)]
            yield list(made)
        finally:
            for one in made:
                one.close()
            servers.close()
