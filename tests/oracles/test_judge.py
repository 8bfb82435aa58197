"""Verdicts, one rule after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from misfold.oracles.judge import judge
from misfold.oracles.reference import Reference, evaluate
from misfold.oracles.verdict import Claim, Verdict
from misfold.programs.case import Case
from misfold.targets.eager import Eager
from misfold.targets.outcome import Failure, Outcome, TensorValue
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from .programs import HARD, integers, make_case, values

EXACT = HARD["small integers in float"]
ROUNDED = HARD["softmax"]


def run(case: Case) -> tuple[Outcome, Reference]:
    eager = run_case(Eager(), case)
    return eager, evaluate(case, eager)


def altered(outcome: Outcome, index: int, change) -> Outcome:  # type: ignore[no-untyped-def]
    """The outcome with one output's elements changed by a function of a flat array."""
    value = outcome.values[index]
    flat = value.array().copy().reshape(-1)
    change(flat)
    items = list(outcome.values)
    items[index] = replace(value, data=flat.tobytes())
    return replace(outcome, values=tuple(items))


def verdict_on(case: Case, change, index: int = 0) -> Verdict:  # type: ignore[no-untyped-def]
    eager, reference = run(case)
    verdict = judge(case, eager, reference, altered(eager, index, change), aliases=False)
    assert len(verdict.explanation.splitlines()) <= 3
    return verdict


def add(amount: float, at: int = 0):  # type: ignore[no-untyped-def]
    def change(flat: np.ndarray) -> None:
        flat[at] += amount

    return change


@pytest.mark.parametrize("name", HARD)
def test_eager_agrees_with_itself(name: str) -> None:
    eager, reference = run(HARD[name])
    assert not judge(HARD[name], eager, reference, eager, aliases=True).bad


def test_one_bit_in_exact_arithmetic_is_proved() -> None:
    verdict = verdict_on(EXACT, add(1.0))
    assert (verdict.kind, verdict.oracle, verdict.output, verdict.supports) == ("proved", "values", "out0", "eager")
    assert "exact" in verdict.explanation


def test_zeros_of_either_sign_are_equal() -> None:
    case = make_case("v0 = torch.relu(x0); return (v0,)", {"x0": "float32[3]"}, {"x0": values(0, 1, 2)})

    def negate(flat: np.ndarray) -> None:
        flat[0] = -0.0

    assert verdict_on(case, negate).kind == "ok"


def test_an_ulp_of_a_rounded_value_is_no_fault() -> None:
    def nudge(flat: np.ndarray) -> None:
        flat[:] = np.nextafter(flat, np.float32(2.0))

    assert verdict_on(ROUNDED, nudge).kind == "ok"


#: No rule bounds the errors of an inverse; the noise of honest evaluations is all there is to go by.
UNBOUNDED = make_case("v0 = torch.linalg.inv(x0); return (v0,)", {"x0": "float32[5, 5]"})


@pytest.mark.parametrize(("case", "kind"), [(ROUNDED, "proved"), (UNBOUNDED, "suspect")], ids=["bounded", "not"])
def test_a_wrong_value_is_proved_by_a_bound_and_else_suspect(case: Case, kind: str) -> None:
    verdict = verdict_on(case, add(0.1, 5))
    assert (verdict.kind, verdict.oracle, verdict.output, verdict.supports) == (kind, "values", "out0", "eager")
    assert len(verdict.explanation.splitlines()) == 3
    assert "float64 supports eager" in verdict.explanation
    assert verdict.score > 10


def test_a_proof_says_what_it_rests_on() -> None:
    eager, _ = run(ROUNDED)
    claim = verdict_on(ROUNDED, add(0.1, 5)).claim
    assert claim is not None and Claim.from_data(claim.to_data()) == claim
    honest = eager.values[0].array()[claim.at]
    assert claim.at == np.unravel_index(5, eager.values[0].shape)
    assert abs(honest - claim.value) <= claim.bound < abs(honest + 0.1 - claim.value)
    bits = verdict_on(EXACT, add(1.0)).claim
    assert bits is not None and bits.bound == 0 and bits.value == run(EXACT)[0].values[0].array()[bits.at]
    assert verdict_on(UNBOUNDED, add(0.1, 5)).claim is None


