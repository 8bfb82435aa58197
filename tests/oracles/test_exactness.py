"""What counts as exact, and what must not."""

from __future__ import annotations

import pytest

from misfold.oracles.reference import Expected, evaluate
from misfold.programs.case import Case

from .programs import integers, make_case, values


def first(case: Case) -> Expected:
    reference = evaluate(case)
    assert reference.valid, reference.reason
    return reference.values[0]


SMALL = integers(-3, 3)
MATRICES = {"x0": "float32[8, 16]", "x1": "float32[16, 9]"}

EXACT = {
    "product of small integers": make_case(
        "v0 = torch.matmul(x0, x1); return (v0,)", MATRICES, {"x0": SMALL, "x1": integers(-3, 3, 2)}
    ),
    "sum within the half type": make_case(
        "v0 = torch.sum(x0); return (v0,)", {"x0": "float16[500]"}, {"x0": integers(0, 4)}
    ),
    "convolution with bias": make_case(
        "v0 = torch.nn.functional.conv1d(x0, x1, x2); return (v0,)",
        {"x0": "float32[2, 3, 9]", "x1": "float32[4, 3, 3]", "x2": "float32[4]"},
        {"x0": SMALL, "x1": integers(-3, 3, 2), "x2": integers(-3, 3, 3)},
    ),
    "moves of any floats": make_case(
        "v0 = x0.transpose(0, 1); v1 = torch.cat([v0, v0], 1); v2 = torch.flip(v1, [0]); return (v2,)",
        {"x0": "float32[4, 6]"},
    ),
    "selection of any floats": make_case(
        "v0 = torch.relu(x0); v1 = torch.maximum(v0, x1); v2 = torch.amax(v1, 0); return (v2,)",
        {"x0": "float32[4, 6]", "x1": "float32[4, 6]"},
    ),
    "comparison of given floats": make_case(
        "v0 = torch.lt(x0, x1); return (v0,)", {"x0": "float32[40]", "x1": "float32[40]"}
    ),
    "mean over a power of two": make_case(
        "v0 = torch.mean(x0, 1); return (v0,)", {"x0": "float32[5, 8]"}, {"x0": integers(-9, 9)}
    ),
    "halves": make_case(
        "v0 = torch.mul(x0, 0.5); v1 = torch.add(v0, x0); return (v1,)", {"x0": "float32[9]"}, {"x0": SMALL}
    ),
    "division by a power of two": make_case("v0 = torch.div(x0, 4); return (v0,)", {"x0": "float32[9]"}, {"x0": SMALL}),
    "integers that wrap in a narrow type": make_case(
        "v0 = torch.mul(x0, x1); return (v0,)",
        {"x0": "int8[50]", "x1": "int8[50]"},
        {"x0": integers(-128, 127), "x1": integers(-128, 127, 2)},
    ),
    "large integers": make_case(
        "v0 = torch.add(x0, 1); return (v0,)", {"x0": "int64[5]"}, {"x0": integers(2**53, 2**53 + 100)}
    ),
    "argmax without ties": make_case("v0 = torch.argmax(x0, 1); return (v0,)", {"x0": "float32[4, 30]"}),
    "stable sort of ties": make_case(
        "v0, v1 = torch.sort(x0, stable=True); return v1, v0", {"x0": "float32[30]"}, {"x0": SMALL}
    ),
    "conversion down of what fits": make_case(
        "v0 = x0.to(torch.bfloat16); return (v0,)", {"x0": "float32[30]"}, {"x0": integers(-100, 100)}
    ),
}

INEXACT = {
    "sum beyond the half type": make_case(
        "v0 = torch.sum(x0); return (v0,)", {"x0": "float16[500]"}, {"x0": integers(0, 40)}
    ),
    "partial sums beyond, result within": make_case(
        "v0 = torch.sum(x0); return (v0,)", {"x0": "bfloat16[400]"}, {"x0": values(1, -1)}
    ),
    "square beyond float32": make_case(
        "v0 = torch.mul(x0, x0); return (v0,)", {"x0": "float32[9]"}, {"x0": integers(5000, 6000)}
    ),
    "three factors": make_case(
        'v0 = torch.einsum("ij,jk,kl->il", x0, x1, x2); return (v0,)',
        {"x0": "float32[2, 3]", "x1": "float32[3, 3]", "x2": "float32[3, 2]"},
        {"x0": SMALL, "x1": SMALL, "x2": SMALL},
    ),
    "sum of any floats": make_case("v0 = torch.sum(x0); return (v0,)", {"x0": "float32[50]"}),
    "a constant that the type cannot hold": make_case(
        "v0 = torch.clamp(x0, 0.1, 0.7); return (v0,)", {"x0": "float32[50]"}
    ),
    "division by three": make_case("v0 = torch.div(x0, 3); return (v0,)", {"x0": "float32[9]"}, {"x0": SMALL}),
    "a function": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[9]"}, {"x0": SMALL}),
    "conversion down": make_case("v0 = x0.to(torch.float16); return (v0,)", {"x0": "float32[9]"}),
    "comparison after rounding": make_case(
        "v0 = torch.exp(x0); v1 = torch.lt(v0, x0); return (v1,)", {"x0": "float32[9]"}
    ),
    "a write of inexact values into exact memory": make_case(
        "v0 = x0[0]; v1 = torch.exp(x1); v2 = v0.copy_(v1); v3 = x0.neg(); return (v3,)",
        {"x0": "float32[3, 4]", "x1": "float32[4]"},
    ),
}

