"""Forward mode: Jacobian-vector products under a compiler, against eager and float64.

What is expected comes from reverse mode in float64, applied twice: J t is the derivative of J' u by u, times t. So it
shares no rule with ``torch.func.jvp``, which eager and the compiler both go by.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import torch

from misfold.programs.case import Case, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import TensorValue
from misfold.targets.protocol import Unsupported
from misfold.targets.running import target_here
from misfold.targets.torch_values import cotangent, make_inputs, to_function, to_value

from ..reference import Expected, _floats, _type_name
from ..worlds import CALL_ERRORS, InvalidProgram, Worlds

EXPECT = "misfold.oracles.gradients.forward:expect"
RUN = "misfold.oracles.gradients.forward:run"


def with_gradients(case: Case) -> Case | None:
    """The case with every input of a float type requiring a gradient; None if there is none."""
    floats = [value.name for value in case.graph.inputs if value.known.dtype.is_float]
    recipes = {
        name: {**recipe, "requires_grad": True} if name in floats else recipe for name, recipe in case.recipes.items()
    }
    return replace(case, recipes=recipes) if floats else None


def pushed(case: Case) -> Callable[..., tuple[torch.Tensor, ...]]:
    """A function of the inputs, and tangents for those of a float type, that gives the tangents of the outputs of
    a float type."""
    function = to_function(case.graph)
    # Dynamo looks up the globals of a function that it inlines by the name of their module.
    module = sys.modules.setdefault(function.__module__, ModuleType(function.__module__))
    vars(module).setdefault("torch", torch)
    floats = [index for index, value in enumerate(case.graph.inputs) if value.known.dtype.is_float]
    count = len(case.graph.inputs)

    def forward(*arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        inputs, tangents = arguments[:count], arguments[count:]

        def moved(*points: torch.Tensor) -> tuple[torch.Tensor, ...]:
            everything = list(inputs)
            for index, point in zip(floats, points):
                everything[index] = point
            return tuple(item for item in function(*everything) if item.is_floating_point())

        found: tuple[torch.Tensor, ...] = torch.func.jvp(moved, tuple(inputs[index] for index in floats), tangents)[1]
        return found

    return forward


def arguments(case: Case) -> list[torch.Tensor]:
    """Inputs and tangents for ``pushed``."""
    inputs = [item.detach() for item in make_inputs(case)]
    return [*inputs, *(cotangent(item) for item in inputs if item.is_floating_point())]


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Tangents of ``case`` on ``target`` with ``pipeline``: ``values``, or why not: ``rejected`` or ``error``."""
    case, target = parse_case(request["case"]), target_here(request["target"])
    pipeline = Pipeline.from_data(request["pipeline"])
    try:
        compiled = target.compile(pushed(case), arguments(case), pipeline)  # type: ignore[arg-type]
        values = compiled(arguments(case))
    except Unsupported as error:
        return {"rejected": str(error)[:300]}
    except Exception as error:  # whatever the code under test raises
        if target.is_rejection(error):
            return {"rejected": str(error)[:300]}
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return {"values": [to_value(item).to_data() for item in values]}


def expect(request: dict[str, Any]) -> dict[str, Any]:
    """What is expected of the tangents of ``case``: ``reason`` (why nothing, or None), ``eager``, ``expected``."""
    case = parse_case(request["case"])
    try:
        eager = [to_value(item) for item in pushed(case)(*arguments(case))]
    except CALL_ERRORS as error:
        return {"reason": f"eager has no forward mode here: {str(error).splitlines()[0][:160]}"}
    found = expected_tangents(case, eager)
    if isinstance(found, str):
        return {"reason": found}
    return {
        "reason": None, "eager": [item.to_data() for item in eager], "expected": [item.to_data() for item in found],
    }  # fmt: skip


def expected_tangents(case: Case, eager: Sequence[TensorValue]) -> list[Expected] | str:
    """What is expected of each tangent, or why nothing is."""
    wanted = with_gradients(case)
    if wanted is None or not eager:
        return "nothing is differentiable"
    worlds = Worlds(wanted.graph, make_inputs(wanted), True)
    leaves = [[env[value.name] for value in wanted.graph.inputs] for env in (worlds.wide, *worlds.samples)]
    try:
        worlds.run()
    except InvalidProgram as error:
        return f"{error}"
    names = [name for name in wanted.graph.returns if worlds.program[name].is_floating_point()]
    reason = worlds.undefined or worlds.routed
    reason = reason or next((fact.reason for name in names if (fact := worlds.facts[name]).reason), None)
    if reason or any(name not in worlds.wide for name in names) or len(names) != len(eager):
        return reason or "there is no float64 value"
    rows = []
    for env, inputs in zip((worlds.wide, *worlds.samples), leaves, strict=True):
        try:
            rows.append([_tangent(env[name], inputs) for name in names])
        except CALL_ERRORS as error:
            return f"no second derivative in float64: {str(error).splitlines()[0][:120]}"
    found = []
    for index, name in enumerate(names):
        own = worlds.program[name]
        found.append(_floats(_type_name(own), rows[0][index], [row[index] for row in rows[1:]]))
    return found


def _tangent(output: torch.Tensor, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """J t for one output, in float64, by reverse mode twice."""
    points = [item for item in inputs if item.requires_grad]
    result = torch.zeros(output.shape, dtype=output.dtype)
    if not output.requires_grad:
        return result
    probe = torch.zeros(output.shape, dtype=output.dtype, requires_grad=True)
    slopes = torch.autograd.grad(output, points, probe, create_graph=True, allow_unused=True, retain_graph=True)
    used = [(slope, cotangent(point)) for slope, point in zip(slopes, points) if slope is not None]
    used = [(slope, tangent) for slope, tangent in used if slope.requires_grad]
    if not used:
        return result
    (found,) = torch.autograd.grad(
        [slope for slope, _ in used], probe, [tangent for _, tangent in used], allow_unused=True, retain_graph=True
    )
    return result if found is None else found.detach()
