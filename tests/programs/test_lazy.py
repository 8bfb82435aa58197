"""What is computed once, and a generator that is made once for each seed."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.programs.lazy import lazy
from misfold.programs.recipes import draw, generator


class Counted:
    calls = 0

    @lazy
    def value(self) -> int:
        """A number."""
        self.calls += 1
        return 41 + self.calls


def test_a_lazy_attribute_is_computed_once_for_each_object():
    one, other = Counted(), Counted()
    assert [one.value, one.value, other.value] == [42, 42, 42]
    assert (one.calls, other.calls) == (1, 1)
    assert Counted.value.__doc__ == "A number."


@pytest.mark.parametrize("seed", [0, 7, 2**62])
def test_a_remembered_generator_begins_where_a_fresh_one_does(seed):
    for _ in range(2):
        fresh = np.random.Generator(np.random.PCG64(seed))
        again = generator(seed)
        assert np.array_equal(fresh.standard_normal(9), again.standard_normal(9))
        # half a 64-bit number is kept for the next draw of 32 bits
        assert np.array_equal(fresh.integers(0, 9, 3, dtype=np.uint32), again.integers(0, 9, 3, dtype=np.uint32))


@pytest.mark.parametrize(
    "recipe",
    [
        {"draw": "normal", "seed": 5, "edges": 0.4},
        {"draw": "uniform", "seed": 5},
        {"draw": "integers", "seed": 5, "low": -4, "high": 90},
        {"draw": "bernoulli", "seed": 5},
        {"draw": "permutation", "seed": 5},
        {"draw": "definite", "seed": 5},
        {"draw": "constant", "value": 3, "edges": 0.5},
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "bool"])
def test_a_tensor_is_the_same_from_a_remembered_generator(recipe, dtype):
    generator(5).standard_normal(3)
    drawn = draw(recipe, (4, 4), dtype, generator(recipe.get("seed", 0)))
    assert np.array_equal(drawn, draw(recipe, (4, 4), dtype))
