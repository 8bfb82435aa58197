"""Calls whose meaning torch leaves undefined, or that take eager down: recognised before they run.

They are no test of a compiler, since any answer to them is right:

- a float that does not fit the integer type it is converted to (undefined in C++, so in torch);
- the smallest integer divided by -1 (the processor raises SIGFPE, in eager too);
- scattering to one place twice (torch documents the result as arbitrary);
- shifting by a negative amount or by more than the type's width;
- writing to memory whose elements overlap, or while another argument reads it;
- sequences that have to be sorted and are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument, Ref, Symbol, references
from misfold.programs.graph import Node

from .calling import NAMES, TORCH_DTYPES, Tensors, overlaps

#: Operators that draw random numbers whatever their arguments are, or whose internals start from a random guess.
RANDOM = re.compile(
    r"bernoulli|multinomial|poisson$|binomial|rrelu|gumbel_softmax|fractional_max_pool|lowrank|lobpcg|native_dropout|"
    r"^dropout|^alpha_dropout|feature_dropout|feature_alpha_dropout"
)
_DIVISION = frozenset("div divide floor_divide remainder fmod true_divide".split())
# These divide by what they compute from both arguments.
_DIVISORS = frozenset("gcd lcm".split())
# Loops that run up to the degree, without a bound.
_POLYNOMIAL = re.compile(r"polynomial_[a-z]+$")
MAX_DEGREE = 64
_CONVERSION = frozenset("to type_as type int long short char byte".split())
_SHIFT = frozenset("bitwise_left_shift bitwise_right_shift bitwise_left_shift_ bitwise_right_shift_".split())
# Operators that write one argument's elements to the places another one names, and where that index stands:
# position, keyword. put and index_put with accumulate are defined, scatter with a reduction and *_add are too.
_SCATTER = {
    "scatter": (2, "index"),
    "index_copy": (2, "index"),
    "put": (1, "index"),
    "index_put": (1, "indices"),
    "max_unpool1d": (1, "indices"),
    "max_unpool2d": (1, "indices"),
    "max_unpool3d": (1, "indices"),
}
_SORTED = {"searchsorted": (0, "sorted_sequence"), "bucketize": (1, "boundaries")}


def last_name(op: str) -> str:
    """``add_`` of ``torch.Tensor.add_``."""
    return op.rpartition(".")[2]


def _argument(node: Node, position: int, keyword: str) -> Argument:
    if keyword in node.kwargs:
        return node.kwargs[keyword]
    return node.args[position] if len(node.args) > position else None


def _constants(node: Node) -> Iterator[Argument]:
    yield from node.args
    yield from node.kwargs.values()


def undefined(node: Node, values: Tensors, written: tuple[str, ...] | None = None) -> str | None:
    """Why the meaning of the call is undefined for these tensors, or None. ``written`` saves asking what it writes."""
    last = last_name(node.op)
    if written is None:
        written = written_arguments(node)
    if written:
        reason = _bad_write(node, written, values)
        if reason:
            return reason
    tensors = [values[name] for name in node.uses]
    target = _integer_target(node, last, written, values)
    if target is not None:
        limits = torch.iinfo(target)
        for tensor in tensors:
            if tensor.is_floating_point() and tensor.numel():
                low, high = torch.aminmax(tensor.detach())
                # The limits themselves may not be representable; a float strictly inside is safe.
                if not (float(low) > limits.min - 1 and float(high) < limits.max):
                    return "a float out of the integer type's range"
    plain = last.rstrip("_")
    if (plain in _DIVISION or plain in _DIVISORS) and _divides_extreme(node, tensors, plain in _DIVISORS):
        return "the smallest integer by -1"
    if _POLYNOMIAL.search(last) and _exceeds(_argument(node, 1, "n"), values):
        return "a degree that takes forever"
    if last in _SHIFT and _shifts_too_far(node, values):
        return "a shift out of range"
    if plain in _SCATTER and _scatters_twice(node, plain, values):
        return "two elements for one place"
    if last in _SORTED:
        argument = _argument(node, *_SORTED[last])
        sorter = node.kwargs.get("sorter")
        if isinstance(argument, Ref) and sorter is None and not _is_sorted(values[argument.name]):
            return "a sequence that is not sorted"
        if isinstance(argument, Ref) and isinstance(sorter, Ref):
            if not _is_sorted(torch.gather(values[argument.name], -1, values[sorter.name])):
                return "a sequence that is not sorted"
    return None


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
    for item in _constants(node):
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


def _exceeds(degree: Argument, values: Tensors) -> bool:
    if isinstance(degree, Ref):
        tensor = values[degree.name]
        return tensor.numel() > 0 and not bool((tensor <= MAX_DEGREE).all())
    return isinstance(degree, int | float) and degree > MAX_DEGREE


def _divides_extreme(node: Node, tensors: list[torch.Tensor], by_any: bool) -> bool:
    signed = [tensor for tensor in tensors if not tensor.is_floating_point() and tensor.dtype.is_signed]
    if not signed or not any(tensor.numel() for tensor in signed):
        return False
    lowest = any(bool((tensor == torch.iinfo(tensor.dtype).min).any()) for tensor in signed)
    if not lowest or by_any:
        return lowest
    constants = [item for item in _constants(node) if isinstance(item, int | float)]
    return -1 in constants or any(bool((tensor == -1).any()) for tensor in tensors)


def _shifts_too_far(node: Node, values: Tensors) -> bool:
    amount = _argument(node, 1, "other")
    names = [ref.name for ref in references(node.args[:1])]
    width = min((values[name].element_size() * 8 for name in names), default=64)
    if isinstance(amount, Ref):
        tensor = values[amount.name]
        width = min(width, tensor.element_size() * 8)
        return tensor.numel() > 0 and not bool(((tensor >= 0) & (tensor < width)).all())
    return isinstance(amount, int | float) and not 0 <= amount < width


def _scatters_twice(node: Node, plain: str, values: Tensors) -> bool:
    if plain in ("put", "index_put") and (_argument(node, 3, "accumulate") is True):
        return False
    if plain == "scatter" and (node.kwargs.get("reduce") is not None or len(node.args) > 4):
        return False
    index = _argument(node, *_SCATTER[plain])
    names = [ref.name for ref in references(index)]
    if not names or any(name not in values for name in names):
        return False
    tensors = [values[name] for name in names]
    if plain == "index_put":
        return _repeats(tensors, values[node.args[0].name], len(index))
    tensor = tensors[0]
    if tensor.numel() < 2:
        return False
    if plain == "scatter":
        dim = _argument(node, 1, "dim")
        line = tensor.sort(dim).values
        size = line.shape[dim]
        return bool((line.narrow(dim, 1, size - 1) == line.narrow(dim, 0, size - 1)).any()) if size > 1 else False
    if plain.startswith("max_unpool"):
        # an index counts within one channel: the last 1, 2 or 3 dimensions
        tensor = tensor.flatten(-int(plain[-2]))
    elif plain == "put":
        source = values[node.args[0].name]
        tensor = torch.remainder(tensor, max(source.numel(), 1)).flatten()
    else:
        tensor = tensor.flatten()
    line = tensor.sort(-1).values
    return bool((line[..., 1:] == line[..., :-1]).any())


def _repeats(indices: list[torch.Tensor], source: torch.Tensor, positions: int) -> bool:
    if any(item.dtype is torch.bool for item in indices) or positions != len(indices):
        return len(indices) > 1  # masks name each place once; mixtures are not worth deciding
    if positions > source.dim():
        return True
    flat = torch.zeros((), dtype=torch.int64)
    for item, size in zip(indices, source.shape):
        flat = flat * size + torch.remainder(item.long(), max(size, 1))
    return bool(flat.unique().numel() != flat.numel())


def _is_sorted(tensor: torch.Tensor) -> bool:
    return tensor.dim() == 0 or bool((tensor[..., 1:] >= tensor[..., :-1]).all())
