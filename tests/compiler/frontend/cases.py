"""Calls of every overload that the frontend converts, by the overload's name.

A call is a tuple of arguments, the last of which are keywords if it is a dict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

_random = torch.Generator().manual_seed(11)
CASES: dict[str, list[tuple[Any, ...]]] = {}

LONG, B, H = torch.int64, torch.bool, torch.bfloat16
SPECIAL = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -3.5, math.inf, -math.inf, math.nan, 1e-6, 40.0, -40.0])


def t(*shape: int, dtype: torch.dtype = torch.float32, low: float = -3, high: float = 3) -> torch.Tensor:
    """A tensor of numbers between bounds."""
    if dtype.is_floating_point:
        return (torch.rand(shape, generator=_random) * (high - low) + low).to(dtype)
    if dtype is B:
        return torch.randint(0, 2, shape, generator=_random).bool()
    return torch.randint(int(low), int(high) + 1, shape, generator=_random).to(dtype)


def p(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Positive numbers."""
    return t(*shape, dtype=dtype, low=0.1 if dtype.is_floating_point else 1, high=3)


def index(size: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, size, shape, generator=_random)


def distinct(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """No two equal, so that the places of elements in an order are unique."""
    return torch.randperm(math.prod(shape), generator=_random).reshape(shape).to(dtype) - 5


def case(names: str | Sequence[str], *calls: tuple[Any, ...]) -> None:
    for name in names.split() if isinstance(names, str) else names:
        full = name if "." in name else f"{name}.default"
        CASES.setdefault(full, []).extend(calls)


def every(names: str, *suffixes: str) -> list[str]:
    return [f"{name}.{suffix}" for name in names.split() for suffix in suffixes]


# -------------------------------------------------------------------------------------------------------- elementwise

UNARY = (
    "sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc "
    "special_erfc special_exp2 special_expm1 special_log1p reciprocal rsqrt sigmoid special_expit deg2rad rad2deg "
    "erfinv special_erfinv special_ndtr special_entr sinc special_sinc logit special_logit"
)
case(UNARY, (SPECIAL,), (t(5, dtype=H),), (t(4, dtype=LONG),))
case("floor ceil trunc round frac", (SPECIAL,), (t(6, dtype=H),))
case("floor ceil trunc round", (t(4, dtype=LONG),))
case("round.decimals", (t(6), {"decimals": 2}), (t(6) * 100, {"decimals": -1}))
IDENTITIES = (
    "real lift_fresh resolve_neg lift alias_copy detach_copy contiguous conj resolve_conj positive alias clone detach "
    "lift_fresh_copy conj_physical _conj_physical"
)
case(IDENTITIES, (t(2, 3),), (t(3, dtype=LONG),))
case("neg abs square sgn sign", (SPECIAL,), (t(4, dtype=LONG),), (t(5, dtype=H),))
case("neg abs sign", (torch.tensor([0, 1, 255], dtype=torch.uint8),), (torch.tensor([-128, 5], dtype=torch.int8),))
case("sign", (t(4, dtype=B),))
case("signbit isnan isinf isfinite isposinf isneginf isreal nan_to_num angle", (SPECIAL,), (t(4, dtype=LONG),))
case("nan_to_num", (SPECIAL, 1.0, 2.0, -2.0), (SPECIAL.to(H),))
case("special_logit logit", (p(5) / 4, 0.2))

PAIRS = [
    (t(2, 3), t(3)),
    (t(4, dtype=LONG), t(4, dtype=LONG)),
    (t(3, dtype=H), t(3, dtype=H)),
    (t(3, dtype=LONG), t(2, 3)),
]
case(every("add sub rsub mul div true_divide", "Tensor"), *PAIRS)
case(every("add sub rsub mul div true_divide", "Scalar"), (t(3), 0.3), (t(3, dtype=LONG), 2), (t(4, dtype=H), 0.1))
case(every("add sub rsub mul", "Scalar"), (t(3, dtype=LONG), 1.5), (torch.tensor([200], dtype=torch.uint8), 100))
case(every("add sub rsub", "Tensor"), (t(3), t(3), {"alpha": 2.5}))
case(every("add mul", "Tensor"), (t(5, dtype=B), t(5, dtype=B)))
case("div.Tensor", (t(4, dtype=LONG), p(4, dtype=LONG)), (SPECIAL, t(1)), (SPECIAL, torch.zeros(())))
MODES = [{"rounding_mode": mode} for mode in (None, "trunc", "floor")]
for _mode in MODES:
    case("div.Tensor_mode", (t(9), p(9), _mode), (t(9), -p(9), _mode), (t(9, dtype=H), p(9, dtype=H), _mode))
    case("div.Tensor_mode", (t(9, dtype=LONG), p(9, dtype=LONG), _mode), (t(9, dtype=LONG), -p(9, dtype=LONG), _mode))
    case("div.Scalar_mode", (t(9), 0.7, _mode), (t(9, dtype=LONG), -2, _mode))
DIVISIONS = [(SPECIAL, t(1)), (t(9, dtype=LONG) * 3, p(9, dtype=LONG)), (t(9, dtype=LONG) * 3, -p(9, dtype=LONG))]
case("floor_divide remainder.Tensor fmod.Tensor", *DIVISIONS, (t(9), torch.tensor([0.0, -0.7, 0.7] * 3)))
case("floor_divide.Scalar remainder.Scalar fmod.Scalar", (t(9), -0.7), (t(9, dtype=LONG), 2))
case("remainder.Scalar_Tensor", (7, p(4, dtype=LONG)), (2.5, t(4)))
for _exponent in (0, 1, 2, 3, 0.5, -0.5, -1, -2, 2.5):
    case("pow.Tensor_Scalar", (SPECIAL, _exponent), (p(5, dtype=H), _exponent))
case("pow.Tensor_Scalar", (t(5, dtype=LONG), 4), (t(4, dtype=LONG), 0.5))
case("pow.Tensor_Tensor", (p(4), t(4)), (t(4, dtype=LONG), p(4, dtype=LONG)))
case("pow.Scalar", (2.5, t(4)), (2, p(4, dtype=LONG)), (1, t(4)))
case("float_power.Tensor_Tensor", (p(4), t(4)))
case("float_power.Tensor_Scalar", (p(4), 1.5))
case("float_power.Scalar", (1.5, t(4)))
case("maximum minimum fmax fmin", *PAIRS, (SPECIAL, t(1)), (SPECIAL, torch.tensor(math.nan)))
case("maximum minimum", (t(4, dtype=B), t(4, dtype=B)))
case("clamp", (SPECIAL, -0.4, 0.6), (t(5, dtype=LONG), 0, None), (t(5, dtype=LONG), None, 1.5), (SPECIAL, 1.0, -1.0))
case("clamp.Tensor", (SPECIAL, t(14), None), (t(2, 3), t(3), t(2, 1)), (t(3, dtype=LONG), t(3, dtype=LONG), t(3)))
case("clamp_min.default clamp_max.default", (SPECIAL, 0.3), (t(5, dtype=LONG), 1))
case("clamp_min.Tensor clamp_max.Tensor", (SPECIAL, t(14)))
case(
    "addcmul addcdiv",
    (t(3), t(3), p(3)),
    (t(2, 3), t(3), p(3), {"value": 2.5}),
    (t(3, dtype=H), t(3, dtype=H), p(3, dtype=H)),
)
case("lerp.Scalar", (t(5), t(5), 0.3), (t(5), t(5), 0.8))
case("lerp.Tensor", (t(5), t(5), t(5)))
case("atan2 hypot logaddexp logaddexp2", (SPECIAL, t(14)), (SPECIAL, SPECIAL), (t(3, dtype=H), t(3, dtype=H)))
case("copysign.Tensor", (SPECIAL, t(14)), (t(3, dtype=LONG), -p(3)))
case("copysign.Scalar", (SPECIAL, -0.0))
case("xlogy.Tensor special_xlog1py", (SPECIAL, p(14)), (torch.zeros(14), SPECIAL))
case("xlogy.Scalar_Self special_xlog1py.self_scalar", (0.0, SPECIAL), (2.0, SPECIAL))
case("xlogy.Scalar_Other special_xlog1py.other_scalar", (SPECIAL, 2.0))
case("gcd lcm", (torch.tensor([12, -18, 0, 0, 35]), torch.tensor([18, 24, 5, 0, 21])))
case("heaviside", (SPECIAL[:10], t(10)), (t(4, dtype=LONG), t(4, dtype=LONG)))

COMPARISONS = "eq ne lt le gt ge"
case(every(COMPARISONS, "Tensor"), *PAIRS, (SPECIAL, SPECIAL), (t(4, dtype=B), t(4, dtype=B)))
case(every(COMPARISONS, "Scalar"), (SPECIAL, 0.5), (t(5, dtype=LONG), 1), (t(5, dtype=LONG), 1.5), (t(5, dtype=H), 0.1))
case("logical_and logical_or logical_xor", *PAIRS, (SPECIAL, t(14, dtype=B)))
case("logical_not", (SPECIAL,), (t(4, dtype=LONG),))
case(every("bitwise_and bitwise_or bitwise_xor __and__ __or__ __xor__", "Tensor"),
     (t(4, dtype=LONG), t(4, dtype=LONG)), (t(4, dtype=B), t(4, dtype=B)))  # fmt: skip
case(every("bitwise_and bitwise_or bitwise_xor __and__ __or__ __xor__", "Scalar"), (t(4, dtype=LONG), 5))
case(every("bitwise_and bitwise_or bitwise_xor", "Scalar_Tensor"), (5, t(4, dtype=LONG)))
case("bitwise_not", (t(4, dtype=LONG),), (t(4, dtype=B),), (t(4, dtype=LONG).to(torch.uint8),))
SHIFT = (t(4, dtype=LONG) * 9, torch.tensor([0, 1, 5, 62]))
case("bitwise_left_shift.Tensor bitwise_right_shift.Tensor __lshift__.Tensor __rshift__.Tensor", SHIFT)
case(every("bitwise_left_shift bitwise_right_shift", "Tensor_Scalar") + every("__lshift__ __rshift__", "Scalar"),
     (t(4, dtype=LONG) * 9, 2))  # fmt: skip
case(every("bitwise_left_shift bitwise_right_shift", "Scalar_Tensor"), (77, torch.tensor([0, 3, 9])))
case("where.self", (t(2, 3, dtype=B), t(3), t(2, 1)), (t(3, dtype=B), t(3, dtype=LONG), t(3)))
case("where.ScalarSelf", (t(3, dtype=B), 2.0, t(3)))
case("where.ScalarOther", (t(3, dtype=B), t(3), -1.0))
case("where.Scalar", (t(3, dtype=B), 1.0, 2.0))
case("masked_fill.Scalar", (t(2, 3), t(3, dtype=B), -math.inf), (t(3, dtype=LONG), t(3, dtype=B), 2))
case("masked_fill.Tensor", (t(2, 3), t(3, dtype=B), torch.tensor(4.0)))
case("isclose", (SPECIAL, SPECIAL + 1e-6), (SPECIAL, SPECIAL, 1e-5, 1e-8, True))

ACTIVATIONS = "relu6 silu mish hardswish hardsigmoid gelu softplus elu celu selu leaky_relu hardtanh log_sigmoid"
case(ACTIVATIONS, (t(9) * 2,), (t(9, dtype=H),), (torch.tensor([30.0, -30.0, math.nan]),))
case("relu", (SPECIAL,), (t(5, dtype=LONG),))
case("log_sigmoid_forward", (t(9),))
case("hardshrink softshrink", (t(9),), (t(9, dtype=H), 0.7))
case("gelu", (t(9), {"approximate": "tanh"}))
case("softplus", (t(9) * 10, 2.0, 5.0))
case("elu", (t(9), 1.5, 2.0, 0.5))
case("celu leaky_relu", (t(9), 0.3))
case("hardtanh", (t(9), -0.5, 2.0), (t(9, dtype=LONG), -1, 2))
case("_prelu_kernel", (t(2, 3), t(1, 3)))
case("threshold", (t(9), 0.5, -7.0))
case("glu", (t(2, 6),), (t(4, 3), 0))
G = t(9), t(9)
DERIVATIVES = "sigmoid_backward tanh_backward silu_backward mish_backward gelu_backward hardsigmoid_backward"
case(DERIVATIVES, G, (G[0].to(H), G[1].to(H)))
case("hardswish_backward", (t(9), t(9) * 3))
case("gelu_backward", (*G, {"approximate": "tanh"}))
case("threshold_backward hardshrink_backward softshrink_backward", (*G, 0.5))
case("leaky_relu_backward", (*G, 0.2, False))
case("elu_backward", (G[0], 1.5, 2.0, 0.5, False, G[1]), (G[0], 1.0, 1.0, 1.0, True, G[1]))
case("hardtanh_backward", (*G, -1.0, 1.0))
case("softplus_backward", (*G, 2.0, 3.0))
case("log_sigmoid_backward", (*G, (-G[1].abs()).exp()))
case("glu_backward", (t(2, 3), t(2, 6), 1))

SERIES = (
    "lgamma special_gammaln digamma special_digamma special_psi special_log_ndtr special_erfcx prims.lgamma.default "
)
case(SERIES + "prims.digamma.default prims.erfcx.default", (torch.tensor([0.3, 1.0, 2.5, 30.0, -0.7, -2.3, -11.5]),))
case(
    "i0 special_i0 special_i0e special_i1 special_i1e special_modified_bessel_i0 special_modified_bessel_i1",
    (torch.tensor([0.0, 0.5, -2.0, 20.0, -60.0]),),
)
case("polygamma special_polygamma", (0, p(4)), (1, t(5)), (2, p(4)))
case("special_zeta", (p(4) + 1.2, p(4)))
case("special_zeta.self_scalar", (2.5, p(4)))
case("special_zeta.other_scalar", (p(4) + 1.2, 1.5))
case("mvlgamma special_multigammaln", (p(4) + 2, 3))
CHANCES = torch.tensor([0.0, 1e-40, 1e-6, 0.01, 0.3, 0.49999, 0.5, 0.7, 0.9, 0.9999, 1.0, 2.0, -1.0, math.nan])
case(
    "special_ndtri prims.ndtri.default",
    (CHANCES,),
    (CHANCES.double(),),
    (torch.tensor([1e-300, 0.5 + 1e-12]).double(),),
)
POINTS = torch.tensor([0.0, 0.3, -0.7, 0.999, 1.0, -1.0, 1.2, -1.2])
for _kind in "tuvw":
    for _name in (f"special_chebyshev_polynomial_{_kind}", f"special_shifted_chebyshev_polynomial_{_kind}"):
        case(_name, *((POINTS, torch.tensor([degree])) for degree in (-1, 0, 1, 2, 7, 23)))
        case(_name, (POINTS.double(), torch.tensor([30])), (POINTS, torch.tensor([2.7])), (POINTS, torch.tensor([25])))
        case(f"{_name}.x_scalar", (0.3, torch.tensor([3, 4])))
        case(f"{_name}.n_scalar", (POINTS, 5))
case(
    "nextafter", (SPECIAL, torch.zeros(14)), (SPECIAL, -SPECIAL), (SPECIAL.to(H), torch.full((14,), math.inf, dtype=H))
)
case("frexp.Tensor prims.frexp.default", (SPECIAL[SPECIAL.isfinite()],), (t(5, dtype=H),), (t(5).double() * 1e-310,))

# ------------------------------------------------------------------------------------------------- creation and casts

FLOAT = {"dtype": torch.float32}
case("full", ([2, 3], 1.5), ([2], True), ([], 3), ([2], 2, FLOAT))
case("full_like", (t(2, 3), 2.5), (t(2, dtype=LONG), 3), (t(2, dtype=LONG), 3, FLOAT))
case("new_full", (t(2), [3], 2))
case("zeros ones", ([2, 3],), ([2], {"dtype": LONG}))
case("empty.memory_format", ([2, 3],))
case("zeros_like ones_like empty_like", (t(2, 3),))
case("new_zeros new_ones new_empty", (t(2), [3]))
case("empty_strided", ([2, 3], [1, 2]))
case("empty_permuted", ([2, 3], [1, 0]))
case("new_empty_strided", (t(2), [2, 3], [1, 2]))
case("scalar_tensor", (2.5,), (3, {"dtype": LONG}))
case("fill.Scalar", (t(3), 2.0))
case("fill.Tensor", (t(3), torch.tensor(2)))
case("arange", (5,), (2.5,))
case("arange.start", (2, 6))
case("arange.start_step", (1, 9, 3), (1.0, 2.0, 0.25), (5, 0, -2))
case("linspace", (0.0, 1.0, 7), (2, -3, 4), (1.0, 2.0, 1))
case("eye", (3,))
case("eye.m", (2, 4))
case("tril_indices triu_indices", (3, 4), (3, 3, 1), (5, 4, -2), (3, 5, 7), (2, 2, -5))
FLOATS_TO_INT = (torch.tensor([1.9, -1.9, 250.0, -3.0]), {"dtype": torch.uint8})
case("_to_copy", (t(4), {"dtype": LONG}), (SPECIAL, {"dtype": B}), (t(4, dtype=LONG), {"dtype": H}), FLOATS_TO_INT)
case("to.dtype", (t(4), torch.int32))
case("to.dtype_layout", (t(4), {"dtype": torch.float16}))
case("to.device", (t(4), torch.device("cpu"), torch.float64))
case("type_as to.other", (t(4), t(2, dtype=LONG)))
case("prims.convert_element_type.default", (t(4), LONG))
case("copy", (t(2, 3), t(3, dtype=LONG)))
case("view.dtype view_copy.dtype", (t(3), torch.float32))
