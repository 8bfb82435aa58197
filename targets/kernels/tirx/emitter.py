"""What the parts of the emission share: names, variables that hold subexpressions, literals."""

from __future__ import annotations

from typing import Any

from tvm import ir, tirx

from misfold.compiler.dtypes import BF16, BOOL, F32, U8, U64, DType
from misfold.compiler.loops.ranges import Ranges

_KINDS = {"int": "int", "uint": "uint", "float": "float"}


def type_name(dtype: DType) -> str:
    """TVM's name of an element type."""
    if dtype == BOOL:
        return "bool"
    return "bfloat16" if dtype == BF16 else f"{_KINDS[dtype.kind]}{dtype.bits}"


def constant(value: Any, dtype: DType) -> Any:
    """A literal."""
    if dtype.is_float:
        return tirx.FloatImm(type_name(wide(dtype)), float(value))
    if dtype == U64 and value >= 2**63:
        return tirx.const(int(value), "uint64")
    return tirx.IntImm(type_name(dtype), int(value))


def cast(dtype: DType, value: Any) -> Any:
    """TVM's own cast, whatever it means."""
    return tirx.Cast(type_name(dtype), value)


def differ(a: Any, b: Any) -> Any:
    """Whether two bools differ. Not by ``NE``, for which TVM compares bools as floats, which LLVM refuses."""
    return tirx.NE(cast(U8, a), cast(U8, b))


def wide(dtype: DType) -> DType:
    """The type in which values of a type are held. TVM has bf16 in name only: it leaves out the rounding of what is not
    stored at once, so bf16 is f32 here, rounded by ``casts.rounded``, but for parameters."""
    return F32 if dtype == BF16 else dtype


class Emitter:
    """The state of one emission."""

    def __init__(self, plain: bool = False, blocks: bool = False) -> None:
        #: Make a block of every store: see ``blocks``.
        self.blocks = blocks
        #: The loops around, where blocks are made.
        self.loops: list[Any] = []
        #: Blocks made so far.
        self.made = 0
        #: Leave in what TVM is known to fall over: see ``functions.emit``.
        self.plain = plain
        self.buffers: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        #: Names of the local buffers, which hold bf16 as f32.
        self.local: set[str] = set()
        #: Statements to run before the one that is being emitted.
        self.before: list[Any] = []
        #: Loops of these kinds are around.
        self.around: list[str] = []
        self.ranges = Ranges()
        #: How many variables were bound.
        self.bound = 0

    def held(self, value: Any, dtype: DType) -> Any:
        """A value that can be written down several times at no cost: a variable, unless it is one or a literal."""
        if isinstance(value, ir.Var | tirx.IntImm | tirx.FloatImm):
            return value
        if dtype.is_float:
            return self.cell(value, dtype)
        var = tirx.Var(f"h{self.bound}", type_name(wide(dtype)))
        self.bound += 1
        self.before.append(tirx.Bind(var, value))
        return var

    def cell(self, value: Any, dtype: DType) -> Any:
        """As ``held``, in memory: TVM puts values in place of variables again, which grows without limit where each is
        used several times, as in the rounding of bf16."""
        buffer = tirx.decl_buffer((1,), type_name(wide(dtype)), "held")
        first = [tirx.IntImm("int64", 0)]
        self.before += [tirx.AllocBuffer(buffer), tirx.BufferStore(buffer, value, first)]
        return tirx.BufferLoad(buffer, first)
