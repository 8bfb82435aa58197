"""The life of a worker, from the moment it is forked: it never returns to the zygote's code."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from ..failures import failure_of
from . import wire
from .deaths import DUMP_SIGNAL
from .limits import FILE_BYTES

Service = Callable[[dict[str, Any]], dict[str, Any]]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_PAGE = os.sysconf("SC_PAGE_SIZE")
# If the kernel runs out of memory, it is to take a worker rather than the campaign. Half of the scale (1000) still
# ranks a huge process that is not ours first.
_OOM_SCORE = b"500"
# The connection broke; nobody is left to read the status.
_STATUS_LOST = 70


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends (the zygote has no other)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents die."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def memory_use(statm: bytes) -> tuple[int, int]:
    """Mapped bytes, and private bytes in memory, from the text of ``/proc/PID/statm``."""
    size, resident, shared = map(int, statm.split()[:3])
    return size * _PAGE, (resident - shared) * _PAGE


def own_memory() -> tuple[int, int]:
    """``memory_use`` of this process."""
    with open("/proc/self/statm", "rb") as file:
        return memory_use(file.read())


def resolve(name: str) -> Callable[..., Any]:
    """The function that ``package.module:function`` names.

    Raises:
        ValueError: not of that form.
        ImportError, AttributeError: there is no such module or function.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise ValueError(f"{name!r} is not of the form package.module:function")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def live(fds: Sequence[int], folder: str, zygote: int, memory: int) -> NoReturn:
    """Serve calls until the connection ends.

    ``fds`` are the connection, the pipe for stdout and stderr, and the file for fault dumps; ``folder`` is the working
    directory; ``memory`` is how many bytes may be mapped above what is mapped now.
    """
    try:
        die_with_parent()
        if os.getppid() != zygote:
            os._exit(0)
        os.chdir(folder)
        connection, output, dump = fds
        _settle(output, dump, memory)
        _serve(socket.socket(fileno=connection))
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write(f"worker: {failure_of(error).traceback}\n")
            sys.stderr.flush()
    finally:
        os._exit(_STATUS_LOST)


def _settle(output: int, dump: int, memory: int) -> None:
    # A session of its own: Ctrl-C in the terminal does not reach it, and killing the group takes its children along.
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    limit = own_memory()[0] + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Writing beyond raises EFBIG, since Python ignores SIGXFSZ.
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(_OOM_SCORE)
    # After the libraries were imported, so that this handler runs first; it then calls those that they installed.
    faulthandler.enable(file=dump, all_threads=True)
    faulthandler.register(DUMP_SIGNAL, file=dump, all_threads=True, chain=False)


def _serve(connection: socket.socket) -> None:
    pid = os.getpid()
    services: dict[str, Service] = {}
    stdout, stderr = sys.stdout, sys.stderr
    while (request := wire.receive(connection)) is not None:
        answer = _answer(request, services)
        if os.getpid() != pid:
            # The code under test forked, and this is its child, which came back from the call as well.
            os._exit(0)
        sys.stdout, sys.stderr = stdout, stderr
        _flush()
        connection.sendall(_packed(request["id"], answer))


def _answer(request: dict[str, Any], services: dict[str, Service]) -> dict[str, Any]:
    try:
        name = request["service"]
        if name not in services:
            services[name] = resolve(name)
        return {"kind": "ok", "data": services[name](request["data"])}
    except MemoryError as error:
        return {"kind": "memory", "failure": asdict(failure_of(error))}
    except (SystemExit, KeyboardInterrupt) as error:
        return {"kind": "crash", "failure": asdict(failure_of(error))}
    except BaseException as error:
        return {"kind": "error", "failure": asdict(failure_of(error))}


def _packed(number: Any, answer: dict[str, Any]) -> bytes:
    answer["id"] = number
    answer["memory"] = own_memory()[1]
    try:
        return wire.pack(answer)
    except (wire.MessageError, MemoryError) as error:
        kind = "memory" if isinstance(error, MemoryError) else "error"
        failure = asdict(failure_of(error))
        return wire.pack({"kind": kind, "failure": failure, "id": number, "memory": answer["memory"]})


def _flush() -> None:
    # The code under test may have closed or broken the streams; that is its own loss.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    _LIBC.fflush(None)