def test_the_worst_output_is_reported() -> None:
    case = make_case("v0 = torch.exp(x0); v1 = torch.sin(x0); return v0, v1", {"x0": "float32[9]"})
    eager, reference = run(case)
    both = altered(altered(eager, 0, add(1e-3)), 1, add(1.0))
    assert judge(case, eager, reference, both, aliases=False).output == "out1"


def test_where_eager_is_far_off_nothing_is_claimed() -> None:
    eager, reference = run(ROUNDED)
    broken = altered(eager, 0, add(0.1))
    verdict = judge(ROUNDED, broken, reference, altered(eager, 0, add(0.2, 1)), aliases=False)
    assert (verdict.kind, verdict.oracle) == ("undecided", "eager")
    assert len(verdict.explanation.splitlines()) <= 3


def test_a_missing_infinity_is_suspect() -> None:
    case = make_case("v0 = torch.log(x0); return (v0,)", {"x0": "float32[3]"}, {"x0": values(0, 1, 2)})
    verdict = verdict_on(case, lambda flat: flat.__setitem__(0, -100.0))
    assert (verdict.kind, verdict.oracle) == ("suspect", "nonfinite")


@pytest.mark.parametrize(("case", "kind"), [(ROUNDED, "proved"), (UNBOUNDED, "suspect")], ids=["bounded", "not"])
def test_nan_in_place_of_a_number_is_wrong(case: Case, kind: str) -> None:
    assert verdict_on(case, add(float("nan"))).kind == kind


def test_a_decided_truth_value_that_differs_is_proved() -> None:
    def flip(flat: np.ndarray) -> None:
        flat[0] = not flat[0]

    assert verdict_on(HARD["matmul into comparison"], flip, 1).kind == "proved"


def test_an_undecided_truth_value_may_differ() -> None:
    case = make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.gt(v0, x1); return (v1,)",
        {"x0": "float32[1]", "x1": "float32[1]"},
        {"x0": values(3.0), "x1": values(0.3)},
    )
    assert verdict_on(case, lambda flat: flat.__setitem__(0, not flat[0])).kind == "undecided"


def test_indices_of_ties_may_differ() -> None:
    assert verdict_on(HARD["argmax under ties"], add(1)).kind == "undecided"


@pytest.mark.parametrize(
    ("kind", "oracle"),
    [("crash", "crash"), ("hang", "hang"), ("stamped", "memory"), ("compile-error", "compile"), ("run-error", "run")],
)
def test_failures_of_a_target_are_proved(kind: str, oracle: str) -> None:
    eager, reference = run(ROUNDED)
    outcome = Outcome(kind, failure=Failure("KeyError", "one\ntwo\nthree\nfour"))
    verdict = judge(ROUNDED, eager, reference, outcome, aliases=False)
    assert (verdict.kind, verdict.oracle) == ("proved", oracle)
    assert len(verdict.explanation.splitlines()) == 3


@pytest.mark.parametrize("message", ["std::bad_alloc", "DefaultCPUAllocator: can't allocate memory", "MemoryError"])
def test_running_out_of_memory_is_nobodys_fault(message: str) -> None:
    eager, reference = run(ROUNDED)
    outcome = Outcome("run-error", failure=Failure("RuntimeError", message))
    assert judge(ROUNDED, eager, reference, outcome, aliases=False).kind == "undecided"


def test_rejection_is_no_fault() -> None:
    eager, reference = run(ROUNDED)
    outcome = Outcome("rejected", failure=Failure("Unsupported", "no", operator="torch.softmax"))
    verdict = judge(ROUNDED, eager, reference, outcome, aliases=False)
    assert (verdict.kind, verdict.oracle) == ("ok", "rejected")
    assert "torch.softmax" in verdict.explanation


def test_nothing_is_claimed_where_eager_fails() -> None:
    failed = Outcome("run-error", failure=Failure("RuntimeError", "no"))
    assert judge(ROUNDED, failed, None, Outcome("crash"), aliases=False).kind == "undecided"


def test_an_error_on_an_undefined_program_is_undecided() -> None:
    case = make_case("v0 = x0.to(torch.int8); return (v0,)", {"x0": "float32[4]"}, {"x0": values(1000.0)})
    eager, reference = run(case)
    outcome = Outcome("run-error", failure=Failure("ValueError", "out of range"))
    assert judge(case, eager, reference, outcome, aliases=False).kind == "undecided"
    assert judge(case, eager, reference, replace(outcome, kind="crash"), aliases=False).kind == "proved"


