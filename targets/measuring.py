"""What a piece of work costs beside time: memory at its peak, and instructions where the processor counts them.

Memory is what the process itself had at the most above what it had at the start (Linux's VmHWM, reset through
/proc/self/clear_refs): other processes, such as a C++ compiler, are not in it, and neither is what fits into memory
that the process already holds. Instructions are those of this thread in user mode (perf_event_open(2)). Virtual
machines and containers often have no such counter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

#: PERF_TYPE_HARDWARE and PERF_COUNT_HW_INSTRUCTIONS of linux/perf_event.h.
INSTRUCTIONS = (0, 1)
#: perf_event_open's number, which differs between processors.
_CALLS = {"x86_64": 298, "aarch64": 241}
#: Bytes of struct perf_event_attr up to and with sig_data, its size since Linux 5.13; older kernels take it too, as
#: what they do not know is zero.
_SIZE = 128
#: Where its flags are, and those for not counting the kernel and the hypervisor.
_FLAGS_AT, _USER_ONLY = 40, (1 << 5) | (1 << 6)


class NoCounter(Exception):
    """Instructions cannot be counted here; the message says why."""


def open_counter(event: tuple[int, int] = INSTRUCTIONS) -> int:
    """A file descriptor that counts an event of this thread from now on.

    Raises:
        NoCounter: the system does not give one.
    """
    number = _CALLS.get(platform.machine())
    if number is None or platform.system() != "Linux":
        raise NoCounter("instructions are counted on Linux on x86-64 and 64-bit Arm only")
    attributes = bytearray(_SIZE)
    struct.pack_into("=IIQ", attributes, 0, event[0], _SIZE, event[1])
    struct.pack_into("=Q", attributes, _FLAGS_AT, _USER_ONLY)
    library = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * _SIZE).from_buffer(attributes)
    found = int(library.syscall(number, buffer, 0, -1, -1, 0))
    if found < 0:
        code = ctypes.get_errno()
        if code in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            raise NoCounter("the processor's counters are not visible here (a virtual machine?)")
        raise NoCounter(f"perf events are refused: {os.strerror(code)}; kernel.perf_event_paranoid has to be 2 or less")
    return found


@cache
def no_counter() -> str | None:
    """Why instructions cannot be counted here, or None."""
    try:
        os.close(open_counter())
    except NoCounter as error:
        return str(error)
    return None


def _kilobytes(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")


@contextmanager
def measured() -> Iterator[dict[str, int]]:
    """Measure the block: afterwards ``memory`` (bytes) and ``instructions`` are there, as far as they can be had."""
    spent: dict[str, int] = {}
    before: int | None = None
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # proc(5): reset the peak to what is resident now
        before = _kilobytes("VmRSS:")
    except OSError:
        pass  # not Linux, or no such permission: then there is no figure
    counter = None if no_counter() is not None else open_counter()
    try:
        yield spent
    finally:
        if counter is not None:
            spent["instructions"] = struct.unpack("=Q", os.read(counter, 8))[0]
            os.close(counter)
        if before is not None:
            spent["memory"] = max(_kilobytes("VmHWM:") - before, 0) * 1024
