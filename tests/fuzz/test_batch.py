"""Merged cases: taken apart exactly, and by halves where one spoils the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from misfold.fuzz.batch import run_merged
from misfold.programs.case import Case, parse_case
from misfold.targets.eager import Eager
from misfold.targets.outcome import Failure, Outcome
from misfold.targets.running import run_case


def make(body: str, gradient: bool = False) -> Case:
    grad = ', "requires_grad": True' if gradient else ""
    return parse_case(
        "# misfold case, version 1\n"
        f'def program(x0: "float32[2, 3]", x1: "float32[3]"):\n{body}\n'
        f'INPUTS = {{"x0": {{"draw": "normal", "seed": 1{grad}}}, "x1": {{"draw": "normal", "seed": 2}}}}\n'
    )


CASES = [
    make("    v0 = torch.add(x0, x1)\n    return (v0,)", True),
    make("    v0 = x0.view(3, 2)\n    v1 = torch.sum(x0)\n    v2 = v0.t()\n    return v0, v1, v2", True),
    make("    v1 = x1.add_(1.0)\n    v0 = torch.mul(x0, x1)\n    return v1, v0", True),
]


def test_the_outcome_of_a_merged_run_is_that_of_each_case_alone() -> None:
    alone = [run_case(Eager(), case) for case in CASES]
    merged = run_merged(CASES, lambda case, _: run_case(Eager(), case), gradients=True)
    assert not merged.odd
    for (part, shared), whole in zip(merged.outcomes, alone, strict=True):
        assert shared
        assert (part.values, part.gradients, part.mutated) == (whole.values, whole.gradients, whole.mutated)
    assert [value.alias for value in merged.outcomes[1][0].values] == ["x0", None, "x0"]


def test_a_case_that_spoils_the_whole_is_isolated() -> None:
    runs: list[int] = []

    def run(case: Case, members: Sequence[Case]) -> Outcome:
        runs.append(len(members))
        if any(op.endswith("mul") for op in case.graph.operators):
            return Outcome("crash", failure=Failure("SIGSEGV", ""))
        return run_case(Eager(), case)

    merged = run_merged([*CASES[:2], CASES[0], CASES[2]], run, gradients=True)
    assert [outcome.kind for outcome, _ in merged.outcomes] == ["values", "values", "values", "crash"]
    assert runs == [4, 2, 2, 1, 1]
    assert not merged.odd


def test_what_fails_only_in_company_is_kept_as_the_merged_case() -> None:
    def run(case: Case, members: Sequence[Case]) -> Outcome:
        if len(members) > 2:
            return Outcome("compile-error", failure=Failure("E", "too long"))
        return replace(run_case(Eager(), case))

    merged = run_merged([CASES[0]] * 4, run, gradients=True)
    assert all(outcome.kind == "values" for outcome, _ in merged.outcomes)
    assert [(len(case.graph.nodes), outcome.kind) for case, outcome in merged.odd] == [(4, "compile-error")]
