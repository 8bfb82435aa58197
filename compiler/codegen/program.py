"""A loop IR function as the text of an LLVM module with one entry point.

``entry`` takes the addresses of the parameters and of local buffers that are shared, then where to write the index that
a bounds check fails with and memory for threads' own buffers; it returns 0, or the number of the check that failed.
Where those are many addresses, it takes an array of the parameters' instead, memory for all local buffers, and where to
write the index.
"""

from __future__ import annotations

from misfold.compiler.loops.ir import Allocate, Buffer, Function
from misfold.compiler.loops.visit import statements

from .addresses import Place, pointer
from .emitter import Emitter, Module, Value
from .expressions import Program, Scope
from .layout import lay_out
from .narrowing import narrowed
from .options import Options
from .statements import strides_of, write_block
from .types import I64, PTR

#: Addresses that ``entry`` takes one by one. ctypes passes no more than 1024 arguments.
MOST_PASSED = 256


def write_module(
    function: Function, options: Options, head: str, attributes: str, scales: bool = False, bits: int = 512
) -> tuple[str, Program]:
    """``head`` is the module's target, ``attributes`` what all its functions have, ``scales`` as in ``Module``;
    registers have ``bits`` bits."""
    module = Module(attributes, scales)
    body = narrowed(function.body, bits)
    layout = lay_out(body, options.threads)
    flags = "contract " if options.contract else ""
    program = Program(module, layout, options.threads, options.bounds_checked, flags)
    buffers = [parameter.buffer for parameter in function.parameters]
    local = [one.buffer for one in statements(body) if isinstance(one, Allocate) and one.buffer.name in layout.shared]
    e = Emitter(module, flags)
    e.runs = 1
    places = {
        buffer.name: Place(Value(e, f"%p{number}", PTR), strides_of(buffer))
        for number, buffer in enumerate([*buffers, *local])
    }
    scope = Scope(program, e, {}, places, Value(e, "%failure", PTR), Value(e, "%arena", PTR))
    write_block(scope, body)
    e.line("ret i64 0")
    roles = [parameter.role for parameter in function.parameters] + ["out"] * len(local)
    signature = [
        _parameter(number, buffer, role, local=number >= len(buffers))
        for number, (buffer, role) in enumerate(zip([*buffers, *local], roles))
    ]
    signature += ["ptr %failure", "ptr noalias %arena"]
    if len(signature) <= MOST_PASSED:
        # A function more would be a millisecond more of LLVM's time.
        module.define(e.function(f"define i64 @entry({', '.join(signature)}) #0"))
        program.passed = tuple([layout.shared[buffer.name] for buffer in local])
    else:
        module.define(e.function(f"define internal i64 @kernel({', '.join(signature)}) noinline #0"))
        _write_entry(module, program, len(buffers), local)
    return module.text(head), program


def _parameter(number: int, buffer: Buffer, role: str, local: bool) -> str:
    words = ["ptr", "noalias", f"align {64 if local else buffer.dtype.bytes}"]
    if role == "in":
        words.append("readonly")
    strides = strides_of(buffer)
    if buffer.elements and all(stride >= 0 for stride in strides):
        last = sum((size - 1) * stride for size, stride in zip(buffer.shape, strides))
        words.append(f"dereferenceable({(last + 1) * buffer.dtype.bytes})")
    return " ".join([*words, f"%p{number}"])


def _write_entry(module: Module, program: Program, parameters: int, local: list[Buffer]) -> None:
    e = Emitter(module)
    arguments, arena = Value(e, "%arguments", PTR), Value(e, "%arena", PTR)
    passed = []
    for number in range(parameters):
        at = pointer(e, arguments, "ptr", e.literal(number, I64))
        passed.append(e.instruction(f"load ptr, ptr {at.text}", PTR))
    for buffer in local:
        passed.append(pointer(e, arena, "i8", e.literal(program.layout.shared[buffer.name], I64)))
    passed.append(Value(e, "%failure", PTR))
    passed.append(pointer(e, arena, "i8", e.literal(program.layout.shared_bytes, I64)))
    status = e.call("kernel", passed, I64, declare=False)
    e.line(f"ret i64 {status.text}")
    module.define(e.function("define i64 @entry(ptr %arguments, ptr %arena, ptr %failure) #0"))
