"""Why a worker died, as data: from its exit status, faulthandler's dump, and what it wrote to stderr."""

from __future__ import annotations

import os
import re
import signal

from ..failures import capped, file_module, without_harness
from ..outcome import Failure
from .answer import MEMORY, PROTOCOL, SERVER_LOST, TIMEOUT

# Asks a worker for the Python frames of all its threads. A real-time signal, because code under test uses none.
DUMP_SIGNAL = signal.SIGRTMIN + 8

_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')
_THREAD = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):")
# What C and C++ runtimes say just before they call abort().
_ABORT = re.compile(
    r"what\(\):|terminate called|assert|check failed|corrupt|free\(\)|malloc|fatal|panic", re.IGNORECASE
)

_REASONS = {
    TIMEOUT: ("hang", "no answer within {limit:g} s"),
    MEMORY: ("memory", "the worker and its children held more than {memory} MiB above the fork server"),
}


def dump_frames(dump: str) -> tuple[str, ...]:
    """``module:function``, outermost first, of the thread that matters in a dump by faulthandler.

    That is the thread that was hit by the signal, or if it runs no Python code, the main one, which comes last.
    """
    threads: list[tuple[bool, list[str]]] = []
    for line in dump.splitlines():
        if header := _THREAD.fullmatch(line):
            threads.append((header[1] == "Current thread", []))
        elif (frame := _FRAME.fullmatch(line)) and threads:
            threads[-1][1].append(f"{file_module(frame[1])}:{frame[3]}")
    chosen = next((frames for current, frames in threads if current and frames), None)
    if chosen is None:
        chosen = next((frames for _, frames in reversed(threads) if frames), [])
    return without_harness(tuple(reversed(chosen)))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(stderr: str) -> str:
    """The line of stderr that best explains an abort: the last one that a runtime's complaint looks like, or ''."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    complaints = [line for line in lines if _ABORT.search(line)]
    return capped(complaints[-1] if complaints else "", 400)


def explain(
    status: int | None, reason: str | None, detail: str, dump: str, stderr: str, limit: float, memory: int
) -> tuple[str, Failure]:
    """Kind of answer and failure for a worker that is gone.

    ``status`` is a status of ``wait(2)``, None if the fork server went away; ``reason`` is why the worker was killed
    by the campaign's process (``TIMEOUT``, ``MEMORY``, ``PROTOCOL`` with ``detail``), or None if it died by itself;
    ``limit`` is in seconds, ``memory`` in bytes.
    """
    frames, traceback = dump_frames(dump), capped(dump)
    if reason in _REASONS:
        kind, message = _REASONS[reason]
        return kind, Failure(reason, message.format(limit=limit, memory=memory // 2**20), frames, traceback, stderr)
    if reason == PROTOCOL:
        return "crash", Failure(PROTOCOL, f"the worker broke the protocol: {detail}", frames, traceback, stderr)
    if status is None:
        return "crash", Failure(SERVER_LOST, "the fork server died during the call", frames, traceback, stderr)
    if os.WIFSIGNALED(status):
        name = _signal_name(os.WTERMSIG(status))
        message = f"killed by {name}"
        if name == "SIGKILL":
            message += " from outside, as by the kernel when memory runs out"
        elif name == "SIGABRT" and (words := _last_words(stderr)):
            message += f": {words}"
        return "crash", Failure(name, message, frames, traceback, stderr)
    code = os.waitstatus_to_exitcode(status)
    return "crash", Failure(
        "exit", f"the worker exited with status {code} in the middle of a call", frames, traceback, stderr
    )
