"""The fork server: starts a zygote, has it fork workers, and replaces it should it die."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgpack

from misfold.programs.errors import TargetError

from ..failures import capped
from . import wire
from .limits import SINGLE_THREADED, Limits
from .worker import Worker

# Importing torch takes 3 s and a first compile 8 s on an idle core; a loaded machine with cold disks takes far longer.
_START_SECONDS = 300
# A fork takes 6 to 40 ms.
_REPLY_SECONDS = 60
_TRIES = 3
_END_SECONDS = 5


class _Lost(Exception):
    """The zygote is gone."""


class ForkServer:
    """Forks workers of one target family from a process that has its libraries imported.

    ``preload`` names modules to import and ``module:function`` to call, once, before any fork; they must leave no
    thread running. In ``folder`` every worker has a folder of its own, which is its working directory and goes when
    the worker goes. ``environment`` is added to that of the caller, after the settings that keep libraries on one
    thread. May be used by several threads.
    """

    def __init__(
        self,
        name: str,
        preload: Sequence[str],
        folder: Path,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        self.name = name
        self.limits = limits or Limits()
        #: Private memory of the zygote in bytes, which every worker shares at first.
        self.memory = 0
        #: Counts the zygotes started.
        self.generation = 0
        self._preload = list(preload)
        self._folder = Path(folder).absolute()
        self._environment = dict(environment or {})
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._log = -1
        self._closed = False

    def __enter__(self) -> ForkServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the zygote, None if none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the zygote and wait until it has preloaded; nothing if it runs.

        Raises:
            TargetError: it cannot be started, with what it said last.
        """
        with self._lock:
            try:
                self._ensure()
            except _Lost as lost:
                words = self._last_words()
                self._stop()
                raise TargetError(f"the fork server {self.name} failed while preloading: {lost}; {words}") from None

    def spawn(self) -> Worker:
        """A new worker. A zygote that died is started again.

        Raises:
            TargetError: there cannot be one, after several tries.
        """
        reason = ""
        for _ in range(_TRIES):
            with self._lock:
                try:
                    self._ensure()
                    return self._spawn()
                except _Lost as lost:
                    reason = f"{lost}; {self._last_words()}"
                    self._stop()
        raise TargetError(f"the fork server {self.name} died {_TRIES} times in a row: {reason}")

    def reap(self, pid: int, generation: int) -> int | None:
        """The status, as of ``wait(2)``, of a worker that has ended; None if its zygote has ended too."""
        with self._lock:
            if generation != self.generation or self._connection is None:
                return None
            try:
                status: int | None = self._ask({"reap": pid}, _REPLY_SECONDS)["status"]
            except _Lost:
                self._stop()
                return None
            return status

    def close(self) -> None:
        """End the zygote and with it all workers. Calls still running come back as deaths."""
        with self._lock:
            self._closed = True
            self._stop()

    def _ensure(self) -> None:
        if self._closed:
            raise TargetError(f"the fork server {self.name} is closed")
        if self.pid is None:
            self._start()

    def _start(self) -> None:
        """Start a zygote. If that ends in ``_Lost``, what it said can still be read."""
        self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection = ours
        # In memory, so that a full disk does not matter; what is written here is what preloading says.
        self._log = os.memfd_create(f"misfold-{self.name}")
        try:
            with theirs:
                self._folder.mkdir(parents=True, exist_ok=True)
                # -P: the working directory is no place to import from.
                command = [
                    sys.executable,
                    "-P",
                    "-m",
                    "misfold.targets.isolation.zygote",
                    str(theirs.fileno()),
                    self.name,
                ]
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    pass_fds=(theirs.fileno(),),
                    cwd=self._folder,
                    env=self._variables(),
                    start_new_session=True,
                )
            self.generation += 1
            order = {"preload": self._preload, "memory": self.limits.memory, "seconds": _START_SECONDS + 30}
            reply = self._ask(order, _START_SECONDS)
        except OSError as error:
            self._stop()
            raise TargetError(f"cannot start the fork server {self.name}: {error}") from error
        if "failed" in reply:
            words = self._last_words()
            self._stop()
            details = "\n".join(part for part in (reply["traceback"].rstrip(), words) if part)
            raise TargetError(
                f"the fork server {self.name} failed while preloading: {reply['failed']}\n{details}".rstrip()
            )
        self.memory = reply["memory"]

    def _variables(self) -> dict[str, str]:
        # Hashes of strings decide the order of sets, and that the order in which a compiler does things.
        variables = {**os.environ, **SINGLE_THREADED, "PYTHONHASHSEED": "0", **self._environment}
        if path := variables.get("PYTHONPATH"):
            variables["PYTHONPATH"] = os.pathsep.join(
                os.path.abspath(entry) for entry in path.split(os.pathsep) if entry
            )
        return variables

    def _spawn(self) -> Worker:
        folder = self._make_folder()
        output, output_end = os.pipe2(os.O_CLOEXEC)
        dump = os.memfd_create("misfold-dump")
        ours, theirs = socket.socketpair()
        try:
            reply = self._ask({"spawn": folder}, _REPLY_SECONDS, (theirs.fileno(), output_end, dump))
            if "failed" in reply:
                raise TargetError(f"the fork server {self.name}: {reply['failed']}")
            try:
                return Worker(self, reply["pid"], ours, output, dump, folder)
            except ProcessLookupError:
                raise _Lost("it died") from None
        except BaseException:
            ours.close()
            os.close(output)
            os.close(dump)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            theirs.close()
            os.close(output_end)

    def _make_folder(self) -> str:
        try:
            return tempfile.mkdtemp(prefix="worker-", dir=self._folder)
        except OSError as error:
            raise TargetError(f"cannot make a folder for a worker in {self._folder}: {error.strerror}") from error

    def _ask(self, message: dict[str, Any], seconds: float, fds: Sequence[int] = ()) -> dict[str, Any]:
        connection = self._connection
        assert connection is not None
        try:
            if fds:
                socket.send_fds(connection, [msgpack.packb(message)], fds)
            else:
                connection.send(msgpack.packb(message))
            if not wire.readable(connection.fileno(), seconds):
                raise _Lost(f"it did not answer within {seconds} s")
            data = connection.recv(wire.MAX_PACKET)
        except OSError as error:
            raise _Lost(f"it does not answer: {error}") from error
        except _Lost:
            raise  # whoever asked stops it, after its last words
        except BaseException:
            # Interrupted with the answer outstanding: the next one would be mistaken for it.
            self._stop()
            raise
        if not data:
            raise _Lost("it died")
        reply: dict[str, Any] = msgpack.unpackb(data)
        return reply

    def _last_words(self) -> str:
        """How the zygote ended and the end of what it wrote."""
        assert self._process is not None
        try:
            code = self._process.wait(1)
            status = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        except subprocess.TimeoutExpired:
            status = "still running"
        except ValueError:
            status = "ended by a signal"
        size = os.fstat(self._log).st_size
        tail = os.pread(self._log, 4096, max(0, size - 4096)).decode("utf-8", "replace").strip()
        return capped(f"{status}\n{tail}" if tail else status)

    def _stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
