"""Code of one function made to fit to a place in another one."""

from __future__ import annotations

import random as randomness
from dataclasses import replace

from misfold.compiler.loops.ir import Allocate, Buffer, Expr, Function, Load, Reduce, Store, Var
from misfold.compiler.loops.visit import (
    Block,
    Names,
    all_expressions,
    bound_names,
    renamed,
    replace_buffers,
    statements,
    substitute_block,
)

from .fresh import zero
from .sites import Place


def grafted(block: Block, function: Function, place: Place, random: randomness.Random) -> Block | None:
    """A copy of a donor's statements in which what they bind has names that are free in the function, and what they
    use is something of the same type here. Shapes and types may still differ: ``scoping`` puts them right.

    None: the donor uses buffers, and there are none here.
    """
    own = {one.buffer.name for one in statements(block) if isinstance(one, Allocate)}
    bound = set(bound_names(block))
    used: dict[str, Buffer] = {}
    variables: dict[str, Expr] = {}
    for node in all_expressions(block):
        if isinstance(node, Load):
            used[node.buffer.name] = node.buffer
        elif isinstance(node, Var) and node.name not in bound:
            same = [one for one in place.variables if one.dtype == node.dtype]
            variables[node.name] = random.choice(same) if same else zero(node.dtype)
    for statement in statements(block):
        if isinstance(statement, Store | Reduce):
            used[statement.buffer.name] = statement.buffer
    buffers: dict[str, Buffer] = {}
    for name, buffer in used.items():
        if name not in own:
            target = _match(buffer, place, random)
            if target is None:
                return None
            buffers[name] = replace(buffer, name=target.name)
    # What the donor binds must not capture what is put into it, so it is renamed first.
    block = renamed(block, _all_names(function, block))
    return substitute_block(replace_buffers(block, buffers), variables)


def _all_names(function: Function, block: Block) -> Names:
    names = Names(function)
    for name in bound_names(block):
        names.fresh(name)
    for node in all_expressions(block):
        if isinstance(node, Var):
            names.fresh(node.name)
        elif isinstance(node, Load):
            names.fresh(node.buffer.name)
    return names


def _match(buffer: Buffer, place: Place, random: randomness.Random) -> Buffer | None:
    same: list[Buffer] = [one for one in place.buffers if (one.dtype, one.rank) == (buffer.dtype, buffer.rank)]
    similar = same or [one for one in place.buffers if one.rank == buffer.rank] or list(place.buffers)
    return random.choice(similar) if similar else None
