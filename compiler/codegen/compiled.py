"""A compiled function, called with arrays or addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.errors import AssertionFailed, OutOfBounds
from misfold.compiler.loops.ir import Buffer, Function

from . import jit
from .layout import ALIGNMENT
from .options import Options
from .program import write_module
from .statements import strides_of

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Compiled:
    """``compiled(a, b, …)`` runs on numpy arrays, one for each parameter, ``call_pointers`` on addresses.

    Both release the GIL while the code runs, and may be called from several threads at a time.
    """

    def __init__(self, function: Function, options: Options):
        self.function = function
        self.options = options
        self._text, program = write_module(function, options, jit.head(), jit.attributes(options))
        self._sites = program.sites
        self._library = jit.Library(self._text, options)
        self._entry = _ENTRY(self._library.entry)
        self._addresses = ctypes.c_void_p * len(function.parameters)
        self._arena_bytes = program.layout.total(options.threads)
        # Arenas that no call is using.
        self._arenas: list[np.ndarray] = []

    def __call__(self, *arrays: np.ndarray) -> None:
        """Run on arrays that have the parameters' dtypes, shapes and strides.

        Raises:
            TypeError, ValueError: an array does not fit its parameter.
            AssertionFailed, OutOfBounds: as ``call_pointers``.
        """
        parameters = self.function.parameters
        if len(arrays) != len(parameters):
            raise TypeError(f"{self.function.name} takes {len(parameters)} arrays, not {len(arrays)}")
        for array, parameter in zip(arrays, parameters):
            _check(array, parameter.buffer, writable=parameter.role != "in")
        self.call_pointers([array.ctypes.data for array in arrays])

    def call_pointers(self, addresses: Sequence[int]) -> None:
        """Run on memory at these addresses; nothing about it is checked but their number.

        Raises:
            AssertionFailed: an assert of the function does not hold.
            OutOfBounds: an index is not inside its buffer; only if compiled with ``bounds_checked``.
        """
        if len(addresses) != len(self.function.parameters):
            raise TypeError(f"{self.function.name} takes {len(self.function.parameters)} arrays, not {len(addresses)}")
        failure = ctypes.c_int64(0)
        if self._arena_bytes:
            try:
                arena = self._arenas.pop()
            except IndexError:
                arena = np.empty(self._arena_bytes + ALIGNMENT, np.uint8)
            start = -(-arena.ctypes.data // ALIGNMENT) * ALIGNMENT
            status = self._entry(self._addresses(*addresses), start, ctypes.addressof(failure))
            self._arenas.append(arena)
        else:
            status = self._entry(self._addresses(*addresses), None, ctypes.addressof(failure))
        if status:
            self._fail(status, failure.value)

    def _fail(self, status: int, detail: int) -> None:
        kind, message = self._sites[status - 1]
        if kind == "assert":
            raise AssertionFailed(message)
        raise OutOfBounds(f"index {detail} {message}")

    def llvm_ir(self, optimised: bool = False) -> str:
        """LLVM's intermediate representation: as made from the loops, or after LLVM's own passes."""
        return jit.optimised_ir(self._text, self.options) if optimised else self._text

    def assembly(self) -> str:
        """Made anew, for reading."""
        return jit.assembly(self._text, self.options)


def build(function: Function, options: Options | None = None) -> Compiled:
    """Machine code for a verified function."""
    return Compiled(function, options or Options())


def _check(array: Any, buffer: Buffer, writable: bool) -> None:
    expected = numpy_dtype(buffer.dtype)
    if not isinstance(array, np.ndarray) or array.dtype != expected:
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{buffer.name} must be an array of {expected}, not {found}")
    if array.shape != buffer.shape:
        raise ValueError(f"{buffer.name} must have the shape {buffer.shape}, not {array.shape}")
    if writable and not array.flags.writeable:
        raise ValueError(f"{buffer.name} is written to, but the array is read-only")
    if not array.flags.aligned:
        raise ValueError(f"{buffer.name} is not aligned to its elements")
    size = buffer.dtype.bytes
    for axis, (stride, extent) in enumerate(zip(strides_of(buffer), buffer.shape)):
        if extent > 1 and array.size and array.strides[axis] != stride * size:
            wanted = tuple(one * size for one in strides_of(buffer))
            raise ValueError(f"{buffer.name} must have strides of {wanted} bytes, not {array.strides}")
