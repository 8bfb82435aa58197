"""Where arithmetic is exact: every honest evaluation, in whatever order, fused or not, gives the same bits.

A float tensor of integers (more generally of multiples of 2^q) is added and multiplied without rounding as long as
magnitudes stay up to 2^(p+q), p being the bits of the significand. For sums the bound has to hold for the sum of
absolute values, which bounds every partial sum in every order; p is that of the result's type, so that accumulating in
a half type is covered too. Zeros count as equal whatever their sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from misfold.programs.arguments import Argument, Ref
from misfold.programs.graph import Node

from .calls import Call, Tensors
from .kinds import ARITHMETIC, BILINEAR, IN_MEMORY, INTEGER, MOVE, SELECT, SUM, TIES, base_name

SIGNIFICAND = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}
#: Fractions of a tensor are looked for down to this: halves to 256ths, as small constants and means make them.
FINEST = -8


@dataclass(frozen=True)
class Grid:
    """All elements are multiples of 2^quantum, none is larger than ``largest``."""

    quantum: int
    largest: float


def grid_of(tensor: torch.Tensor) -> Grid | None:
    """The grid of a tensor's elements, or None if there is none down to ``FINEST`` (or an element is not finite)."""
    if tensor.numel() == 0 or tensor.dtype is torch.bool:
        return Grid(0, 1.0)
    if tensor.is_complex():
        return None
    data = tensor.detach()
    if not data.is_floating_point():
        low, high = torch.aminmax(data)
        return Grid(0, float(max(abs(int(low)), abs(int(high)))))
    data = data.double()
    largest = float(data.abs().max())
    if not math.isfinite(largest):
        return None
    if torch.equal(data, data.trunc()):
        return Grid(0, largest)
    scaled = data * 2.0**-FINEST
    return Grid(FINEST, largest) if torch.equal(scaled, scaled.trunc()) else None


def _number_grid(value: float) -> Grid | None:
    if not math.isfinite(value):
        return None
    if value == int(value):
        return Grid(0, abs(float(value)))
    scaled = value * 2.0**-FINEST
    return Grid(FINEST, abs(value)) if scaled == int(scaled) else None


def magnitude(call: Call, env: Tensors, names: Sequence[str]) -> list[torch.Tensor] | None:
    """The call on absolute values in float64, which bounds every partial sum; None where that fails.

    ``names`` are the values used; index-like ones (integers beside floats) stay what they are.
    """
    floats = any(env[name].is_floating_point() for name in names)
    absolute = {}
    for name in names:
        tensor = env[name].detach()
        if tensor.is_floating_point():
            absolute[name] = tensor.abs()
        elif floats or tensor.is_complex():
            absolute[name] = tensor
        else:
            absolute[name] = tensor.double().abs()
    try:
        with torch.no_grad():
            results = call(absolute)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return None
    return [item.double() for item in results if isinstance(item, torch.Tensor)]


def exact_result(
    node: Node, call: Call, inputs: Tensors, program: Sequence[torch.Tensor], wide: Sequence[torch.Tensor]
) -> tuple[bool, str | None]:
    """Whether the results are exact, all operands being exact; and why they are undefined, if they are.

    Args:
        call: the widened call.
        inputs: operands in float64 as they were before the call.
        program: results in the program's types.
        wide: results in float64.
    """
    name = base_name(node.op)
    if any(item.is_complex() for item in (*program, *wide)):
        return False, None
    if name == "embedding" and ("max_norm" in node.kwargs or len(node.args) > 3):
        return False, None
    if name in ("round", "interpolate") and ("decimals" in node.kwargs or len(node.args) > 1):
        return False, None
    if name in ("einsum", "bilinear") and len(inputs) > 2:
        # Three operands may be contracted in any order, and the partial products are not those of one order.
        return False, None
    if (name in MOVE and not accumulates(node, name)) or name in SELECT:
        ok = True
    elif name in ARITHMETIC or name in SUM or name == "mean":
        ok, reason = _bounded(node, name, call, inputs, program, wide)
        if reason:
            return False, reason
    elif name in FIXED_POINTS:
        ok = not node.kwargs and len(node.args) == 1 and _at(inputs[node.uses[0]], FIXED_POINTS[name])
    elif name == "sqrt":
        # IEEE 754 has it correctly rounded, so that the roots of squares are exact
        ok = all(item.dtype in SIGNIFICAND and held(item, program[0].dtype) for item in (*inputs.values(), *wide))
        ok = ok and bool((wide[0] * wide[0] == inputs[node.uses[0]]).all())
    elif name in ("prod", "cumprod"):
        ok = _whole_product(call, inputs, program)
    elif name == "pow":
        ok = _power(node, inputs, program)
    elif name in INTEGER:
        ok = not any(item.is_floating_point() for item in (*inputs.values(), *wide))
    else:
        ok = False
    return ok and all(map(same_values, program, wide)), None