def changed_value(outcome: Outcome, **fields: object) -> Outcome:
    return replace(outcome, values=(replace(outcome.values[0], **fields), *outcome.values[1:]))  # type: ignore[arg-type]


def test_structure() -> None:
    case = make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[2, 3]"})
    eager, reference = run(case)
    value = eager.values[0]
    wrong = {
        "shape": changed_value(eager, shape=(3, 2), strides=(2, 1)),
        "dtype": changed_value(eager, dtype="float64", data=value.array().astype(np.float64).tobytes()),
        "outputs": replace(eager, values=(value, value)),
    }
    for oracle, outcome in wrong.items():
        verdict = judge(case, eager, reference, outcome, aliases=False)
        assert (verdict.kind, verdict.oracle) == ("proved", oracle)


def test_a_shape_that_depends_on_rounding_is_undecided() -> None:
    case = make_case("v0 = torch.sin(x0); v1 = torch.nonzero(v0); return (v1,)", {"x0": "float32[5]"})
    eager, reference = run(case)
    shorter = changed_value(eager, shape=(4, 1), data=eager.values[0].data[:-8])
    assert judge(case, eager, reference, shorter, aliases=False).kind == "undecided"
    exact = make_case("v0 = torch.nonzero(x0); return (v0,)", {"x0": "float32[5]"})
    eager, reference = run(exact)
    assert judge(exact, eager, reference, shorter, aliases=False).kind == "proved"


def test_a_target_that_promises_views_must_give_them() -> None:
    case = make_case("v0 = x0.transpose(0, 1); v1 = torch.exp(x0); return v0, v1", {"x0": "float32[2, 3]"})
    eager, reference = run(case)
    assert eager.values[0].alias == "x0"
    copied = changed_value(eager, alias=None)
    compact = changed_value(eager, strides=(2, 1))
    kept = replace(eager, values=(eager.values[0], replace(eager.values[1], alias="x0")))
    for outcome, oracle in ((copied, "aliasing"), (compact, "strides"), (kept, "aliasing")):
        verdict = judge(case, eager, reference, outcome, aliases=True)
        assert (verdict.kind, verdict.oracle) == ("proved", oracle)
        assert judge(case, eager, reference, outcome, aliases=False).kind == "ok"


def test_whether_reshape_copies_is_nobodys_promise() -> None:
    case = make_case("v0 = torch.reshape(x0, (6,)); return (v0,)", {"x0": "float32[2, 3]"})
    eager, reference = run(case)
    assert judge(case, eager, reference, changed_value(eager, alias=None), aliases=True).kind == "ok"


def test_strides_of_single_elements_do_not_show() -> None:
    case = make_case("v0 = x0.transpose(0, 1); return (v0,)", {"x0": "float32[1, 3]"})
    eager, reference = run(case)
    assert eager.values[0].strides == (1, 3)
    assert judge(case, eager, reference, changed_value(eager, strides=(1, 1)), aliases=True).kind == "ok"


def test_inputs_must_be_left_as_eager_leaves_them() -> None:
    case = make_case("v0 = x0.add_(1); return (v0,)", {"x0": "float32[3]", "x1": "float32[3]"}, {"x0": integers(1, 3)})
    eager, reference = run(case)
    written = eager.mutated[0]
    assert isinstance(written, TensorValue)
    off = replace(written, data=(written.array() + 1).tobytes())
    for mutated, kind in (((None, None), "proved"), ((written, written), "proved"), ((off, None), "proved")):
        verdict = judge(case, eager, reference, replace(eager, mutated=mutated), aliases=True)
        assert (verdict.kind, verdict.oracle) == (kind, "mutation")


def test_gradients_are_judged() -> None:
    case = HARD["gradient of a norm"]
    eager, reference = run(case)
    gradient = eager.gradients[0]
    assert gradient is not None
    wrong = gradient.array().copy()
    wrong[0, 0] += 1e-3
    verdict = judge(
        case, eager, reference, replace(eager, gradients=(replace(gradient, data=wrong.tobytes()),)), aliases=False
    )
    assert (verdict.kind, verdict.oracle, verdict.output) == ("suspect", "gradients", "grad0")
    assert judge(case, eager, reference, replace(eager, gradients=()), aliases=False).kind == "ok"


