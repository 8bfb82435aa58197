"""Block form: every store of a function becomes a block of ``s_tir`` with iteration variables of its own, so that
schedules and the passes that lower blocks have work.

A block's iteration variables are bound to the loops around it that it uses. One is *data-parallel* only where each of
its values writes elements of its own: some index of the store is that variable times a constant, plus a constant, and
the block reads what it writes nowhere else. One that a reduction runs over is a *reduction*; any other is *opaque*,
which says to a schedule that nothing is known. So what a schedule may do by these is right, and one that changes the
meaning is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tvm import ir, s_tir, tirx

from misfold.compiler.loops.affine import affine
from misfold.compiler.loops.ir import Load, Reduce, Store
from misfold.compiler.loops.visit import nodes

if TYPE_CHECKING:
    from .emitter import Emitter

_DATA_PARALLEL, _REDUCTION, _OPAQUE = tirx.IterVar.DataPar, tirx.IterVar.CommReduce, tirx.IterVar.Opaque


@dataclass(frozen=True)
class Around:
    """A loop around a statement: its variable's name, TVM's variable, where it starts and how far it goes, and what
    the loop IR's variable is in terms of TVM's."""

    name: str
    var: Any
    start: Any
    extent: Any
    value: Callable[[Any], Any]

    @property
    def fixed(self) -> bool:
        """Whether its bounds are constants: domains of iteration variables are."""
        return isinstance(self.start, tirx.IntImm) and isinstance(self.extent, tirx.IntImm)


def kinds_of(statement: Store | Reduce, loops: Sequence[str]) -> dict[str, int]:
    """The kind of the iteration variable for each loop that encloses a store, by the loop variable's name.

    Args:
        statement: what is stored.
        loops: names of the variables of all loops around it, the outermost first.
    """
    forms = [affine(index) for index in statement.indices]
    opaque = dict.fromkeys(loops, _OPAQUE)
    used = {name for form in forms if form is not None for name in form.variables}
    # A name beside the loops' may hold one of theirs.
    if any(form is None for form in forms) or not used <= set(loops) or _rereads(statement):
        return opaque
    alone = {form.variables[0] for form in forms if form is not None and len(form.variables) == 1}
    found = {}
    for name in loops:
        if name in alone:
            found[name] = _DATA_PARALLEL
        elif name not in used and isinstance(statement, Reduce):
            found[name] = _REDUCTION
        else:
            # Two iterations may write one element: then nothing is known of any order.
            return opaque
    return found


def _rereads(statement: Store | Reduce) -> bool:
    """Whether a statement reads the buffer that it writes, otherwise than to add to the element it writes."""
    reading = [node for value in (statement.value, *statement.indices) for node in nodes(value)]
    return any(isinstance(node, Load) and node.buffer.name == statement.buffer.name for node in reading)


def realized(emitter: Emitter, statement: Store | Reduce, name: str, emit: Callable[[], Any]) -> Any:
    """A store as a block; ``emit`` makes it, with what it needs before it in ``emitter.before``."""
    around: list[Around] = emitter.loops
    kinds = kinds_of(statement, [loop.name for loop in around])
    iterations, values, outer = [], [], dict(emitter.variables)
    if all(loop.fixed for loop in around):
        for loop in around:
            own = tirx.Var(f"v_{loop.name}", "int64")
            domain = ir.Range.from_min_extent(loop.start, loop.extent)
            iterations.append(tirx.IterVar(domain, own, kinds[loop.name]))
            values.append(loop.var)
            emitter.variables[loop.name] = loop.value(own)
    made = emit()
    body = tirx.SeqStmt([*emitter.before, made]) if emitter.before else made
    emitter.before, emitter.variables = [], outer
    bare = s_tir.SBlock(iterations, [], [], name, body)
    buffers = {one: one for one in emitter.buffers.values()}
    reads, writes = s_tir.analysis.get_sblock_read_write_region(bare, buffers)
    return s_tir.SBlockRealize(values, True, s_tir.SBlock(iterations, reads, writes, name, body))


def rooted(body: Any) -> Any:
    """A function's body in the block that schedules start from."""
    return s_tir.SBlockRealize([], True, s_tir.SBlock([], [], [], "root", body))
