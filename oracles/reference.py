"""The reference: what a case's results are in float64, how far honest evaluations may be off, and what is exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from misfold.programs.aliasing import is_functional
from misfold.programs.case import Case
from misfold.targets.outcome import Outcome
from misfold.targets.plain import Plain

if TYPE_CHECKING:
    import torch

    from .bounds.shadow import Shadow
    from .worlds import Worlds


@dataclass(frozen=True)
class Expected(Plain):
    """What is known of one tensor that a target returns, computes as a gradient, or leaves in an input.

    ``exact``: every honest evaluation gives eager's bits (zeros of either sign being equal), and nothing else is
    stored. ``reason``: why it cannot be judged at all, or None. ``data``: for floats the float64 values, row by row.
    ``spread``: for floats, per element, how far honest evaluations were seen to differ, inf where they cannot be
    compared. ``decided``: for integers and truth values, per element, whether no honest rounding changes them.
    ``bound``: per element, in float32 rounded up, how far from ``data`` any honest evaluation may be, inf where no
    bound is known; for integers and truth values 0 where it must be eager's, inf elsewhere; empty where ``unbounded``
    says why there is none. ``contested``: eager's own element that no honest evaluation gives, in words, or None.
    """

    dtype: str
    shape: tuple[int, ...]
    exact: bool = False
    reason: str | None = None
    data: bytes = field(default=b"", repr=False)
    spread: bytes = field(default=b"", repr=False)
    decided: bytes = field(default=b"", repr=False)
    bound: bytes = field(default=b"", repr=False)
    unbounded: str | None = None
    contested: str | None = None

    @classmethod
    def fields_from(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {"shape": tuple(raw["shape"])}

    def bounds(self) -> np.ndarray | None:
        """The bounds in float64, in shape; None where there are none."""
        if not self.bound:
            return None
        return np.frombuffer(self.bound, np.float32).reshape(self.shape).astype(np.float64)

    def values(self) -> np.ndarray:
        """The float64 values, in shape."""
        return np.frombuffer(self.data, np.float64).reshape(self.shape)

    def spreads(self) -> np.ndarray:
        """The spreads, in shape."""
        return np.frombuffer(self.spread, np.float64).reshape(self.shape)

    def mask(self) -> np.ndarray:
        """Where an integer or truth value is decided."""
        return np.frombuffer(self.decided, np.bool_).reshape(self.shape)


@dataclass(frozen=True)
class Reference(Plain):
    """What a case should give. Plain data, as an Outcome is.

    ``valid``: eager runs the program. ``finite``: all that it gives is finite. ``undefined``: why some call has no
    defined result, or None. ``values``, ``gradients`` and ``mutated`` follow the fields of an Outcome; an entry of
    ``mutated`` is None where the input is not written.
    """

    valid: bool
    finite: bool = True
    reason: str | None = None
    undefined: str | None = None
    values: tuple[Expected, ...] = ()
    gradients: tuple[Expected | None, ...] = ()
    mutated: tuple[Expected | None, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fields_from(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "values": Expected.each_from_data(raw["values"]),
            "gradients": Expected.any_from_data(raw["gradients"]),
            "mutated": Expected.any_from_data(raw["mutated"]),
        }


def evaluate(case: Case, eager: Outcome | None = None, inputs: Sequence[torch.Tensor] | None = None) -> Reference:
    """The reference of a case. Imports torch; meant for a worker.

    Args:
        case: a program and its inputs; it is run here in its own types too, so that a program that eager rejects
            gives a reference that is not valid rather than an error.
        eager: what eager gave, if it has run; where it differs from the run here, nothing is called exact.
        inputs: the case's inputs, if they have been drawn; the program may write them.
    """
    import torch

    from misfold.targets.torch_values import make_inputs

    from .bounds.limits import analysed as _analysed
    from .calls import copied
    from .worlds import InvalidProgram, Worlds

    inputs = make_inputs(case) if inputs is None else inputs
    leaves = list(inputs)
    # Programs that write would have the analysis start from what they wrote.
    fresh = leaves if is_functional(case.graph.nodes) else [copied(item) for item in leaves]
    worlds = Worlds(case.graph, inputs, case.gradient)
    wide_leaves = [[env[value.name] for value in case.graph.inputs] for env in (worlds.wide, *worlds.samples)]
    try:
        worlds.run()
    except InvalidProgram as error:
        return Reference(False, False, str(error))
    wanted = [*case.graph.returns, *worlds.written]
    bounded: Mapping[str, Shadow | str] = {}
    if any(not worlds.facts[name].exact and not worlds.facts[name].firm for name in wanted):
        bounded = _analysed(case, fresh)
    with torch.no_grad():
        values = tuple(_expected(worlds, name, bounded.get(name)) for name in case.graph.returns)
        mutated = tuple(
            _expected(worlds, value.name, bounded.get(value.name)) if value.name in worlds.written else None
            for value in case.graph.inputs
        )
        finite = all(_is_finite(worlds.program[name]) for name in case.graph.returns)
    gradients: tuple[Expected | None, ...] = ()
    if case.gradient:
        gradients = _gradients(worlds, case, wide_leaves, [item for item in leaves if item.requires_grad])
    reference = Reference(True, finite, None, worlds.undefined, values, gradients, mutated)
    return reference if eager is None else _checked(reference, eager, worlds, case)


def _is_finite(item: torch.Tensor) -> bool:
    return not item.is_floating_point() or bool(item.isfinite().all())


def _type_name(item: torch.Tensor) -> str:
    return str(item.dtype).removeprefix("torch.")


def _bytes(item: torch.Tensor) -> bytes:
    # autograd's symbolic zeros have no memory until they are cloned
    data: bytes = (item.clone() if item._is_zerotensor() else item.contiguous()).numpy().tobytes()
    return data


def _expected(worlds: Worlds, name: str, shadow: Shadow | str | None) -> Expected:
    from .bounds.limits import bounded_alone, limited

    own, fact = worlds.program[name], worlds.facts[name]
    dtype, shape = _type_name(own), tuple(own.shape)
    if fact.exact:
        return Expected(dtype, shape, exact=True)
    reason = fact.reason
    if name not in worlds.wide:
        reason = reason or "there is no float64 value"
    elif reason is None and any(env[name].shape != own.shape for env in (worlds.wide, *worlds.samples)):
        reason = reason or "the shape depends on rounding"
    elif own.is_complex():
        reason = reason or "complex results are not compared"
    if reason:
        nothing = Expected(dtype, shape, reason=reason)
        return nothing if fact.firm or own.is_complex() else bounded_alone(nothing, own, shadow)
    wide = worlds.wide[name].detach()
    others = [env[name].detach() for env in worlds.samples if env[name] is not worlds.wide[name]]
    if own.is_floating_point():
        return limited(_floats(dtype, wide, [own.double(), *others]), own, shadow)
    decided = own == wide
    for item in others:
        decided &= own == item
    return limited(Expected(dtype, shape, decided=_bytes(decided)), own, shadow)


def _floats(dtype: str, wide: torch.Tensor, others: Sequence[torch.Tensor]) -> Expected:
    import torch

    stacked = torch.stack([item for item in others if item is not wide] or [wide])
    apart = (stacked - wide).abs()
    spread = apart.amax(0)
    if not bool(spread.isfinite().all()):
        # Equal infinities, or a NaN on both sides, are no distance; everything else that is not finite is one.
        same = (stacked == wide) | (stacked.isnan() & wide.isnan())
        spread = apart.where(apart.isfinite(), float("inf")).where(~same, 0.0).amax(0)
    return Expected(dtype, tuple(wide.shape), data=_bytes(wide), spread=_bytes(spread))


def _gradients(
    worlds: Worlds, case: Case, leaves: Sequence[Sequence[torch.Tensor]], own: Sequence[torch.Tensor]
) -> tuple[Expected | None, ...]:
    from misfold.targets.torch_values import gradients

    from .worlds import CALL_ERRORS

    def undecided(reason: str) -> tuple[Expected | None, ...]:
        return tuple(Expected(_type_name(item), tuple(item.shape), reason=reason) for item in own)

    reason = worlds.routed or next(
        (fact.reason for name in case.graph.returns if (fact := worlds.facts[name]).reason), None
    )
    if reason or any(name not in worlds.wide for name in case.graph.returns):
        return undecided(reason or "there is no float64 value")
    results = []
    for env, inputs in zip((worlds.wide, *worlds.samples), leaves, strict=True):
        try:
            results.append(gradients([env[name] for name in case.graph.returns], inputs))
        except CALL_ERRORS as error:
            return undecided(f"no gradient in float64: {str(error).splitlines()[0][:120]}")
    expected: list[Expected | None] = []
    for index, item in enumerate(own):
        row = [result[index] if index < len(result) else None for result in results]
        wide = row[0]
        if wide is None or any(entry is None or entry.shape != wide.shape for entry in row):
            expected.append(None)
        else:
            expected.append(_floats(_type_name(item), wide.detach(), [e.detach() for e in row[1:] if e is not None]))
    return tuple(expected)


def _checked(reference: Reference, eager: Outcome, worlds: Worlds, case: Case) -> Reference:
    """Nothing that eager gives differently from one run to the next is exact or decided."""
    from misfold.targets.torch_values import to_value

    if eager.kind != "values" or len(eager.values) != len(reference.values):
        return reference
    values = []
    for name, item, value in zip(case.graph.returns, reference.values, eager.values, strict=True):
        if (item.exact or item.decided) and to_value(worlds.program[name]).data != value.data:
            item = Expected(item.dtype, item.shape, reason="eager differs from run to run")
        values.append(item)
    return Reference(
        reference.valid, reference.finite, None, reference.undefined, tuple(values), reference.gradients,
        reference.mutated, reference.facts,
    )  # fmt: skip


def warm_up() -> None:
    """Import torch, turn its threads off and evaluate one small program. For a fork server, once, before it forks."""
    import torch

    from misfold.programs.parser import parse_graph

    torch.set_num_threads(1)
    graph = parse_graph(
        'def program(x0: "float32[2, 3]"):\n'
        "    v0 = torch.softmax(x0, 1)\n"
        "    v1 = torch.gt(v0, 0.5)\n"
        "    return v0, v1\n"
    )
    evaluate(Case(graph, {"x0": {"draw": "normal", "seed": 1, "requires_grad": True}}))
