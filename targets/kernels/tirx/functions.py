"""Whole functions."""

from __future__ import annotations

from typing import Any

from tvm import tirx

from misfold.compiler.loops.ir import Function, Parameter
from misfold.compiler.loops.ranges import Ranges
from misfold.programs.kernel_arrays import span

from .blocks import rooted
from .emitter import Emitter, type_name
from .statements import block

#: The name that the emitted function has in a module.
NAME = "main"


def emit(function: Function, plain: bool = False, blocks: bool = False) -> Any:
    """The PrimFunc of a function; its parameters are buffers, in order. One with strides is all of its memory, flat.

    Unless ``plain``, vectorised loops become serial where they bind variables (which are lost where VectorizeLoop takes
    a statement lane by lane), and loops have no steps: TVM 0.27 loses the variables in the first case and computes
    wrong
    bounds of inner loops in the second, at every opportunity, and little else would be seen.

    With ``blocks`` every store is a block, for the passes and schedules of ``s_tir``.

    Raises:
        Unsupported: it has what TVM does not.
    """
    emitter = Emitter(plain, blocks)
    parameters = [_parameter(emitter, parameter) for parameter in function.parameters]
    body = block(emitter, function.body, Ranges())
    body = rooted(body) if blocks else body
    return tirx.PrimFunc(parameters, body).with_attr({"global_symbol": NAME, "tirx.noalias": True})


def _parameter(emitter: Emitter, parameter: Parameter) -> Any:
    buffer = parameter.buffer
    shape = buffer.shape if buffer.strides is None else (max(span(buffer)[0], 1),)
    made = emitter.buffers[buffer.name] = tirx.decl_buffer(shape, type_name(buffer.dtype), buffer.name)
    return made
