"""Calls whose meaning torch leaves undefined, or that take eager down: recognised before they run.

They are no test of a compiler, since any answer to them is right:

- a float that does not fit the integer type it is converted to (undefined in C++, so in torch);
- the smallest integer divided by -1 (the processor raises SIGFPE, in eager too);
- scattering to one place twice (torch documents the result as arbitrary);
- shifting by a negative amount or by more than the type's width;
- writing to memory whose elements overlap, or while another argument reads it;
- sequences that have to be sorted and are not;
- several elements of which it is said that they need not be sorted (unique, topk);
- a sum of products that is larger than the tensor it is added to in place (torch 2.13 writes beyond its end);
- weights and statistics of native_batch_norm that are not one for each channel, labels of ctc_loss that are no class
  (torch 2.13 does not check either, and reads and writes beyond the end);
- places of unravel_index outside the shape (ruled out by documentation, not checked);
- attention with other than one value for each key (ruled out by documentation, not checked of empty ones);
- a last offset of embedding_bag that is not the number of indices (torch's kernels disagree about what is behind it);
- least squares by LAPACK's gelsy, whose pivots torch does not initialise.
"""

from __future__ import annotations

import re
from functools import cache

import torch

from misfold.oracles.operands import (
    DIVISION,
    SCATTER,
    SHIFT,
    UNCHECKED,
    argument,
    constants,
    divides_lowest,
    fits,
    has_lowest,
    scatters_twice,
    shifts_too_far,
    unchecked,
)
from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument, Ref, Symbol
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.targets.torch_values import make_inputs

from .calling import NAMES, TORCH_DTYPES, Tensors, overlaps, step

#: Operators that draw random numbers whatever their arguments are, or whose internals start from a random guess.
RANDOM = re.compile(
    r"bernoulli|multinomial|poisson$|binomial|rrelu|gumbel_softmax|fractional_max_pool|lowrank|lobpcg|native_dropout|"
    r"^dropout|^alpha_dropout|feature_dropout|feature_alpha_dropout"
)
# These divide by what they compute from both arguments.
_DIVISORS = frozenset("gcd lcm".split())
# Loops that run from a negative operand up to zero: a hundred milliseconds for 64 elements of this size.
_SERIES = frozenset({"polygamma", "zeta"})
LONGEST_SERIES = 1e5
# Loops that run up to the degree, without a bound.
_POLYNOMIAL = re.compile(r"polynomial_[a-z]+$")
MAX_DEGREE = 64
_CONVERSION = frozenset("to type_as type int long short char byte".split())
_SORTED = {"searchsorted": (0, "sorted_sequence"), "bucketize": (1, "boundaries")}


def last_name(op: str) -> str:
    """``add_`` of ``torch.Tensor.add_``."""
    return op.rpartition(".")[2]


def undefined(node: Node, values: Tensors, written: tuple[str, ...] | None = None) -> str | None:
    """Why the meaning of the call is undefined for these tensors, or None. ``written`` saves asking what it writes."""
    last = last_name(node.op)
    if written is None:
        written = written_arguments(node)
    if written:
        reason = _bad_write(node, written, values)
        if reason:
            return reason
    elif not _may_be_undefined(last) and not _names_type(node):
        return None
    tensors = [values[name] for name in node.uses]
    target = _integer_target(node, last, written, values)
    if target is not None:
        limits = torch.iinfo(target)
        if not all(fits(tensor, limits.min, limits.max) for tensor in tensors):
            return "a float out of the integer type's range"
    plain = last.rstrip("_")
    if (plain in DIVISION and divides_lowest(node, tensors)) or (plain in _DIVISORS and has_lowest(tensors)):
        return "the smallest integer by -1"
    if last == "addbmm_" and _overflows(node, values):
        return "a result larger than the tensor that it is written to"
    if reason := unchecked(node, last, values):
        return reason
    if _POLYNOMIAL.search(last) and _exceeds(argument(node, 1, "n"), values):
        return "a degree that takes forever"
    if plain in _SERIES and any(bool((tensor < -LONGEST_SERIES).any()) for tensor in tensors):
        return "a series that takes forever"
    if last == "lstsq" and node.kwargs.get("driver") in (None, "gelsy"):
        return "a pivoting that starts from uninitialised memory"
    if plain in SHIFT and shifts_too_far(node, values):
        return "a shift out of range"
    if plain in SCATTER and scatters_twice(node, plain, values):
        return "two elements for one place"
    if last in _SORTED:
        sequence = argument(node, *_SORTED[last])
        sorter = node.kwargs.get("sorter")
        if isinstance(sequence, Ref) and sorter is None and not _is_sorted(values[sequence.name]):
            return "a sequence that is not sorted"
        if isinstance(sequence, Ref) and isinstance(sorter, Ref):
            if not _is_sorted(torch.gather(values[sequence.name], -1, values[sorter.name])):
                return "a sequence that is not sorted"
    return None


