"""The verdict on one outcome. Numpy only: it runs in the campaign's own process, for every case and target."""

from __future__ import annotations

import re

from misfold.programs.case import Case
from misfold.targets.outcome import FAILURES, Failure, Outcome, TensorValue

from .reference import Expected, Reference
from .structure import compare_structure
from .values import Comparison, Difference, compare
from .verdict import Verdict

ORACLES = {"crash": "crash", "hang": "hang", "stamped": "memory", "compile-error": "compile", "run-error": "run"}
# A cap on memory that was hit says nothing about the target.
MEMORY = re.compile(
    r"bad_alloc|MemoryError|OutOfMemory|out of memory|can't allocate memory|cannot allocate memory|"
    r"DefaultCPUAllocator|failed to allocate|memory limit",
    re.IGNORECASE,
)


def judge(case: Case, eager: Outcome, reference: Reference | None, outcome: Outcome, *, aliases: bool) -> Verdict:
    """Judge what a target did with a case.

    Args:
        case: the case.
        eager: what eager did with it; nothing is claimed unless it gave values.
        reference: what ``reference.evaluate`` says of it, or None where there is none.
        outcome: what the target did.
        aliases: whether the target promises to follow eager in views of inputs, writes to inputs, and strides.
    """
    if eager.kind != "values":
        return Verdict("undecided", "eager", "eager gives no values")
    if outcome.kind in FAILURES:
        return _failed(reference, outcome)
    if outcome.kind == "rejected":
        operator = outcome.failure.operator if outcome.failure else None
        return Verdict("ok", "rejected", f"not supported: {operator}" if operator else "not supported")
    if eager.facts.get("stable") is False:
        return Verdict("undecided", "nondeterminism", "eager differs from run to run")
    found = compare_structure(case, reference, eager, outcome, aliases)
    if found is not None:
        difference, name = found
        return Verdict(difference.kind, difference.oracle, difference.explanation, name)
    if outcome.facts.get("stable") is False:
        return Verdict("suspect", "nondeterminism", "the target differs from run to run on the same inputs")
    if reference is None or not reference.valid:
        return Verdict("undecided", "values", "there is no reference" if reference is None else reference.reason or "")
    return _valued(eager, reference, outcome, aliases)


def _failed(reference: Reference | None, outcome: Outcome) -> Verdict:
    failure = outcome.failure or Failure(outcome.kind, "")
    oracle = ORACLES[outcome.kind]
    text = f"{failure.type}: {failure.message}".strip()
    lines = [line[:300] for line in text.splitlines() if line.strip()][:3]
    if outcome.kind != "stamped" and (MEMORY.search(failure.type) or MEMORY.search(failure.message)):
        return Verdict("undecided", oracle, "\n".join(["the memory limit was reached", *lines[:2]]))
    if reference is not None and reference.undefined and outcome.kind == "run-error":
        return Verdict("undecided", oracle, f"the program's meaning is undefined: {reference.undefined}")
    return Verdict("proved", oracle, "\n".join(lines))


def _valued(eager: Outcome, reference: Reference, outcome: Outcome, aliases: bool) -> Verdict:
    notes: list[str] = []
    worst: dict[str, Verdict] = {}
    contested: tuple[str, str] | None = None
    compared = False

    def settle(name: str, oracle: str, comparison: Comparison) -> None:
        nonlocal compared, contested
        compared |= comparison.compared
        if comparison.contested is not None and contested is None:
            contested = name, comparison.contested
        if comparison.note:
            notes.append(comparison.note)
        difference = comparison.difference
        if difference is None:
            return
        named = oracle if difference.oracle == "values" else difference.oracle
        verdict = Verdict(
            difference.kind,
            named,
            difference.explanation,
            name,
            difference.supports,
            difference.score,
            difference.claim,
        )
        if verdict.kind not in worst or verdict.score > worst[verdict.kind].score:
            worst[verdict.kind] = verdict

    for index, (own, its) in enumerate(zip(eager.values, outcome.values)):
        if index < len(reference.values):
            comparison = compare(f"out{index}", reference.values[index], own, its)
            settle(f"out{index}", "values", comparison)
    if len(eager.gradients) == len(outcome.gradients) == len(reference.gradients):
        for index, expected in enumerate(reference.gradients):
            comparison = _gradient(f"grad{index}", expected, eager.gradients[index], outcome.gradients[index])
            settle(f"grad{index}", "gradients", comparison)
    if aliases:
        for index in range(min(len(eager.mutated), len(outcome.mutated))):
            known = reference.mutated[index] if index < len(reference.mutated) else None
            comparison = _mutation(f"x{index}", known, eager.mutated[index], outcome.mutated[index])
            settle(f"x{index}", "mutation", comparison)
    if "proved" in worst:
        return worst["proved"]
    if contested is not None:
        # What follows from an element that eager has wrong is wrong too, and says nothing about the target.
        name, text = contested
        return Verdict("undecided", "eager", f"{name}{text}\nnothing is held against the target", name)
    if "suspect" in worst:
        return worst["suspect"]
    if not compared and (eager.values or eager.gradients):
        return Verdict("undecided", "values", "\n".join(notes[:3]))
    return Verdict("ok", "values", "\n".join(notes[:3]))


def _gradient(name: str, expected: Expected | None, eager: TensorValue | None, its: TensorValue | None) -> Comparison:
    # Eager's None is a zero gradient that a compiler may return as zeros; what else differs is not comparable.
    if expected is None or eager is None or its is None:
        return Comparison(False, note="" if eager is None else f"{name}: not on both sides")
    if (eager.dtype, eager.shape) != (its.dtype, its.shape):
        return Comparison(False, note=f"{name}: types differ")
    return compare(name, expected, eager, its)


def _mutation(name: str, expected: Expected | None, eager: TensorValue | None, its: TensorValue | None) -> Comparison:
    if eager is None and its is None:
        return Comparison(False)
    if eager is None:
        return Comparison(
            True, Difference("proved", "mutation", f"{name}: the target changes an input, eager does not")
        )
    if its is None:
        kind = "proved" if expected is not None and expected.exact else "suspect"
        return Comparison(True, Difference(kind, "mutation", f"{name}: eager changes this input, the target does not"))
    if expected is None or (eager.dtype, eager.shape) != (its.dtype, its.shape):
        return Comparison(False, note=f"{name}: not comparable")
    return compare(name, expected, eager, its)
