"""Running untrusted work in forked children with a time limit: examples and samples may crash or hang.

The parent must have one thread (torch's pools not started). What a child returns is JSON text, nothing is unpickled.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Child:
    """A running child: its process, the pipe that its answer comes through, and when its time is up."""

    index: int
    pid: int
    pipe: int
    deadline: float
    data: bytearray


@dataclass(frozen=True)
class Result:
    """What a child made of item ``index``: plain data, or how it ended instead ("signal 11", "timeout", an error)."""

    index: int
    data: Any = None
    failure: str | None = None


def _start(work: Callable[[Any], Any], item: Any, index: int, seconds: float) -> Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(index, pid, reading, time.monotonic() + seconds, bytearray())
    status = 1
    try:
        os.close(reading)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        faulthandler.disable()  # a crash is told by its signal
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the process ends with it
        with tempfile.TemporaryDirectory() as folder:
            # examples may write files
            os.chdir(folder)
            try:
                answer = {"data": work(item)}
            except Exception:
                answer = {"failure": traceback.format_exc(limit=-3)}
            with os.fdopen(writing, "wb") as file:
                file.write(json.dumps(answer).encode())
            os.chdir("/")
        status = 0
    finally:
        os._exit(status)


def _reap(child: Child, killed: bool) -> Result:
    os.close(child.pipe)
    _, status = os.waitpid(child.pid, 0)
    if killed:
        return Result(child.index, failure="timeout")
    if os.WIFSIGNALED(status):
        return Result(child.index, failure=f"signal {os.WTERMSIG(status)}")
    try:
        answer = json.loads(bytes(child.data))
    except ValueError:
        return Result(child.index, failure=f"exit status {os.WEXITSTATUS(status)}")
    return Result(child.index, answer.get("data"), answer.get("failure"))


def fork_map(work: Callable[[Any], Any], items: Sequence[Any], *, jobs: int, seconds: float) -> Iterator[Result]:
    """``work(item)`` for every item, each in a process of its own; results in the order of completion."""
    running: dict[int, Child] = {}
    waiting = iter(enumerate(items))
    exhausted = False
    while running or not exhausted:
        while len(running) < jobs and not exhausted:
            following = next(waiting, None)
            if following is None:
                exhausted = True
                break
            child = _start(work, following[1], following[0], seconds)
            running[child.pipe] = child
        readable, _, _ = select.select(list(running), [], [], 0.2)
        for pipe in list(running):
            child = running[pipe]
            ended = killed = False
            if pipe in readable:
                block = os.read(pipe, 2**20)
                child.data += block
                ended = not block
            elif time.monotonic() > child.deadline:
                os.kill(child.pid, signal.SIGKILL)
                ended = killed = True
            if ended:
                del running[pipe]
                yield _reap(child, killed)
