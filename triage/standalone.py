"""What exported scripts run to judge themselves. The source of these functions is copied into every script, so they
use torch, numpy and the standard library only, and say everything in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback

import torch


def run_program(function, inputs, with_gradients, gradients):
    """Outputs, gradients of the inputs that require one, and the inputs as the program left them."""
    outputs = list(function(inputs))
    grads = gradients(outputs, inputs) if with_gradients else []
    return outputs, list(grads), inputs


def tolerances(dtype):
    """Relative and absolute tolerance of torch.testing.assert_close for a floating type."""
    table = {
        torch.float16: (1e-3, 1e-5),
        torch.bfloat16: (1.6e-2, 1e-5),
        torch.float32: (1.3e-6, 1e-5),
        torch.float64: (1e-7, 1e-7),
    }
    return table[dtype]


def differs(name, expected, actual, reference, exact):
    """Whether ``actual`` is wrong; prints why. ``reference`` is the float64 evaluation, or None.

    A floating value is wrong if it is beyond the framework's own tolerance from float64, and ten times further from
    it than eager ever is; in exact programs if any bit differs (0 equals -0).
    """
    if expected is None or actual is None:
        if (expected is None) != (actual is None):
            print(f"{name}: expected {expected}, got {actual}")
            return True
        return False
    expected, actual = expected.detach(), actual.detach()
    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        print(f"{name}: expected {expected.dtype} {list(expected.shape)}, got {actual.dtype} {list(actual.shape)}")
        return True
    if not expected.numel():
        return False
    if exact or not expected.dtype.is_floating_point or reference is None or reference.shape != expected.shape:
        if exact or not expected.dtype.is_floating_point:
            bad = ~((expected == actual) | ((expected != expected) & (actual != actual)))
        else:
            rtol, atol = tolerances(expected.dtype)
            bad = ~torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    else:
        reference = reference.detach().double()
        wide, wide_actual = expected.double(), actual.double()
        finite = torch.isfinite(reference) & torch.isfinite(wide)
        honest = (wide - reference).abs()[finite].max().item() if finite.any() else 0.0
        rtol, atol = tolerances(expected.dtype)
        bad = ~((wide_actual - reference).abs() <= 10 * honest + rtol * reference.abs() + atol) & finite
    if not bad.any():
        return False
    where = tuple(int(index) for index in bad.nonzero()[0])
    print(f"{name}: {int(bad.sum())} of {bad.numel()} elements are wrong, the first at {list(where)}:")
    print(f"    eager    {expected[where].item()!r}")
    print(f"    compiled {actual[where].item()!r}")
    if reference is not None and reference.shape == expected.shape:
        truth = reference[where].item()
        side = "eager" if abs(expected[where].item() - truth) <= abs(actual[where].item() - truth) else "compiled"
        print(f"    float64  {truth!r}   (supports {side})")
    return True


def claim_broken(claim, expected, actual):
    """Whether ``actual`` breaks what is proved of one element of an output; prints how.

    ``claim``: (name of the output, element, value, bound). No honest evaluation, in whatever order, fusion or precision
    of intermediate results, is further from ``value`` than ``bound``; with a bound of 0 it gives eager's very bits.
    """
    name, where, value, bound = claim
    where = tuple(where)
    if expected is None or actual is None or expected.shape != actual.shape or expected.dtype != actual.dtype:
        return False  # which has been said
    eager, compiled = expected[where].item(), actual[where].item()
    if bound == 0:
        fine = compiled == eager or (compiled != compiled and eager != eager)
        said = "the arithmetic up to here is exact in any order: the bits must agree"
    else:
        fine = abs(compiled - value) <= bound
        said = f"float64  {value!r}: no honest evaluation is off by more than {bound:.3g}"
    if not fine:
        print(f"{name}{list(where)}: proved wrong")
        print(f"    eager    {eager!r}")
        print(f"    compiled {compiled!r}")
        print(f"    {said}")
    return not fine


def layout_differs(expected, actual, expected_names, actual_names):
    """Whether returned tensors share storage otherwise, or have other strides, than in eager; prints why."""
    found = False
    for index, (left, right) in enumerate(zip(expected, actual)):
        if expected_names[index] != actual_names[index]:
            print(f"out{index}: shares storage with {expected_names[index]} in eager, {actual_names[index]} compiled")
            found = True
        if left.numel() and left.stride() != right.stride():
            print(f"out{index}: strides {list(left.stride())} in eager, {list(right.stride())} compiled")
            found = True
    return found


def in_child(limit):
    """Run this script in a child process, so that a crash or hang can be reported; the exit status."""
    try:
        code = subprocess.run([sys.executable, os.path.abspath(sys.argv[0]), "--child"], timeout=limit).returncode
    except subprocess.TimeoutExpired:
        print(f"FAILS: no result after {limit} seconds")
        return 1
    if code < 0:
        print(f"FAILS: the process died of {signal.Signals(-code).name}")
        return 1
    return code


def explain_error(target, error):
    """Print an exception of the target and what it means; the exit status."""
    traceback.print_exception(error)
    print(f"FAILS: eager runs this program, {target} raises {type(error).__name__}")
    return 1
