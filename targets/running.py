"""Runs targets on cases in workers: the service, how to ask for it, and what to make of its answer.

``serve`` is the service, ``outcome_of`` its counterpart in the campaign's process, which needs no framework for it;
``warm_up_family`` is what a fork server for targets preloads. ``run_case`` is the same without isolation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from misfold.programs.case import Case, parse_case
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline

from . import registry
from .failures import failure_of
from .isolation.answer import Answer
from .measuring import measured
from .outcome import Outcome
from .protocol import Target

if TYPE_CHECKING:
    import torch

#: The service's name for ``Slot.call``.
SERVICE = "misfold.targets.running:serve"
#: What to preload in a fork server for targets, and the environment variable that names them, separated by commas.
PRELOAD = "misfold.targets.running:warm_up_family"
FAMILY = "MISFOLD_FAMILY"

# Instances by name: those that the fork server warmed up, and those of them that this worker has settled.
_warm: dict[str, Target] = {}
_settled: dict[str, Target] = {}


def run_case(
    target: Target,
    case: Case,
    pipeline: Pipeline | None = None,
    repeats: int = 1,
    inputs: Sequence[torch.Tensor] | None = None,
) -> Outcome:
    """Compile a case's program and run it ``repeats`` times on fresh inputs, in this process.

    ``pipeline`` is by default the one that the case names for this target, else the target's first. Gradients are
    taken where both the case and the target have them; a target without them runs the forward pass on inputs that
    require none. ``torch``'s random state is seeded before every run. ``inputs`` are the case's, if they have
    been drawn already; they are not written.

    With several repeats, ``facts["stable"]`` says whether all gave the same bits, and if not, ``facts["unstable"]``
    maps the names of the outputs that differ (``out0``, ``grad1``, ``x2``) to the different values seen, each as the
    fields of a TensorValue or None.

    Raises:
        MisfoldError: the case or pipeline cannot be run by this target at all (a bad recipe, an unknown option). All
            that the code under test raises becomes an outcome.
    """
    from .execution import execute

    return execute(target, case, pipeline, repeats, inputs)


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """The service: ``run_case`` for data.

    The request has ``target`` (a name), ``case`` (a case file's text), and optionally ``pipeline`` (as of
    ``Pipeline.to_data``), ``repeats`` and ``screening`` (see ``Target.screening``). The answer has ``outcome``, as of
    ``Outcome.pack``, and says in ``facts["spent"]`` what values cost (see ``measuring.measured``). Targets are settled
    in the working directory, which is the worker's own.

    Raises:
        MisfoldError: there is no such target, or the request cannot be run.
    """
    target = target_here(request["target"])
    pipeline = request.get("pipeline")
    case = parse_case(request["case"])
    target.screening = bool(request.get("screening"))
    with measured() as spent:
        outcome = run_case(
            target, case, None if pipeline is None else Pipeline.from_data(pipeline), request.get("repeats", 1)
        )
    if outcome.kind == "values":
        outcome = replace(outcome, facts={**outcome.facts, "spent": spent})
    return {"outcome": outcome.pack()}


def target_here(name: str) -> Target:
    """This worker's own instance of a target, warm if its fork server was asked to, and settled.

    Raises:
        TargetError: there is no such target.
    """
    target = _settled.get(name)
    if target is None:
        target = _warm.get(name) or registry.get(name)
        target.settle(os.getcwd())
        _settled[name] = target
    return target


def warm_up_family() -> None:
    """Warm up the targets that ``MISFOLD_FAMILY`` names; called once in a fork server, before it forks.

    Raises:
        TargetError: a target is unknown, is not installed, or fails to warm up.
    """
    for name in filter(None, os.environ.get(FAMILY, "").split(",")):
        target = registry.get(name)
        if reason := target.missing():
            raise TargetError(f"target {name} cannot run here: {reason}")
        try:
            target.warm_up()
        except Exception as error:  # whatever the libraries under it raise
            raise TargetError(f"target {name} failed to warm up: {failure_of(error).message}") from error
        _warm[name] = target
    from . import execution

    execution.warm_up()


def outcome_of(answer: Answer) -> Outcome:
    """What a target did, from the answer to a call of ``serve``; deaths of the worker are outcomes too.

    Raises:
        TargetError: the request could not be served, which says nothing about the code under test.
    """
    if answer.kind == "ok" and answer.data is not None:
        outcome = Outcome.unpack(answer.data["outcome"])
        if outcome.failure is not None and answer.stderr:
            outcome = replace(outcome, failure=replace(outcome.failure, stderr=answer.stderr))
        return outcome
    death = answer.death
    if answer.kind == "error" or death is None:
        reason = "no reason given" if death is None else f"{death.type}: {death.message}\n{death.traceback}"
        raise TargetError(f"a case could not be run: {reason}".rstrip())
    return Outcome("hang" if answer.kind == "hang" else "crash", failure=death, seconds={"total": answer.seconds})
