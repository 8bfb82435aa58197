"""Math functions in one copy for all programs.

Inlined, a math function costs LLVM a millisecond or two wherever it is used. Loops of few iterations never win that
back: there it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from . import jit
from .emitter import Emitter, Module, Value
from .options import Options
from .types import Type, of


def address(op: str, function: Callable[..., Value], type: Type, arity: int, options: Options) -> int:
    """Where the machine code of a math function of ``arity`` values of a type is; it stays there."""
    relevant = Options(level=options.level, vector_bits=options.vector_bits)
    return _library(op, function, type.element, type.lanes, arity, relevant).entry


@cache
def _library(
    op: str, function: Callable[..., Value], element: str, lanes: int, arity: int, options: Options
) -> jit.Library:
    type = of(element, lanes)
    module = Module(jit.attributes(options), jit.scales(options))
    e = Emitter(module)
    parameters = [Value(e, f"%x{number}", type) for number in range(arity)]
    result = e.call(module.helper(op, type, arity, function), parameters, type, declare=False)
    e.line(f"ret {type.text} {result.text}")
    signature = ", ".join(f"{type.text} {one.text}" for one in parameters)
    module.define(e.function(f"define {type.text} @entry({signature}) #0"))
    return jit.Library(module.text(jit.head()), options)
