"""A worker as the campaign's process sees it: calls with a time limit, and a certain death."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from ..failures import capped
from ..outcome import Failure
from . import wire
from .answer import MEMORY, PROTOCOL, TIMEOUT, Answer
from .child import memory_use
from .deaths import DUMP_SIGNAL, explain
from .limits import MIB, OUTPUT_BYTES

if TYPE_CHECKING:
    from .server import ForkServer

_CHUNK = MIB
# Between looks at the memory of a worker and its children. A call that takes less is not looked at: RLIMIT_AS holds.
_WATCH_SECONDS = 0.25
# How long a worker that hangs may take to write its frames; it took below 5 ms in all trials.
_DUMP_SECONDS = 0.5
# A killed process is gone in milliseconds, unless it has gigabytes to give back or waits for a dead disk.
_KILL_SECONDS = 30.0
# A worker that closed its connection is normally just about to die.
_EXIT_SECONDS = 1.0
# faulthandler writes at most 100 frames of 100 threads.
_DUMP_BYTES = MIB
_NICE_DEPTH = 8


class Worker:
    """One forked process. Made by ``ForkServer.spawn``; used by one thread at a time.

    stdout and stderr of the worker go to a pipe that is drained during calls and of which the end is kept. So the code
    under test may write without end: nothing grows, no disk fills up, no write of it fails, and none reaches the
    protocol. faulthandler writes to a file in memory of its own, so that frames survive however much else was written.
    """

    def __init__(self, server: ForkServer, pid: int, connection: socket.socket, output: int, dump: int, folder: str):
        self.pid = pid
        #: Private memory in bytes after the last call; at first, that of the fork server.
        self.memory = server.memory
        self._server = server
        self._generation = server.generation
        self._connection = connection
        self._output = output
        self._dump = dump
        self._folder = folder
        self._calls = 0
        self._tail = bytearray()
        self._written = 0
        self._dead = False
        self._process = os.pidfd_open(pid)
        connection.setblocking(False)
        os.set_blocking(output, False)
        self._poll = select.poll()
        for fd in (connection.fileno(), output, self._process):
            self._poll.register(fd, select.POLLIN)

    @property
    def calls(self) -> int:
        """Number of calls so far."""
        return self._calls

    @property
    def alive(self) -> bool:
        """Whether the process still runs (it may be about to die)."""
        return not self._dead and not self._exited(0)

    def call(self, service: str, request: dict[str, Any], seconds: float | None = None) -> Answer:
        """Call ``service`` ("package.module:function", dict to dict) in the worker.

        After an answer of kind ``crash``, ``hang`` or ``memory`` the worker must be killed, if it is not gone already.
        ``seconds`` is the time limit, by default that of the server's limits.

        Raises:
            MessageError: the request is not plain data, or too large; the worker has not seen it.
        """
        limit = self._server.limits.seconds if seconds is None else seconds
        started = time.monotonic()
        self._calls += 1
        message = wire.pack({"id": self._calls, "service": service, "data": request})
        try:
            return self._call(message, started, limit)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process and whatever it started. May be called again."""
        if not self._dead:
            self._bury()

    def _call(self, message: bytes, started: float, limit: float) -> Answer:
        if self._dead:
            raise ValueError("a call to a worker that is dead")
        decoder = wire.Decoder()
        unsent = memoryview(message)
        connection = self._connection.fileno()
        self._forget_output()
        unsent = self._send(unsent)
        if unsent:
            self._poll.modify(connection, select.POLLIN | select.POLLOUT)
        watched = started
        reason: str | None = None
        detail = ""
        while True:
            now = time.monotonic()
            if now - started >= limit:
                reason = TIMEOUT
                break
            if now - watched >= _WATCH_SECONDS:
                watched = now
                if self._tree_memory() - self._server.memory > self._server.limits.memory:
                    reason = MEMORY
                    break
            wait = min(limit - (now - started), _WATCH_SECONDS)
            events = dict(self._poll.poll(max(1.0, wait * 1000)))
            if self._output in events:
                self._drain(1)
            if unsent and events.get(connection, 0) & select.POLLOUT:
                unsent = self._send(unsent)
                if not unsent:
                    self._poll.modify(connection, select.POLLIN)
            if events.get(connection, 0) & ~select.POLLOUT:
                try:
                    answer, ended = self._receive(decoder)
                except wire.ProtocolError as error:
                    reason, detail = PROTOCOL, str(error)
                    break
                if answer is not None:
                    return self._answer(answer, started)
                if ended:
                    if not self._exited(_EXIT_SECONDS):
                        reason, detail = PROTOCOL, "its connection was closed"
                    break
            elif self._process in events:
                break
        return self._death(reason, detail, started, limit)

    def _send(self, data: memoryview) -> memoryview:
        """Send what the socket takes; the rest. If the worker is dead, that shows when receiving."""
        with contextlib.suppress(BlockingIOError):
            try:
                return data[self._connection.send(data) :]
            except (BrokenPipeError, ConnectionResetError):
                return data[:0]
        return data

    def _receive(self, decoder: wire.Decoder) -> tuple[dict[str, Any] | None, bool]:
        """All that can be read now: a complete message if there is one, and whether the stream ended."""
        while True:
            try:
                data = self._connection.recv(_CHUNK)
            except BlockingIOError:
                return None, False
            except ConnectionResetError:
                return None, True
            if not data:
                return None, True
            message = decoder.feed(data)
            if message is not None:
                return message, False

    def _answer(self, message: dict[str, Any], started: float) -> Answer:
        """The answer in a message; a message that is none means death."""
        self._drain(64)
        stderr = self._text()
        seconds = time.monotonic() - started
        try:
            kind, memory = message["kind"], message["memory"]
            if message["id"] != self._calls:
                raise ValueError("an answer to another call")
            if kind == "ok" and isinstance(message["data"], dict):
                data, failure = message["data"], None
            elif kind in ("error", "crash", "memory"):
                data, failure = None, _failure(message["failure"], stderr)
            else:
                raise ValueError("an answer of unknown kind, or data that is not a dict")
            self.memory = int(memory)
        except (KeyError, TypeError, ValueError) as error:
            return self._death(PROTOCOL, f"{type(error).__name__}: {error}", started, 0.0)
        return Answer(kind, data, failure, stderr, self.pid, seconds, self.memory)

    def _death(self, reason: str | None, detail: str, started: float, limit: float) -> Answer:
        if reason == TIMEOUT:
            self._ask_for_frames()
        status, dump = self._bury()
        stderr = self._text()
        kind, failure = explain(status, reason, detail, dump, stderr, limit, self._server.limits.memory)
        return Answer(kind, None, failure, stderr, self.pid, time.monotonic() - started)

    def _ask_for_frames(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, DUMP_SIGNAL)
        end = time.monotonic() + _DUMP_SECONDS
        before = -1
        while time.monotonic() < end:
            size = os.fstat(self._dump).st_size
            if size and size == before:
                return
            before = size
            # Not blocked by what the worker writes meanwhile: the dump goes to another file.
            if self._exited(0.01):
                return

    def _bury(self) -> tuple[int | None, str]:
        """Kill the group, wait, collect the status and the fault dump, let go of everything, remove its folder."""
        self._dead = True
        try:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            # Just forked, it may not have a group of its own yet.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
            status = None
            if self._exited(_KILL_SECONDS):
                status = self._server.reap(self.pid, self._generation)
            self._drain(64)
            dump = os.pread(self._dump, _DUMP_BYTES, 0).decode("utf-8", "replace")
            return status, dump
        finally:
            self._connection.close()
            for fd in (self._output, self._dump, self._process):
                os.close(fd)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _exited(self, seconds: float) -> bool:
        return wire.readable(self._process, seconds)

    def _drain(self, most: int) -> None:
        """Read up to ``most`` chunks of output, as much as is there, and keep the end."""
        for _ in range(most):
            try:
                data = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                # All writing ends are closed: nothing more can come, and polling would find that over and over.
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._output)
                return
            self._written += len(data)
            self._tail += data
            del self._tail[:-OUTPUT_BYTES]

    def _forget_output(self) -> None:
        """What was written between calls belongs to none."""
        self._drain(1)
        self._tail.clear()
        self._written = 0

    def _text(self) -> str:
        text = self._tail.decode("utf-8", "replace")
        lost = self._written - len(self._tail)
        return capped(f"[… {lost} bytes left out …]\n{text}" if lost else text)

    def _tree_memory(self) -> int:
        """Private bytes of the worker and all its descendants."""
        total, level = 0, [self.pid]
        for _ in range(_NICE_DEPTH):
            below: list[int] = []
            for pid in level:
                with contextlib.suppress(OSError, ValueError):
                    with open(f"/proc/{pid}/statm", "rb") as file:
                        total += memory_use(file.read())[1]
                    with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                        below += map(int, file.read().split())
            level = below
        return total


def _failure(fields: dict[str, Any], stderr: str) -> Failure:
    return Failure(**{**fields, "frames": tuple(fields["frames"]), "stderr": stderr})