def first_undefined(case: Case) -> str | None:
    """The first call of a program that is undefined with the case's inputs, and why; None if there is none. Calls are
    made one by one, so that none is made that would write out of bounds.

    Raises:
        Exception: whatever a call raises that eager refuses.
    """
    values: dict[str, torch.Tensor] = {
        value.name: tensor.detach() for value, tensor in zip(case.graph.inputs, make_inputs(case), strict=True)
    }
    for node in case.graph.nodes:
        if reason := undefined(node, values):
            return f"{node.op}: {reason}"
        step(node, values)
    return None


@cache
def _may_be_undefined(last: str) -> bool:
    """Whether some call of an operator that writes nothing may be undefined, other than by a type among its
    arguments."""
    plain = last.rstrip("_")
    named = _CONVERSION | _DIVISORS | _SERIES | _SORTED.keys() | UNCHECKED | {"lstsq"}
    return plain in named | DIVISION | SHIFT | SCATTER.keys() or _POLYNOMIAL.search(last) is not None


def _names_type(node: Node) -> bool:
    for item in node.args:
        if type(item) is Symbol:
            return True
    return bool(node.kwargs) and any(type(item) is Symbol for item in node.kwargs.values())


def _bad_write(node: Node, written: tuple[str, ...], values: Tensors) -> str | None:
    for name in written:
        if overlaps(values[name]):
            return "a write to overlapping memory"
        pointer = values[name].untyped_storage().data_ptr()
        others = [ref.name for ref in node.references()]
        others.remove(name)
        if pointer and any(values[other].untyped_storage().data_ptr() == pointer for other in others):
            return "a write to memory that another argument reads"
    return None


def _integer_target(node: Node, last: str, written: tuple[str, ...], values: Tensors) -> torch.dtype | None:
    """The integer type that a call converts floats to, if it does."""
    for item in constants(node):
        if isinstance(item, Symbol):
            dtype = TORCH_DTYPES.get(item.name.removeprefix("torch."))
            if dtype is not None and not dtype.is_floating_point and dtype is not torch.bool:
                return dtype
    fixed = {"int": torch.int32, "long": torch.int64, "short": torch.int16, "char": torch.int8, "byte": torch.uint8}
    if last in fixed:
        return fixed[last]
    like = None
    if last in _CONVERSION and len(node.args) > 1 and isinstance(node.args[1], Ref):
        like = values[node.args[1].name]
    elif written:
        like = values[written[0]]
    if like is not None and like.dtype in NAMES and not like.dtype.is_floating_point and like.dtype is not torch.bool:
        return like.dtype
    return None


def _overflows(node: Node, values: Tensors) -> bool:
    first, *factors = [values[ref.name] for ref in node.references()]
    if len(factors) != 2 or any(item.dim() != 3 for item in factors):
        return False  # which is refused
    return tuple(first.shape) != (factors[0].shape[1], factors[1].shape[2])


def _exceeds(degree: Argument, values: Tensors) -> bool:
    if isinstance(degree, Ref):
        tensor = values[degree.name]
        return tensor.numel() > 0 and not bool((tensor <= MAX_DEGREE).all())
    return isinstance(degree, int | float) and degree > MAX_DEGREE


def _is_sorted(tensor: torch.Tensor) -> bool:
    return tensor.dim() == 0 or bool((tensor[..., 1:] >= tensor[..., :-1]).all())
