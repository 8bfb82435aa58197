"""Services of the workers that make kernels: carry out the joint loop's plans, and interpret what comes of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from misfold.compiler.loops.ir import Function
from misfold.generators.kernels import Options, generate
from misfold.generators.kernels.taming import tame
from misfold.mutators.kernels import mutate
from misfold.oracles.kernels import expect
from misfold.programs.errors import MisfoldError
from misfold.programs.kernel import KernelCase, kernel_inputs, parse_kernel_case

from .expected import to_data

#: Small kernels: compiling takes as long as a kernel is, and they overflow less often, which TVM leaves undefined.
OPTIONS = Options(statements=6, expression=2, work=500)
#: Share of new kernels and of changed ones whose integers are kept from overflowing: the others are judged exactly by
#: targets that define overflow only, but reach what these cannot.
TAMED = 0.6


def warm_up() -> None:
    """Import what making kernels needs (this module does) and run it once."""
    make({"plans": [{"what": "generate", "seed": 0}]})


def make(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out ``plans``: each has ``what``, ``seed``, and for a mutation ``text`` (the parent), ``mutator`` (or None)
    and ``donors`` (texts).

    Each item of the answer has ``text``, ``mutator``, ``preserves`` and ``expected`` (as of ``expected.to_data``), or
    else a ``note`` that says why there is no valid program.
    """
    return {"items": [_carry_out(plan) for plan in request["plans"]]}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """What the interpreter makes of the case ``case``."""
    return {"expected": to_data(expect(parse_kernel_case(request["case"])))}


def _carry_out(plan: dict[str, Any]) -> dict[str, Any]:
    source = random.Random(plan["seed"])
    parent = parse_kernel_case(plan["text"]) if "text" in plan else None
    mutator, preserves = plan["what"], False
    seed = source.getrandbits(31)
    if parent is None:
        function: Function = generate(source, OPTIONS)
    elif plan["what"] == "pipeline":
        # the same inputs as well: only the pipeline is new
        function, seed = parent.function, parent.seed
    else:
        only = [plan["mutator"]] if plan["mutator"] else None
        made = mutate(parent.function, source, _functions(plan["donors"]), only)
        if made is None:
            return {"note": f"{plan['mutator']} finds nothing to do"}
        function, mutator, preserves = made.function, made.mutator, made.preserves
        seed = parent.seed if preserves else seed
    try:
        case = KernelCase(function, seed)
        expected = expect(case)
        if expected.overflow and plan["what"] != "pipeline" and not preserves and source.random() < TAMED:
            tamed = tame(function, kernel_inputs(case))
            if tamed is not None:
                case = KernelCase(tamed, seed)
                expected = expect(case)
    except MisfoldError as error:
        return {"note": f"{mutator}: {error}"}
    if expected.invalid is not None:
        return {"note": f"{mutator}: undefined: {expected.invalid}"}
    return {"text": case.text, "mutator": mutator, "preserves": preserves, "expected": to_data(expected)}


def _functions(texts: Sequence[str]) -> list[Function]:
    return [parse_kernel_case(text).function for text in texts]