@pytest.mark.parametrize(("factor", "kind"), [(1.0, "ok"), (1 + 1e-7, "suspect")])
def test_a_derivative_that_is_nearer_to_the_truth_than_torch_s_is_honest(factor: float, kind: str) -> None:
    recipe = {"draw": "uniform", "seed": 3, "low": 0.6, "high": 4.0, "requires_grad": True}
    case = make_case("v0 = torch.digamma(x0); return (v0,)", {"x0": "float64[8]"}, {"x0": recipe})
    eager, reference = run(case)
    gradient = eager.gradients[0]
    assert gradient is not None
    (x,) = make_inputs(case)
    trigamma = torch.polygamma(1, x.detach())
    exact = torch.special.zeta(torch.tensor(2.0, dtype=torch.float64), x.detach())
    better = gradient.array() * (exact / trigamma).numpy() * factor
    assert not np.array_equal(better, gradient.array())
    found = replace(eager, gradients=(replace(gradient, data=better.tobytes()),))
    assert judge(case, eager, reference, found, aliases=False).kind == kind


def test_nondeterminism_is_told_apart() -> None:
    eager, reference = run(ROUNDED)
    shaky = replace(eager, facts={"stable": False})
    verdict = judge(ROUNDED, eager, reference, shaky, aliases=False)
    assert (verdict.kind, verdict.oracle) == ("suspect", "nondeterminism")
    assert judge(ROUNDED, shaky, reference, eager, aliases=False).kind == "undecided"


def test_without_a_reference_only_structure_is_judged() -> None:
    eager, _ = run(ROUNDED)
    assert judge(ROUNDED, eager, None, altered(eager, 0, add(1.0)), aliases=False).kind == "undecided"
    assert judge(ROUNDED, eager, None, replace(eager, values=()), aliases=False).kind == "proved"


def test_ties_in_one_row_leave_the_others_decided() -> None:
    case = make_case(
        "v0 = torch.argmax(x0, 1); return (v0,)", {"x0": "float32[2, 2]"}, {"x0": values(1.0, 1.0, 1.0, 2.0)}
    )

    def other(at: int):  # type: ignore[no-untyped-def]
        def change(flat: np.ndarray) -> None:
            flat[at] = 1 - flat[at]

        return change

    assert verdict_on(case, other(0)).kind == "ok"
    assert verdict_on(case, other(1)).kind == "proved"


def test_counts_by_bins_are_judged() -> None:
    case = make_case("v0 = torch.histc(x0, 5, 0, 5); v1 = torch.neg(v0); return v0, v1", {"x0": "float32[40]"})
    assert verdict_on(case, add(1.0)).kind == "proved"
    assert verdict_on(case, add(1.0), 1).kind == "proved"
    eager, reference = run(case)
    assert judge(case, eager, reference, eager, aliases=False).kind == "ok"


def test_a_variance_of_equal_numbers_may_be_taken_in_one_pass() -> None:
    case = make_case("v0 = torch.var(x0); return (v0,)", {"x0": "float32[37]"}, {"x0": values(0.1)})
    eager, reference = run(case)
    x = np.full(37, 0.1, np.float32)
    squares, mean = np.float32(0), np.float32(0)
    for item in x:
        squares, mean = np.float32(squares + item * item), np.float32(mean + item)
    once = np.float32(abs(squares - mean * mean / np.float32(37)) / np.float32(36))
    assert once > 0
    honest = replace(eager, values=(replace(eager.values[0], data=once.tobytes()),))
    assert not judge(case, eager, reference, honest, aliases=False).bad
    far = replace(eager, values=(replace(eager.values[0], data=np.float32(1e-3).tobytes()),))
    assert judge(case, eager, reference, far, aliases=False).kind == "proved"


def test_statistics_of_another_length_have_no_meaning() -> None:
    body = "v0, v1, v2 = torch.native_batch_norm(x0, x1, x1, x2, x2, False, 0.1, 0.01); return (v0,)"
    kinds = {"x0": "float32[4, 3]", "x1": "float32[3]", "x2": "float32[2]"}
    _, reference = run(make_case(body, kinds, {"x2": {"draw": "uniform", "low": 1.0, "high": 2.0, "seed": 1}}))
    assert reference.undefined is not None and "channels" in reference.undefined
