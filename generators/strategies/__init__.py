"""Hypothesis strategies: tensors, graphs and cases, drawn so that what fails shrinks.

    from hypothesis import given
    from misfold.generators.strategies import cases

    @given(cases(max_nodes=4))
    def test_a_backend(case): ...

What is drawn are plain numbers: a list of steps, each of which names an operator, a way to call it, and what it is
called on. Eager PyTorch runs the steps one after the other, and one that it refuses is left out. So Hypothesis can
delete steps and lower numbers, and whatever it tries is again a valid program with true types.

Needs the extra ``hypothesis``; without it the functions raise UsageError.
"""

from __future__ import annotations

from .programs import cases, graphs
from .tensors import tensor_types, tensors

__all__ = ["cases", "graphs", "tensor_types", "tensors"]
