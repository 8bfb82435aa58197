"""Changing what a buffer is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.compiler.loops.ir import Allocate, Buffer, Function
from misfold.compiler.loops.visit import Block, map_blocks


def with_buffer(function: Function, buffer: Buffer, **changes: Any) -> Function:
    """The function with a parameter or local buffer changed where it is bound; ``scoping`` adapts its uses."""
    new = replace(buffer, **changes)
    parameters = tuple([replace(one, buffer=new) if one.buffer == buffer else one for one in function.parameters])

    def in_block(block: Block) -> Block:
        found = [Allocate(new) if one == Allocate(buffer) else map_blocks(one, in_block) for one in block]
        return tuple(found)

    return Function(function.name, parameters, in_block(function.body))
