"""Random numbers: the compiler has none, so that a compiled program gives what eager gives."""

from __future__ import annotations

from misfold.compiler.dtypes import BOOL
from misfold.compiler.frontend.registry import Context, Result, aten
from misfold.compiler.frontend.tensor import Tensor


@aten("native_dropout.default", "dropout.default")
def dropout(c: Context, x: Tensor, p: float, train: bool | None) -> Result:
    if train and p != 0:
        raise c.unsupported("random numbers")
    return x if c.name == "dropout" else (x, x.full(True, dtype=BOOL))


@aten("bernoulli.default", "bernoulli.p", "bernoulli.Tensor", "multinomial.default", "poisson.default")
@aten("rand.default", "rand_like.default", "randn.default", "randn_like.default", "randperm.default")
@aten("randint.default", "randint.low", "randint_like.default", "randint_like.low_dtype", "normal.Tensor_Tensor")
@aten("normal_functional.default", "uniform.default", "exponential.default", "geometric.default", "cauchy.default")
@aten("log_normal.default", "normal.Tensor_float", "normal.float_Tensor", "normal.float_float", "binomial.default")
@aten("rand.generator", "randn.generator", "rrelu_with_noise_functional.default", "_standard_gamma.default")
@aten("_sample_dirichlet.default", "prims.normal.default")
def random(c: Context, *_: object, **__: object) -> Result:
    raise c.unsupported("random numbers")
