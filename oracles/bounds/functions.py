"""Declared accuracy of library functions, as the analysis allows it to any honest implementation.

``relative`` is in unit roundoffs of the result (half a unit in the last place), ``absolute`` in unit roundoffs of 1.

Sources. SLEEF, with which torch vectorises on CPUs, promises 1.0 ulp for its ``u10`` functions and 3.5 for ``u35``
(sleef.org, "Math library reference"); torch uses u10 for all but sin and cos (u35), and 2 ulp exponentials inside
softmax (``exp_u20``). torch's vectorised erf is the polynomial 7.1.26 of Abramowitz and Stegun, "Handbook of
Mathematical Functions", whose absolute error is 1.5e-7, or 2.5 units. glibc's manual ("Known maximum errors in math
functions") gives up to 2 ulp, and 3 to 4 for hyperbolic functions and erfc; LLVM and TVM's LLVM intrinsics end there.
ONNX Runtime's erf, tanh and logistic functions are rational approximations that are good to a few units of their range.
misfold's own compiler states at most 4 ulp (``misfold.compiler.codegen.error_ulp``).

Where compilers write a function out by its definition (sigmoid as 1/(1 + exp(-x)), tanh through exponentials,
softplus, elu, gelu), the roundings of that are allowed too: an absolute error where such a formula subtracts from or
adds to 1. For expm1 and log1p (as exp(x) - 1 and log(1 + x)) only as long as half of the digits are left: torch's
documentation promises of both that they are more accurate than that for small arguments, all that they are there for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Function = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Accuracy:
    """What an implementation may be off: see the module. ``scaled``: by the operand's size, in units too;
    ``keeps_half``: of ``absolute``, no more than leaves half of the result's digits."""

    relative: float
    absolute: float = 0.0
    scaled: float = 0.0
    keeps_half: bool = False


#: Nondecreasing or nonincreasing where they are defined, so that values at both ends of an interval bound it.
MONOTONE: dict[str, Accuracy] = {
    "exp": Accuracy(4),
    "exp2": Accuracy(6),
    "expm1": Accuracy(6, 6, keeps_half=True),
    "log": Accuracy(4),
    "log2": Accuracy(6),
    "log10": Accuracy(6),
    "log1p": Accuracy(6, 4, keeps_half=True),
    "sqrt": Accuracy(2),
    "rsqrt": Accuracy(5),
    "sinh": Accuracy(12, 8),
    "asinh": Accuracy(8, 8),
    "acosh": Accuracy(8),
    "atanh": Accuracy(8, 8),
    "tanh": Accuracy(8, 8),
    "asin": Accuracy(8, 4),
    "acos": Accuracy(8, 8),
    "atan": Accuracy(8),
    "erf": Accuracy(8, 8),
    "erfc": Accuracy(12, 8),
    "special_ndtr": Accuracy(12, 8),
    "special_log_ndtr": Accuracy(64, 16),
    "sigmoid": Accuracy(12, 4),
    "log_sigmoid": Accuracy(8, 8),
    "softplus": Accuracy(8, 8, 2),
    "elu": Accuracy(8, 8),
    "celu": Accuracy(8, 8),
    "selu": Accuracy(8, 16),
    "logit": Accuracy(16, 8),
    "softshrink": Accuracy(2),
    "hardsigmoid": Accuracy(6, 4),
}

#: |f(x) - f(y)| is at most so many times |x - y|: slopes are bounded by these.
LIPSCHITZ: dict[str, tuple[float, Accuracy]] = {
    "sin": (1.0, Accuracy(8)),
    "cos": (1.0, Accuracy(8)),
    # slopes of x·Φ(x), x·sigmoid(x), x·tanh(softplus x) and x·relu6(x + 3)/6 end at 1.1290, 1.0999, 1.0885 and 1.5
    "gelu": (1.1291, Accuracy(16, 0, 16)),
    "silu": (1.1, Accuracy(16, 0, 4)),
    "mish": (1.0886, Accuracy(16, 0, 16)),
    "hardswish": (1.5, Accuracy(8, 0, 4)),
    # sin(πx)/(πx) has slopes up to 1.3705
    "sinc": (1.3706, Accuracy(12, 8)),
    "special_entr": (0.0, Accuracy(12)),
}

#: Even functions that grow with |x|.
EVEN: dict[str, Accuracy] = {
    "cosh": Accuracy(12),
    "i0": Accuracy(16),
    "special_i0": Accuracy(16),
    "special_modified_bessel_i0": Accuracy(16),
}
