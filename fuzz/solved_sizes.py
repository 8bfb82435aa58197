"""A service of reference workers: a case at other sizes, solved for by z3 from the rules of its calls."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import torch

from misfold.generators.rules import RuleBase
from misfold.generators.solving.resolving import resized
from misfold.generators.undefined import first_undefined
from misfold.oracles.reference import evaluate
from misfold.oracles.state import resizing
from misfold.programs.bounds import check
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import MisfoldError
from misfold.targets.eager import Eager
from misfold.targets.running import run_case

SERVICE = "misfold.fuzz.solved_sizes:serve"
# How many solutions are looked at for one that eager takes.
_LOOKED_AT = 3


@cache
def _rules() -> RuleBase:
    return RuleBase.load()


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """As ``oracles.state.resizing.serve``: up to ``most`` cases like ``case`` (a text) at other sizes that eager takes,
    chosen by ``seed``, each with what is expected of it.

    Half of them at least, where z3 finds so many, have several sizes changed together; arguments stay as they are, so
    that one executable serves for all. The others have one size replaced everywhere.
    """
    case = parse_case(request["case"])
    random = Random(f"{request.get('seed', 0)}/solved")
    most = request.get("most", 4)
    found: list[dict[str, Any]] = []
    texts = {request["case"]}
    for _ in range(_LOOKED_AT * most):
        if len(found) >= (most + 1) // 2:
            break
        try:
            solved = resized(case, random, _rules(), numbers=False)
            if solved is None:
                break
            made = solved.case(case)
            check(made)
        except MisfoldError:
            break  # types that are not stated, or sizes beyond the bounds
        if made.text in texts:
            continue
        texts.add(made.text)
        if not _defined(made):
            continue
        eager = run_case(Eager(), made)
        if eager.kind != "values":
            continue
        expected = evaluate(made, eager)
        if expected.valid and not expected.undefined:
            how = ", ".join(f"{old} -> {new}" for old, new in solved.sizes.items())
            found.append({"text": made.text, "how": how, "eager": eager.to_data(), "reference": expected.to_data()})
    rest = resizing.serve({**request, "most": most - len(found)})["cases"] if len(found) < most else []
    return {"cases": found + [item for item in rest if item["text"] not in texts]}


def _defined(case: Case) -> bool:
    """Whether eager takes a case, and no call of it would write where it must not."""
    try:
        with torch.no_grad():
            return first_undefined(case) is None
    except Exception:  # whatever eager raises
        return False