#: Functions of one element, and the element at which every implementation gives its exact value: series and
#: polynomials end there in their constant term, and definitions through exponentials cancel to the bit.
FIXED_POINTS = {
    **dict.fromkeys(
        """
        arcsinh arctan arctanh asin arcsin asinh atan atanh cos cosh exp expit expm1 log1p sigmoid silu sin sinh
        tan tanh
        """.split(),
        0.0,
    ),
    **dict.fromkeys("log log10 log2".split(), 1.0),
}


def _at(item: torch.Tensor, point: float) -> bool:
    return item.is_floating_point() and bool((item == point).all())


def held(item: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether a float64 tensor's elements are numbers of a type."""
    return dtype in SIGNIFICAND and torch.equal(item.to(dtype).double(), item)


def _whole_product(call: Call, inputs: Tensors, program: Sequence[torch.Tensor]) -> bool:
    # Zeros aside, partial products of whole numbers are no larger than the product of those that are not less than one.
    if len(inputs) != 1 or not program or not program[0].is_floating_point():
        return False
    ((name, item),) = inputs.items()
    if not item.is_floating_point() or not torch.equal(item, item.round()):
        return False
    with torch.no_grad():
        largest = call({name: item.detach().abs().clamp_min(1.0)})[0]
    return not largest.numel() or float(largest.max()) <= _limit(program[0].dtype, 0)


def _power(node: Node, inputs: Tensors, program: Sequence[torch.Tensor]) -> bool:
    """Squares and cubes are products everywhere."""
    power = node.args[1] if len(node.args) == 2 else None
    if type(power) not in (int, float) or power not in (1, 2, 3) or not program[0].is_floating_point():
        return False
    grid = grid_of(inputs[node.uses[0]])
    if grid is None:
        return False
    return grid.largest ** int(power) <= _limit(program[0].dtype, grid.quantum * int(power))


def accumulates(node: Node, name: str) -> bool:
    """Whether the call adds into memory, element after element, in the memory's own type."""
    if name in ("index_put", "put"):
        return _flag(node, 3, "accumulate")
    if name == "scatter":
        return "reduce" in node.kwargs or len(node.args) > 4
    return name in IN_MEMORY


def _flag(node: Node, position: int, keyword: str) -> bool:
    value = node.kwargs.get(keyword, node.args[position] if len(node.args) > position else False)
    return value is not False


def same_values(program: torch.Tensor, wide: torch.Tensor) -> bool:
    """Whether a result is the same in both worlds, NaN being equal to NaN."""
    if program.shape != wide.shape:
        return False
    program, wide = program.detach(), wide.detach()
    if program.is_floating_point():
        program = program.double()
    if program.dtype != wide.dtype:
        return False
    if torch.equal(program, wide):
        return True
    return program.is_floating_point() and bool(((program == wide) | (program.isnan() & wide.isnan())).all())


def _bounded(
    node: Node, name: str, call: Call, inputs: Tensors, program: Sequence[torch.Tensor], wide: Sequence[torch.Tensor]
) -> tuple[bool, str | None]:
    # Every use counts: x * x has two operands.
    data = [inputs[ref.name] for ref in node.references()]
    if name not in ARITHMETIC:
        data = [tensor for tensor in data if tensor.is_floating_point()] or data
    grids = [grid_of(tensor) for tensor in data]
    for item in (*node.args, *node.kwargs.values()):
        if isinstance(item, float) or (isinstance(item, int) and name in ARITHMETIC and type(item) is int):
            grids.append(_number_grid(float(item)))
    if not program or any(grid is None for grid in grids):
        return False, None
    known = [grid for grid in grids if grid is not None]
    result = program[0]
    quantum = min((grid.quantum for grid in known), default=0)
    product = name in BILINEAR or name in ("mul", "multiply", "addcmul", "cross", "square")
    if product or node.kwargs.get("alpha") is not None or node.kwargs.get("beta") is not None:
        # Only sums keep the grid; a product's grid is the product, so add up all that is below the integers.
        quantum = sum(grid.quantum for grid in known) * (2 if name in ("square", "addcmul") else 1)
    if name in ("div", "divide", "true_divide"):
        exact, largest = _division(node, result, known, data)
        return exact and largest <= _limit(result.dtype, 2 * FINEST), None
    if name in SUM or name == "mean":
        if name == "mean":
            count = max(data[0].numel(), 1) // max(result.numel(), 1)
            if count < 1 or count & (count - 1) or not result.is_floating_point():
                return False, None
            quantum -= count.bit_length() - 1
        if any(isinstance(item, int | float) and not isinstance(item, bool) and item < 0 for item in _scales(node)):
            return False, None
        bounds = magnitude(call, inputs, list(inputs))
        if not bounds:
            return False, None
        largest = float(bounds[0].max()) if bounds[0].numel() else 0.0
        if name == "mean":
            largest *= count
    else:
        largest = _arithmetic_bound(node, name, known)
    if not math.isfinite(largest):
        return False, None
    if not result.is_floating_point():
        return _integer_fits(result, largest)
    return largest <= _limit(result.dtype, quantum), None


def _scales(node: Node) -> list[Argument]:
    return [node.kwargs[key] for key in ("alpha", "beta") if key in node.kwargs]


def _division(node: Node, result: torch.Tensor, grids: list[Grid], data: Sequence[torch.Tensor]) -> tuple[bool, float]:
    # A power of two as divisor is the only division that is exact in advance, as quotient or as reciprocal.
    divisor = node.args[1] if len(node.args) == 2 else None
    if isinstance(divisor, Ref) and len(data) == 2 and not node.kwargs and result.is_floating_point():
        # a tensor of powers of two
        size = data[1].detach().double().abs()
        if not size.numel() or not bool((size.frexp().mantissa == 0.5).all()):
            return False, 0.0
        low, high = float(size.min()), float(size.max())
        return low >= 2.0**FINEST and high <= 2.0**-FINEST, grids[0].largest / min(low, 1.0)
    if not isinstance(divisor, int | float) or isinstance(divisor, bool) or divisor == 0 or node.kwargs:
        return False, 0.0
    mantissa, exponent = math.frexp(divisor)
    fine = abs(mantissa) == 0.5 and abs(exponent - 1) <= -FINEST and result.is_floating_point()
    return fine, max((grid.largest for grid in grids), default=0.0) * max(1.0, 1 / abs(divisor))


def _arithmetic_bound(node: Node, name: str, grids: list[Grid]) -> float:
    largest = [grid.largest for grid in grids]
    if name in ("mul", "multiply"):
        return math.prod(largest)
    if name == "square":
        return max(largest, default=0.0) ** 2
    if name == "cross":
        return 2 * math.prod(largest[:2])
    if name == "addcmul":
        return largest[0] + math.prod(max(item, 1.0) for item in largest[1:])
    if name == "diff":
        return largest[0] * 2 if len(node.args) == 1 and not node.kwargs else math.inf
    scale = math.prod(max(item, 1.0) for item in map(_absolute, _scales(node)))
    return sum(largest) * scale


def _absolute(item: Argument) -> float:
    return abs(float(item)) if isinstance(item, int | float) else math.inf


def _limit(dtype: torch.dtype, quantum: int) -> float:
    return 2.0 ** (SIGNIFICAND.get(dtype, 0) + min(quantum, 0))


def _integer_fits(result: torch.Tensor, largest: float) -> tuple[bool, str | None]:
    if result.dtype is torch.bool:
        return True, None
    limit = torch.iinfo(result.dtype).max
    if largest <= limit:
        return True, None
    # Narrow types are computed in int and cut, which wraps; overflow of int and longer is undefined in C and in TVM.
    if result.dtype in (torch.int32, torch.int64):
        return False, "signed integers overflow"
    return True, None


#: Where the dimension stands along which elements compete, and what it is if it is not given. Others compete all.
_DIMENSION = {
    "argmax": (1, None), "argmin": (1, None), "argsort": (1, -1), "cummax": (1, None), "cummin": (1, None),
    "kthvalue": (2, -1), "max": (1, None), "median": (1, None), "min": (1, None), "mode": (1, -1),
    "nanmedian": (1, None), "sort": (1, -1), "topk": (2, -1),
}  # fmt: skip


def _chosen_dim(name: str, node: Node) -> int | None:
    if name not in _DIMENSION:
        return None
    position, default = _DIMENSION[name]
    dim = node.kwargs.get("dim", node.args[position] if len(node.args) > position else default)
    return dim if isinstance(dim, int) and not isinstance(dim, bool) else None


def has_ties(name: str, node: Node, value: torch.Tensor, margin: torch.Tensor | None) -> bool:
    """Whether elements that compete are equal, or within their margins of it, so that the choice is free."""
    if value.numel() < 2 or value.is_complex():
        return False
    data = value.detach()
    data = data.double() if data.is_floating_point() else data.to(torch.int64)
    dim = _chosen_dim(name, node)
    if dim is None:
        data, margin, dim = data.flatten(), None if margin is None else margin.flatten(), 0
    if data.dim() == 0 or data.shape[dim] < 2:
        return False
    if TIES.get(name) in ("largest", "smallest"):
        sign = 1 if TIES[name] == "largest" else -1
        if margin is None:
            best = data.amax(dim, keepdim=True) if sign > 0 else data.amin(dim, keepdim=True)
            return bool(((data == best).sum(dim) > 1).any())
        upper, lower = sign * data + margin, sign * data - margin
        return bool(((upper >= lower.amax(dim, keepdim=True)).sum(dim) > 1).any())
    ordered, order = data.sort(dim)
    size = data.shape[dim]
    gap = ordered.narrow(dim, 1, size - 1) - ordered.narrow(dim, 0, size - 1)
    if margin is None:
        return bool((gap == 0).any())
    spread = margin.gather(dim, order)
    return bool((gap <= spread.narrow(dim, 1, size - 1) + spread.narrow(dim, 0, size - 1)).any())
