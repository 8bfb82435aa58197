"""Arrays in memory whose surroundings are watched: what a kernel writes outside its outputs is noticed."""

from __future__ import annotations

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.loops.ir import Parameter
from misfold.programs.kernel_arrays import laid_out, span
from misfold.targets.protocol import MemoryStamped

#: As in ``targets.guarded``: what overruns does so by an element, a vector or a row.
GUARD = 512
ALIGNMENT = 64
_CANARY = 0x9B


class GuardedArray:
    """A copy of an array with its parameter's layout, at an address that is a multiple of 64."""

    def __init__(self, parameter: Parameter, array: np.ndarray):
        self.name, self.role = parameter.buffer.name, parameter.role
        dtype = numpy_dtype(parameter.buffer.dtype)
        self._size = span(parameter.buffer)[0] * dtype.itemsize
        self._bytes = np.full(self._size + 2 * GUARD + ALIGNMENT, _CANARY, np.uint8)
        self._start = GUARD + -(self._bytes.ctypes.data + GUARD) % ALIGNMENT
        inside = self._bytes[self._start : self._start + max(self._size, dtype.itemsize)]
        self.array = laid_out(parameter.buffer, inside.view(dtype))
        # Bytes that no element has are watched too.
        self._mine = np.zeros(len(self._bytes), bool)
        if self._size and self.role != "in":
            mine = laid_out(
                parameter.buffer, self._mine[self._start : self._start + self._size].view(f"V{dtype.itemsize}")
            )
            mine[...] = np.ones(dtype.itemsize, np.uint8).view(mine.dtype)[0]
        self.array[...] = array
        self._before = self._bytes.copy()

    def check(self) -> None:
        """Raise MemoryStamped if anything but the elements of an output was written."""
        places = ((self._bytes != self._before) & ~self._mine).nonzero()[0]
        if not len(places):
            return
        inside = places[(places >= self._start) & (places < self._start + self._size)]
        if len(inside):
            what = "an input" if self.role == "in" else "what lies between the elements of an output"
            raise MemoryStamped(f"{self.name}: {len(inside)} bytes of {what} were written")
        below = places[places < self._start]
        where, distance = (
            ("before", self._start - int(below[-1]))
            if len(below)
            else (
                "behind",
                int(places[0]) - self._start - self._size + 1,
            )
        )
        raise MemoryStamped(f"{self.name}: {len(places)} bytes written {where} it, the nearest {distance} bytes away")
