"""Services of the workers that make programs that only TVM can hold: seeds, their mutants, and what they compute.

They run in a fork server of their own, whose TVM no coverage watches: what making a program reaches is not what
compiling it reaches.
"""

from __future__ import annotations

import random
from typing import Any

from misfold.oracles.tvmscript import expected_of
from misfold.programs.errors import MisfoldError
from misfold.programs.kernel_tvmscript import TVMScriptCase, parse_tvmscript_case

from .expected import to_data

#: The server's name, its service that makes programs, and what it preloads.
SERVER = "tvm-seeds"
MAKE = "misfold.fuzz.kernels.seeds:make"
SERVE = "misfold.fuzz.kernels.seeds:serve"
SCHEDULE = "misfold.fuzz.kernels.seeds:schedule"
PRELOAD = "misfold.fuzz.kernels.seeds:warm_up"


def warm_up() -> None:
    """Import TVM without torch, and make one seed."""
    from misfold.targets.kernels.tvm import TVM

    TVM().warm_up()
    make({"plans": [{"what": "generate", "seed": 0}]})


def make(request: dict[str, Any]) -> dict[str, Any]:
    """As ``produce.make``, for seeds and their mutants."""
    return {"items": [_carry_out(plan) for plan in request["plans"]]}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """What the interpreter makes of the case ``case``; ``unreadable`` says why it makes nothing of it."""
    from misfold.targets.kernels.tirx_reader import Unreadable

    try:
        return {"expected": to_data(expected_of(parse_tvmscript_case(request["case"])))}
    except Unreadable as error:
        return {"unreadable": str(error)}


def schedule(request: dict[str, Any]) -> dict[str, Any]:
    """Which primitive of ``steps`` changes what the case ``case`` computes: ``changed`` has its position, name and what
    differs, or is None."""
    from misfold.oracles.schedules import changed_by
    from misfold.targets.kernels.tirx_reader import Unreadable

    steps = [(str(name), int(seed)) for name, seed in request["steps"]]
    try:
        found = changed_by(parse_tvmscript_case(request["case"]), steps)
    except (MisfoldError, Unreadable):
        return {"changed": None}
    return {"changed": None if found is None else [found.position, found.name, found.difference]}


def _changed(drawn: Any, seed: int) -> dict[str, Any] | None:
    """The item for a seed whose schedule changed its meaning: what was there before the primitive at fault, and that
    primitive as the pipeline. None if no primitive is at fault, or what was there before has no text."""
    from misfold.generators.tvm_seeds.draw import normal_text
    from misfold.oracles.schedules import changed_by
    from misfold.targets.kernels.tirx_reader import Unreadable
    from misfold.targets.kernels.tvm import parse_script
    from misfold.targets.kernels.tvm_schedules import apply

    case = TVMScriptCase(drawn.before, seed, {}, {"origin": drawn.origin})
    try:
        found = changed_by(case, drawn.steps)
        if found is None:
            return None
        function = parse_script(drawn.before)
        for name, choice in drawn.steps[: found.position]:
            function = apply(function, name, choice)
        text = normal_text(function)
        if text is None:
            return None
        case = TVMScriptCase(text, seed, {}, {"origin": drawn.origin, "primitive": found.name})
        expected = expected_of(case)
    except (MisfoldError, Unreadable, ValueError):
        return None
    if expected.invalid is not None:
        return None
    pipeline = {"name": "schedule", "options": {"schedule": [list(drawn.steps[found.position])]}}
    return {"text": case.text, "mutator": "seed", "preserves": False, "expected": to_data(expected),
            "pipeline": pipeline}  # fmt: skip


def _carry_out(plan: dict[str, Any]) -> dict[str, Any]:
    from misfold.generators.tvm_seeds import draw
    from misfold.mutators.tvm.mutate import mutate_script
    from misfold.targets.kernels.tirx_reader import Unreadable

    source = random.Random(plan["seed"])
    seed = source.getrandbits(31)
    parent = parse_tvmscript_case(plan["text"]) if "text" in plan else None
    mutator, about = plan["what"], {}
    try:
        if parent is None:
            drawn = draw(source)
            # What a schedule did wrong is a finding; as a seed, the function is what it is now.
            if drawn.before and (item := _changed(drawn, seed)) is not None:
                return item
            script, mutator, about = drawn.text, "seed", {"origin": drawn.origin}
        elif plan["what"] == "pipeline":
            script, seed = parent.script, parent.seed
        else:
            made = mutate_script(parent.script, source, [plan["mutator"]] if plan["mutator"] else None)
            if made is None:
                return {"note": f"{plan['mutator']} finds nothing to do"}
            script, mutator = made
        case = TVMScriptCase(script, seed, {}, about)
        expected = expected_of(case)
    except (MisfoldError, Unreadable, ValueError) as error:
        return {"note": f"{mutator}: {error}"[:500]}
    if expected.invalid is not None:
        return {"note": f"{mutator}: undefined: {expected.invalid}"[:500]}
    return {
        "text": case.text,
        "mutator": mutator,
        "preserves": mutator == "tvm-schedule",
        "expected": to_data(expected),
    }
