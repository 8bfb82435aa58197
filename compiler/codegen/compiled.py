"""A compiled function, called with arrays or addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.errors import AssertionFailed, OutOfBounds
from misfold.compiler.loops.ir import Buffer, Function

from . import jit, shared
from .layout import ALIGNMENT
from .options import Options
from .program import write_module
from .statements import strides_of


@cache
def _entry_type(arguments: int) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * arguments)


class Compiled:
    """``compiled(a, b, …)`` runs on numpy arrays, one for each parameter, ``call_pointers`` on addresses.

    Both release the GIL while the code runs, and may be called from several threads at a time.
    """

    def __init__(self, function: Function, options: Options):
        self.function = function
        self.options = options
        head, attributes = jit.head(), jit.attributes(options)
        self._text, program = write_module(
            function, options, head, attributes, jit.scales(options), jit.widest(options)
        )
        self._sites = program.sites
        called = {name: shared.address(*what, options) for name, what in program.module.shared.items()}
        self._library = jit.Library(self._text, options, called)
        #: The arguments of the entry that lie in the arena, by their places there.
        self._passed = program.passed
        direct = 2 + len(function.parameters) + len(self._passed or ())
        self._entry = _entry_type(3 if self._passed is None else direct)(self._library.entry)
        self._addresses = ctypes.c_void_p * len(function.parameters)
        self._own_bytes = program.layout.shared_bytes
        self._expected = [_Expected(one.buffer, one.role != "in") for one in function.parameters]
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
        for array, expected in zip(arrays, self._expected):
            expected.check(array)
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
            status = self._call(addresses, start, ctypes.addressof(failure))
            self._arenas.append(arena)
        else:
            status = self._call(addresses, 0, ctypes.addressof(failure))
        if status:
            self._fail(status, failure.value)

    def _call(self, addresses: Sequence[int], arena: int, failure: int) -> int:
        if self._passed is None:
            status: int = self._entry(self._addresses(*addresses), arena, failure)
        else:
            local = [arena + offset for offset in self._passed]
            status = self._entry(*addresses, *local, failure, arena + self._own_bytes)
        return status

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


class _Expected:
    """What an array must be like to be passed for a parameter."""

    def __init__(self, buffer: Buffer, written: bool):
        self.name = buffer.name
        self.dtype = numpy_dtype(buffer.dtype)
        self.shape = buffer.shape
        self.strides = tuple([stride * buffer.dtype.bytes for stride in strides_of(buffer)])
        self.written = written

    def check(self, array: Any) -> None:
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype:
            found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{self.name} must be an array of {self.dtype}, not {found}")
        if array.shape != self.shape:
            raise ValueError(f"{self.name} must have the shape {self.shape}, not {array.shape}")
        if array.strides != self.strides and array.size:
            # Along an axis with one element, the stride means nothing.
            if any(n > 1 and a != b for n, a, b in zip(self.shape, array.strides, self.strides)):
                raise ValueError(f"{self.name} must have strides of {self.strides} bytes, not {array.strides}")
        flags = array.flags
        if self.written and not flags.writeable:
            raise ValueError(f"{self.name} is written to, but the array is read-only")
        if not flags.aligned:
            raise ValueError(f"{self.name} is not aligned to its elements")


def build(function: Function, options: Options | None = None) -> Compiled:
    """Machine code for a verified function."""
    return Compiled(function, options or Options())
