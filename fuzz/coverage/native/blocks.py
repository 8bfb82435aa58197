"""Basic blocks of machine code by linear sweep with a disassembler, cached by the library's build-id."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from iced_x86 import Decoder, FlowControl, OpKind

from .elf import Addresses, Library

#: Part of the cached files' names: raise it when ``sweep`` finds other blocks than before.
_VERSION = 1
_ENDS = {
    FlowControl.UNCONDITIONAL_BRANCH,
    FlowControl.CONDITIONAL_BRANCH,
    FlowControl.INDIRECT_BRANCH,
    FlowControl.RETURN,
}
_BRANCHES = {FlowControl.UNCONDITIONAL_BRANCH, FlowControl.CONDITIONAL_BRANCH}
_NEAR = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}


def blocks(library: Library, low: int, high: int, cache: Path) -> Addresses:
    """First addresses of all basic blocks in a range, sorted; functions' own among them.

    The first time for a library takes a second per ten megabytes of code or so; the result is kept in ``cache``.
    """
    name = f"blocks-{_VERSION}-{library.build_id}-{low:x}-{high:x}"
    file = cache / name
    found = _read(file)
    if found is None:
        found = sweep(library, low, high)
        _write(file, found)
    return found


def sweep(library: Library, low: int, high: int) -> Addresses:
    """Disassemble function by function.

    A trap must only ever replace the first byte of an instruction. Compilers put no data between functions' code on
    x86-64, but a function that does not decode up to its end, or into which a branch goes where no instruction begins,
    is taken with its first address only.
    """
    base, code = library.section(".text")
    functions = library.functions
    chosen = (functions.start >= low) & (functions.start < high)
    found: list[int] = []
    for start, size in zip(functions.start[chosen].tolist(), functions.size[chosen].tolist()):
        found += _function_blocks(code[start - base : start - base + size].tobytes(), start)
    return np.unique(np.array(found, np.uint64))


def _function_blocks(code: bytes, start: int) -> list[int]:
    decoder = Decoder(64, code, ip=start)
    end = start + len(code)
    leaders = {start}
    instructions: set[int] = set()
    for instruction in decoder:
        if instruction.is_invalid:
            return [start]
        instructions.add(instruction.ip)
        flow = instruction.flow_control
        if flow in _ENDS:
            if flow in _BRANCHES and instruction.op0_kind in _NEAR:
                target = instruction.near_branch_target
                if start <= target < end:
                    leaders.add(target)
            # What follows is reached on its own, or is padding that nothing reaches: a trap there does no harm.
            if instruction.next_ip < end:
                leaders.add(instruction.next_ip)
    return sorted(leaders) if leaders <= instructions else [start]


def _read(file: Path) -> Addresses | None:
    """The addresses in a cached file, or None where it is not there or not whole."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    digest, body = data[:32], data[32:]
    if len(body) % 8 or hashlib.sha256(body).digest() != digest:
        return None
    return np.frombuffer(body, np.dtype("<u8"))


def _write(file: Path, addresses: Addresses) -> None:
    """Write a cached file whole or not at all: several processes may do so at once. A full disk only costs time."""
    body = addresses.astype("<u8").tobytes()
    scratch = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(hashlib.sha256(body).digest() + body)
        scratch.replace(file)
    except OSError:
        scratch.unlink(missing_ok=True)
