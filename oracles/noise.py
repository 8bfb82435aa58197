"""Random rounding errors, so that a program's own conditioning says how far apart honest evaluations may be.

The method is Monte Carlo arithmetic (D. S. Parker, "Monte Carlo Arithmetic", UCLA CSD-970002, 1997; J. Vignes's CESTAC
is its ancestor): evaluate in float64 and inject, at every operation that rounds in the program's own types, a random
relative error of the size of that rounding. What the samples differ by at the end is what rounding can do.
"""

from __future__ import annotations

import math
from functools import cache

import torch

#: Largest relative error of one rounding, per element type.
ROUNDOFF = {
    torch.float16: 2.0**-11,
    torch.bfloat16: 2.0**-8,
    torch.float32: 2.0**-24,
    torch.float64: 2.0**-53,
    torch.complex64: 2.0**-24,
    torch.complex128: 2.0**-53,
}
#: Largest absolute error of one rounding near zero: half the smallest denormal for float16, which CPUs and GPUs keep;
#: the smallest normal for the others, whose denormals may be flushed to zero.
UNDERFLOW = {
    torch.float16: 2.0**-25,
    torch.bfloat16: 2.0**-126,
    torch.float32: 2.0**-126,
    torch.float64: 2.0**-1022,
    torch.complex64: 2.0**-126,
    torch.complex128: 2.0**-1022,
}
#: Half types accumulate in float32 (torch's accumulation type for them on CPU), others in their own type.
ACCUMULATION = 2.0**-24


def accumulation(dtype: torch.dtype) -> float:
    """Unit roundoff of the type in which sums of ``dtype`` elements are accumulated."""
    return min(ROUNDOFF[dtype], ACCUMULATION)


@cache
def _pool(seed: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (size,), generator=generator, dtype=torch.float64).mul_(2).sub_(1)


class Noise:
    """A stream of random signs. The same seed gives the same stream."""

    SIZE = 1 << 16

    def __init__(self, seed: int):
        self._pool = _pool(seed, self.SIZE)
        self._at = 0

    def signs(self, shape: torch.Size) -> torch.Tensor:
        """±1 for every element. The result may share memory with the stream: do not write it."""
        count = math.prod(shape)
        if count > self.SIZE:
            repeats = -(-count // self.SIZE)
            return self._pool.roll(self._at).repeat(repeats)[:count].view(shape)
        if self._at + count > self.SIZE:
            # A stride that is prime to the size keeps later passes over the pool out of step with earlier ones.
            self._at = (self._at * 31 + 17) % max(self.SIZE - count, 1)
        start, self._at = self._at, self._at + count
        return self._pool[start : start + count].view(shape)

    def disturb(
        self, tensor: torch.Tensor, relative: float, absolute: float = 0.0, scale: torch.Tensor | None = None,
        scale_factor: float = 0.0,
    ) -> None:  # fmt: skip
        """Add ±(relative·|x| + scale_factor·scale) to every element in place, and ±absolute to those not zero.

        Autograd does not notice: saved results are disturbed along, gradients flow as before.
        """
        data = tensor.data
        if data.numel() == 0:
            return
        signs = self.signs(data.shape)
        if data.is_complex():
            data.mul_(1.0 + relative * signs)
            return
        if absolute:
            data.add_(signs * data.sign(), alpha=absolute)
        # as a factor, so that infinities stay what they are
        data.mul_((signs * relative).add_(1.0))
        if scale is not None:
            data.addcmul_(scale, self.signs(data.shape).to(scale.dtype), value=scale_factor)

    def disturbed(self, tensor: torch.Tensor, relative: float) -> torch.Tensor:
        """A disturbed copy, through which gradients flow."""
        return tensor * (self.signs(tensor.shape) * relative).add_(1.0)
