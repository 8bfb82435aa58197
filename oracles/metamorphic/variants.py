"""A service of reference workers: variants of a case whose side conditions hold, with what is expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from misfold.programs.bounds import check
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import MisfoldError
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from ..kinds import is_random
from ..reference import Reference, evaluate
from .comparing import Ran, compare_outcomes
from .functional import functional_form
from .program import Program, run
from .relation import Variant, variant
from .table import RELATIONS

#: The service's name.
SERVICE = "misfold.oracles.metamorphic.variants:serve"


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Variants of the case ``case`` (a text), up to ``each`` for each of ``relations`` (names; None: all).

    ``seed`` decides where relations are applied, ``most`` how many variants there may be in all. The answer has
    ``unfit`` (why the case has no variants at all, or None) and ``variants``, each with ``relation``, ``where`` and
    either ``refused`` (which side condition does not hold) or ``text``, ``outputs``, ``gradients``, ``eager`` and
    ``reference``.
    """
    case = parse_case(request["case"])
    eager = run_case(Eager(), case)
    reference = evaluate(case, eager) if eager.kind == "values" else None
    reason = unfit(case, eager, reference)
    base = functional_form(case)
    if base is None:
        reason = reason or "the program writes memory that other values show"
    if reason is not None or reference is None or base is None:
        return {"unfit": reason or "there is no reference", "variants": []}
    names = request.get("relations") or sorted(RELATIONS)
    random = Random(request.get("seed", 0))
    program = Program(base, run(base, make_inputs(base)), random, base is not case)
    plans = []
    found: list[dict[str, Any]] = []
    for name in names:
        if (why := RELATIONS[name].missing()) is not None:
            found.append({"relation": name, "where": "the whole program", "refused": why})
            continue
        sites = list(RELATIONS[name].sites(program))
        random.shuffle(sites)
        plans += [(name, site) for site in sites[: request.get("each", 1)]]
    most = request.get("most")
    if most is not None:
        random.shuffle(plans)
    for name, site in plans:
        if most is not None and sum("text" in item for item in found) >= most:
            break
        made = variant(RELATIONS[name], program, site)
        if made is not None:
            found.append({"relation": name, "where": made.where, **_checked(eager, reference, made, name)})
    return {"unfit": None, "variants": found}


def unfit(case: Case, eager: Outcome, reference: Reference | None) -> str | None:
    """Why no relation holds for a case, or None."""
    if eager.kind != "values":
        return "eager gives no values"
    if any(is_random(node) for node in case.graph.nodes):
        return "the program draws random numbers"
    if reference is None or not reference.valid:
        return "there is no reference"
    if reference.undefined:
        return f"the program's meaning is undefined: {reference.undefined}"
    return None


def _checked(eager: Outcome, reference: Reference, made: Variant, name: str) -> dict[str, Any]:
    """What is expected of a variant, or which side condition it does not meet: eager itself has to satisfy it."""
    try:
        check(made.case)
    except MisfoldError as error:
        return {"refused": str(error)}
    own = run_case(Eager(), made.case)
    if own.kind != "values":
        return {"refused": f"eager does not run the variant: {own.failure and own.failure.message[:200]}"}
    if wrong := _types(eager, own, made.outputs):
        return {"refused": wrong}
    expected = evaluate(made.case, own)
    if not expected.valid or expected.undefined:
        return {"refused": expected.reason or f"the variant's meaning is undefined: {expected.undefined}"}
    verdict = compare_outcomes(
        Ran(reference, eager, eager), Ran(expected, own, own), made.outputs, made.gradients, name, strict=True
    )
    if verdict.bad:
        return {"refused": f"eager itself does not satisfy it: {verdict.explanation.splitlines()[0]}"}
    return {
        "text": made.case.text, "outputs": list(made.outputs), "gradients": made.gradients,
        "eager": own.to_data(), "reference": expected.to_data(),
    }  # fmt: skip


def _types(eager: Outcome, own: Outcome, outputs: Sequence[int | None]) -> str | None:
    for place, index in enumerate(outputs):
        if index is None:
            continue
        left, right = eager.values[index], own.values[place]
        if (left.dtype, left.shape) != (right.dtype, right.shape):
            return f"out{index} is of another type: {left.type} and {right.type}"
    return None
