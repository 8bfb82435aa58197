"""Waiting for other processes."""

from __future__ import annotations

import os

from misfold.targets.isolation import wire


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds, or has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return wire.readable(fd, 10)
    finally:
        os.close(fd)
