"""The zygote: a process of one thread that imports what is heavy once, and forks workers on request.

Started by ``ForkServer`` as ``python -m misfold.targets.isolation.zygote FD NAME``; ``wire`` has the messages. It ends
when its socket ends, and takes all workers and whatever they left running with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgpack

from ..failures import failure_of
from . import child, wire

# How long to wait for a killed process whose parent died, before it is left to the next round.
_SWEEP_SECONDS = 0.05


class Zygote:
    """Forks workers and buries them."""

    def __init__(self, connection: socket.socket, memory: int):
        self._connection = connection
        self._memory = memory
        self._workers: set[int] = set()

    def serve(self) -> None:
        """Answer requests until the other side is gone."""
        try:
            while True:
                data, fds, _, _ = socket.recv_fds(self._connection, wire.MAX_PACKET, 3)
                if not data:
                    return
                request = msgpack.unpackb(data)
                reply = self._spawn(fds, request["spawn"]) if "spawn" in request else self._reap(request["reap"])
                self._connection.send(msgpack.packb(reply))
        except OSError:
            return  # the other side is gone
        finally:
            self._end()

    def _spawn(self, fds: Sequence[int], folder: str) -> dict[str, Any]:
        self._sweep()
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return {"failed": f"cannot fork: {error}"}
        finally:
            if os.getpid() == zygote:
                for fd in fds:
                    os.close(fd)
        if pid == 0:
            self._connection.close()
            child.live(fds, folder, zygote, self._memory)
        self._workers.add(pid)
        return {"pid": pid}

    def _reap(self, pid: int) -> dict[str, Any]:
        status = None
        if pid in self._workers:
            with contextlib.suppress(ChildProcessError):
                found, code = os.waitpid(pid, os.WNOHANG)
                status = code if found else None
            if status is not None:
                self._workers.discard(pid)
        self._sweep()
        return {"status": status}

    def _sweep(self) -> None:
        """Kill and bury processes that workers left behind.

        The kernel makes them children of the zygote, which is their subreaper. Those in the group of a worker that
        lives are left to it.
        """
        for pid in _children() - self._workers:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                ours = os.getpgid(pid) in self._workers
                if not ours:
                    os.kill(pid, signal.SIGKILL)
                end = time.monotonic() + _SWEEP_SECONDS
                while os.waitpid(pid, os.WNOHANG)[0] == 0 and not ours and time.monotonic() < end:
                    time.sleep(0.001)

    def _end(self) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._workers.clear()
        self._sweep()


def _children() -> set[int]:
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:
        return set(map(int, file.read().split()))
    return set()  # a kernel without CONFIG_PROC_CHILDREN: only workers' groups are killed


def thread_names() -> list[str]:
    """Names of this process's threads, as the kernel has them."""
    names = []
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm") as file:
            names.append(file.read().strip())
    return names


def preload(names: Sequence[str]) -> None:
    """Import ``package.module``, or call ``package.module:function``, in order."""
    for name in names:
        if ":" in name:
            child.resolve(name)()
        else:
            importlib.import_module(name)


def prepare(names: Sequence[str], seconds: int) -> dict[str, Any]:
    """Preload, and check that forking is safe; the first message to the other side.

    If it takes more than ``seconds``, the process is ended by SIGALRM, so that it outlives no campaign.
    """
    signal.alarm(seconds)
    try:
        preload(names)
    except BaseException as error:
        failure = failure_of(error)
        # cut so that the message stays within a packet, whatever its characters
        return {"failed": f"{failure.type}: {failure.message}"[:4000], "traceback": failure.traceback[-8000:]}
    signal.alarm(0)
    threads = thread_names()
    if len(threads) != 1:
        shown = ", ".join(sorted(threads)[:12])
        reason = (
            f"{len(threads)} threads run after preloading ({shown}); a worker forked now could hang for ever. "
            "Preloaded code must start none (torch.set_num_threads(1), TVM_NUM_THREADS=1, …)"
        )
        return {"failed": reason, "traceback": ""}
    gc.collect()
    gc.freeze()  # else the first collection in each worker writes to, and so copies, every page of objects
    return {"ready": True, "memory": child.own_memory()[1]}


def main(fd: int) -> None:
    """Serve on an inherited socket."""
    connection = socket.socket(fileno=fd)
    connection.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What was printed before a crash is to be seen.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    child.adopt_orphans()
    data = connection.recv(wire.MAX_PACKET)
    if not data:
        return
    order = msgpack.unpackb(data)
    reply = prepare(order["preload"], order["seconds"])
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        connection.send(msgpack.packb(reply))
    except OSError:
        return  # the campaign ended meanwhile
    if "ready" in reply:
        Zygote(connection, order["memory"]).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
    # Libraries' exit handlers have nothing to do here, and some hang or crash after a fork.
    os._exit(0)
