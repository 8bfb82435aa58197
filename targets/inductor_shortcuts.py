"""Shorter ways to the same answers in Inductor's own Python, which takes half of a compile.

Each computes what torch computes, from the same arguments, and is left out where torch's internals are different.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch._inductor.sizevars import sympy


def install() -> None:
    """Put them in place; once is enough."""
    _strides()
    _dtype_rules()


def coefficients(index: sympy.Expr) -> dict[sympy.Symbol, sympy.Integer] | None:
    """An index that is a sum of symbols times integers, as these integers; None if it is anything else."""
    found: dict[sympy.Symbol, sympy.Integer] = {}
    for term in index.args if index.is_Add else (index,):
        if term.is_Integer:
            continue
        if term.is_Symbol:
            found[term] = sympy.S.One
        elif term.is_Mul and len(term.args) == 2 and term.args[0].is_Integer and term.args[1].is_Symbol:
            found[term.args[1]] = term.args[0]
        else:
            return None
    return found


def _strides() -> None:
    """How far an index moves with a loop variable: sympy's ``simplify``, asked of every access to every buffer, takes
    milliseconds to find nothing in a sum of products, which is what nearly all indices are."""
    from torch._inductor import sizevars
    from torch._inductor.codegen import cpp

    owners: tuple[Any, ...] = (sizevars, cpp)
    if not all(hasattr(owner, "stride_at_vec_range") for owner in owners):
        return
    original: Callable[..., sympy.Expr] = sizevars.stride_at_vec_range
    if hasattr(original, "misfold"):
        return

    @functools.lru_cache(2**14)
    def stride_at_vec_range(index: sympy.Expr, var: sympy.Symbol, vec_length: int | None = None) -> sympy.Expr:
        linear = coefficients(index)
        if linear is not None and var.is_Symbol:
            return linear.get(var, sympy.S.Zero)
        return original(index, var, vec_length)

    stride_at_vec_range.misfold = original  # type: ignore[attr-defined]
    for owner in owners:
        owner.stride_at_vec_range = stride_at_vec_range


def _dtype_rules() -> None:
    """The rules by which element types propagate: one object for all, filled anew each time it is asked for."""
    from torch._inductor import dtype_propagation, utils
    from torch._inductor.codegen import common

    handler: Any = getattr(dtype_propagation, "DtypePropagationOpsHandler", None)
    rules = getattr(utils, "op_dtype_propagation_rules", None)
    overrides = getattr(common, "pointwise_overrides_data", None)
    if handler is None or rules is None or overrides is None or hasattr(handler.__init__, "misfold"):
        return
    original: Callable[[Any], None] = handler.__init__
    filled: dict[str, Any] = {}

    def fill(self: Any) -> None:
        state = (len(rules), len(overrides))
        if filled.get("object") is not self or filled["state"] != state:
            original(self)
            filled.update(object=self, state=state)

    fill.misfold = True  # type: ignore[attr-defined]
    handler.__init__ = fill
