"""Native frames of a crash: a second run with a handler that writes glibc's backtrace before the process dies.

Python's faulthandler shows Python frames only, and wheels come without debuggers. The handler is a Python function that
the signal calls through ctypes: that works as long as the thread that crashes is one that may run Python, which the
thread that runs a case is. A stack overflow gives nothing.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import signal
from collections.abc import Callable, Sequence
from typing import Any

SERVICE = "misfold.triage.localise.crashes:serve"
_SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_FRAME = re.compile(
    r"(?P<file>[^(]*)\((?P<symbol>[^)+]*)(?:\+(?P<offset>0x[0-9a-f]+))?\)\s*\[(?P<address>0x[0-9a-f]+)\]"
)
# More frames than any compiler's recursion needs to be recognised by its deepest ones.
_DEPTH = 100
#: How many of the deepest own frames are kept.
KEPT = 6

# Of the process that crashes: kept here, since a callback that was collected would be jumped to.
_handlers: list[Any] = []


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Call the service ``service`` with ``request``; a fatal signal writes a backtrace to the file ``path``."""
    libc = ctypes.CDLL(None)
    buffer = (ctypes.c_void_p * _DEPTH)()
    file = os.open(request["path"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    # Loads libgcc, which must not happen first in the handler.
    libc.backtrace(buffer, _DEPTH)
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal.restype = ctypes.c_void_p

    def on_signal(number: int) -> None:
        libc.signal(number, None)
        count = libc.backtrace(buffer, _DEPTH)
        libc.backtrace_symbols_fd(buffer, count, file)
        os.kill(os.getpid(), number)

    handler = handler_type(on_signal)
    _handlers.append(handler)
    for number in _SIGNALS:
        libc.signal(number, ctypes.cast(handler, ctypes.c_void_p))
    module, _, name = request["service"].partition(":")
    answer: dict[str, Any] = getattr(importlib.import_module(module), name)(request["request"])
    return answer


def own_frames(
    text: str, own: Sequence[str], name_of: Callable[[str, int], str | None] = lambda file, offset: None
) -> tuple[str, ...]:
    """The deepest frames of a backtrace in libraries whose path has one of ``own`` in it, outermost first.

    ``name_of`` names the function at an offset of a library's file, where the backtrace does not. Code that no file
    holds, as a just-in-time compiler makes it, is ``jit:code``.
    """
    frames: list[str] = []
    # The handler's own frames end with the one that the kernel put there for the signal.
    lines = text.splitlines()
    for line in lines:
        match = _FRAME.match(line.strip())
        if match is None:
            if re.fullmatch(r"\s*\[0x[0-9a-f]+\]", line) and not frames:
                frames.append("jit:code")
            continue
        file = match["file"]
        if not any(one in file for one in own):
            continue
        library = os.path.basename(file)
        symbol = match["symbol"]
        if not symbol and match["offset"]:
            symbol = name_of(file, int(match["offset"], 16)) or ""
        frame = f"{library}:{symbol or '?'}"
        if not frames or frames[-1] != frame:
            frames.append(frame)
    return tuple(reversed(frames[:KEPT]))


#: What is in the path of a target's own libraries, by target.
LIBRARIES = {
    "tvm": ("libtvm",),
    "onnxruntime": ("onnxruntime",),
    "inductor": ("libtorch", "torchinductor", "/inductor/"),
    "misfold": ("llvmlite",),
}