UNDECIDED = {
    "argmax under ties": (
        make_case("v0 = torch.argmax(x0); return (v0,)", {"x0": "float32[30]"}, {"x0": SMALL}),
        "equal elements",
    ),
    "unstable sort of ties": (
        make_case("v0, v1 = torch.sort(x0); return v1, v0", {"x0": "int32[30]"}, {"x0": integers(0, 2)}),
        "equal elements",
    ),
    "overflow of int32": (
        make_case("v0 = torch.mul(x0, x0); return (v0,)", {"x0": "int32[4]"}, {"x0": integers(2**30, 2**31 - 1)}),
        "overflow",
    ),
    "a float beyond the integer type": (
        make_case("v0 = x0.to(torch.int8); return (v0,)", {"x0": "float32[4]"}, {"x0": values(1000.0)}),
        "out of an integer type's range",
    ),
    "a shift too far": (
        make_case(
            "v0 = torch.bitwise_left_shift(x0, x1); return (v0,)",
            {"x0": "int32[4]", "x1": "int32[4]"},
            {"x1": integers(40, 50)},
        ),
        "shift",
    ),
    "the opposite of the smallest integer": (
        make_case("v0 = torch.abs(x0); return (v0,)", {"x0": "int32[2]"}, {"x0": values(-(2**31), 5)}),
        "opposite",
    ),
    "two elements for one place": (
        make_case(
            "v0 = torch.zeros(5); v1 = torch.index_copy(v0, 0, x1, x0); return (v1,)",
            {"x0": "float32[3]", "x1": "int64[3]"},
            {"x1": values(1, 1, 2)},
        ),
        "one place",
    ),
    "random numbers": (
        make_case("v0 = torch.nn.functional.dropout(x0, 0.5, True); return (v0,)", {"x0": "float32[30]"}),
        "random",
    ),
    "reinterpreted bits": (
        make_case(
            "v0 = torch.exp(x0); v1 = torch.Tensor.view(v0, torch.int32); return (v1,)", {"x0": "float32[3]"}
        ),
        "reinterprets bits",
    ),
    "what follows from something undefined": (
        make_case(
            "v0 = x0.to(torch.int8); v1 = torch.add(v0, 1); v2 = torch.gt(v1, 0); return (v2,)",
            {"x0": "float32[4]"},
            {"x0": values(1000.0)},
        ),
        "out of an integer type's range",
    ),
    "a kernel of eager that ignores strides": (
        make_case(
            "v0 = x0.expand(2, 3); v1, v2 = torch.median(v0, 0); return v1, v2",
            {"x0": "float32[1, 3]"},
        ),
        "contiguous memory",
    ),
    "overflow of an intermediate": (
        make_case(
            "v0 = torch.mul(x0, x0); v1 = torch.reciprocal(v0); return (v1,)",
            {"x0": "float16[3]"},
            {"x0": values(300.0)},
        ),
        "overflows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    found = first(EXACT[name])
    assert found.exact
    assert found.reason is None


@pytest.mark.parametrize("name", INEXACT)
def test_not_exact(name: str) -> None:
    found = first(INEXACT[name])
    assert not found.exact
    assert found.reason is None


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided(name: str) -> None:
    case, reason = UNDECIDED[name]
    found = first(case)
    assert not found.exact
    assert found.reason is not None
    assert reason in found.reason


def test_exactness_is_told_per_output() -> None:
    case = make_case("v0 = torch.exp(x0); v1 = torch.add(x1, 1); return v0, v1", {"x0": "float32[3]", "x1": "int32[3]"})
    assert [item.exact for item in evaluate(case).values] == [False, True]
