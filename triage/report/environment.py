"""Where a bug was seen: operating system, interpreter, and what PyTorch's own script tells of the machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from threading import Lock

# It asks pip and a dozen system tools, some of which wait for a device that is not there.
_SECONDS = 120


def system() -> Mapping[str, str]:
    """Operating system, architecture and Python: ``platform``, ``system``, ``machine``, ``python``."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return {
        "platform": platform.system(),
        "system": name or platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


_ASKING = Lock()


def collect_environment() -> str:
    """Output of ``python -m torch.utils.collect_env``, or one line that says why there is none; asked once."""
    with _ASKING:  # those who ask at the same time wait for one answer
        return _collected()


@cache
def _collected() -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "torch.utils.collect_env"],
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"torch.utils.collect_env gave nothing: {type(error).__name__}"
    if done.returncode or not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return f"torch.utils.collect_env gave nothing: {last}"
    return done.stdout.strip()
