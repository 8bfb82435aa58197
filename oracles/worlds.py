"""A program run in several worlds at once: in its own types, in float64, and in float64 with rounding noise.

The worlds go in lockstep, node by node, because what a step function may do (a comparison, floor, argmax) is decided
by how far apart they are at its operands; see ``steps``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from misfold.programs.aliasing import is_functional, may_be_view, written_arguments
from misfold.programs.graph import Graph, Node

from . import kinds
from .calls import Call, NoReference, make_calls, widen
from .exactness import exact_result
from .layout import layout_agrees
from .noise import ROUNDOFF, Noise, accumulation
from .poles import SAMPLED, at_poles, has_poles
from .rounding import NONE, SMALL, Rounding, amount, derived, rounding
from .steps import Steps
from .undefined import undefined

#: Noise samples. Four, because a step function of two operands has four corners.
SAMPLES = 4
# Errors of operators that mean "not for float64" or "not for these operands", as torch raises them.
CALL_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError)

Env = dict[str, torch.Tensor]


@dataclass
class Fact:
    """What is known of one value: whether it is exact, and why it cannot be judged, if so.

    ``firm``: the reason is one that an error bound cannot get around: the value has no defined meaning, is random, or
    is a result of eager's that cannot be trusted. Other reasons are those of the samples alone.
    """

    exact: bool
    reason: str | None = None
    firm: bool = False


class InvalidProgram(Exception):
    """Eager torch does not run the program; the message says which call fails and how."""


class Worlds:
    """Runs a graph in all worlds.

    ``program``, ``wide`` and ``samples[k]`` hold every value by name; a value without a counterpart in float64 is
    missing from ``wide`` and the samples, and its fact says why. ``routed`` says why gradients cannot be judged.
    """

    def __init__(self, graph: Graph, inputs: Sequence[torch.Tensor], gradient: bool):
        self.graph = graph
        self.gradient = gradient
        names = [value.name for value in graph.inputs]
        self.program: Env = dict(zip(names, inputs, strict=True))
        #: Nothing is written and no gradient is taken, so that worlds may share what is the same in all of them.
        self.functional = is_functional(graph.nodes)
        self.sharing = not gradient and self.functional
        if self.sharing:
            self.wide: Env = {name: _widened(item) for name, item in self.program.items()}
            self.samples: list[Env] = [dict(self.wide) for _ in range(SAMPLES)]
        else:
            self.wide = {name: widen(item) for name, item in self.program.items()}
            self.samples = [{name: widen(item) for name, item in self.program.items()} for _ in range(SAMPLES)]
        self.noise = [Noise(seed) for seed in range(1, SAMPLES + 1)]
        self.facts: dict[str, Fact] = {name: Fact(True) for name in names}
        self.routed: str | None = None
        #: Why some call has no defined result.
        self.undefined: str | None = None
        #: Inputs with elements near the denormals, whose loss may matter in what is computed from them.
        self.small = {
            name for name, item in self.program.items()
            if item.is_floating_point() and bool(((item != 0) & (item.abs() < SMALL)).any())
        }  # fmt: skip
        #: Inputs whose memory was written.
        self.written: set[str] = set()
        #: Whether the running node's results are beyond judging; see Fact.
        self._firm = False
        self._names: dict[int, list[str]] = {}
        for name, item in self.program.items():
            self._names.setdefault(_storage(item), []).append(name)

    def run(self) -> None:
        """Run every node in every world.

        Raises:
            InvalidProgram: the program raises in its own types.
        """
        calls = zip(self.graph.nodes, make_calls(self.graph), make_calls(self.graph, torch.float64), strict=True)
        default = torch.get_default_dtype()
        for node, call, wide_call in calls:
            written = () if self.functional else written_arguments(node)
            own = {name: self.program[name].detach() for name in node.uses}
            if written:
                own = {name: item.clone() for name, item in own.items()}
            assert isinstance(call, Call), "only widening can fail"
            try:
                with torch.no_grad():
                    results = call(self.program)
            except Exception as error:  # whatever torch raises for operands that it does not take
                raise InvalidProgram(f"{node.op}: {type(error).__name__}: {str(error)[:300]}") from error
            outputs = [value.name for value in node.outputs]
            self.program.update(zip(outputs, results, strict=False))
            reason = next((self.facts[name].reason for name in node.uses if self.facts[name].reason), None)
            self._firm = kinds.is_random(node) or any(self.facts[name].firm for name in node.uses)
            exact, same = False, True
            tied: str | None = None
            if not self._firm and not written:
                same, odd = layout_agrees(node, call, own, results)
                self._firm, reason = odd is not None, reason or odd
            if (why := undefined(node, own, results)) is not None:
                self._firm, self.undefined, reason = True, self.undefined or why, reason or why
            torch.set_default_dtype(torch.float64)
            try:
                if isinstance(wide_call, NoReference):
                    reason = reason or str(wide_call)
                elif all(name in self.wide for name in node.uses):
                    exact, reason, tied = self._widely(node, wide_call, own, results, written, reason)
            finally:
                torch.set_default_dtype(default)
            self._learn(node, results, written, exact and same, reason, tied)

    def _widely(
        self,
        node: Node,
        call: Call,
        own: Env,
        results: list[torch.Tensor],
        written: tuple[str, ...],
        reason: str | None,
    ) -> tuple[bool, str | None, str | None]:
        """Run a node in float64 and in the samples; (exact, reason, reason for indices alone)."""
        name = kinds.base_name(node.op)
        before = {use: self.wide[use].detach() for use in node.uses}
        if written:
            before = {use: item.clone() for use, item in before.items()}
        if kinds.is_random(node):
            reason = reason or f"{node.op} draws random numbers"
        elif name in kinds.NO_BOUND or name in kinds.BINNED:
            reason = reason or f"no error bound is known for {node.op}"
        if reason is not None:
            return False, reason, None
        steps = Steps(node, self, own, before, results)
        around = {use: self.margin(use) for use in node.uses} if has_poles(node) else None
        viewing = may_be_view(node)
        shares = bool(written) or (viewing and _shares(results, own.values()))
        unshared = viewing and not shares
        try:
            wide = _fresh(call(self.wide), self.wide, node, unshared)
        except CALL_ERRORS as error:
            return False, f"{node.op} has no float64 counterpart: {str(error).splitlines()[0][:120]}", None
        outputs = [value.name for value in node.outputs]
        self.wide.update(zip(outputs, wide, strict=False))
        exact = False
        if all(self.facts[use].exact for use in node.uses):
            exact, reason = exact_result(node, call, before, results, wide)
            if reason is not None:
                self._firm, self.undefined = True, self.undefined or reason
        reason = reason or _departed(results, wide)
        tied = None
        if reason is None:
            reason, tied = steps.undecided(results, wide)
        if self.sharing and (exact or self._alike(node, name, steps, results)):
            for env in self.samples:
                env.update(zip(outputs, wide, strict=False))
            return exact, reason, tied
        errors = NONE
        if not exact:
            operands_exact = all(self.facts[use].exact for use in node.uses)
            small = any(use in self.small for use in node.uses)
            errors = rounding(node, call, own, before, results, operands_exact, small)
        poles = None if around is None else at_poles(node, own, around, results, wide)
        for index, env in enumerate(self.samples):
            view = steps.operands(index, env, written)
            if errors.inputs:
                for use in node.uses:
                    relative = errors.inputs.get(own[use].dtype)
                    if relative and view[use].is_floating_point() and use not in written:
                        view[use] = self.noise[index].disturbed(view[use], relative)
            try:
                sample = _fresh(call(view), env, node, unshared)
            except CALL_ERRORS as error:
                message = f"{node.op} fails under rounding noise: {str(error).splitlines()[0][:120]}"
                return False, reason or message, tied
            steps.flip(index, sample)
            for position, item in enumerate(sample):
                if item.shape != wide[position].shape:
                    reason = reason or f"the shape of {node.op}'s result depends on rounding"
                if errors.outputs and _is_float(item) and (written or not shares):
                    self._disturb(index, item, position, errors, results)
            if poles is not None:
                sample[0].data.masked_fill_(poles, SAMPLED[index])
            if not exact:
                for use in written:
                    if _is_float(env[use]) and not any(_storage(env[use]) == _storage(item) for item in sample):
                        self.noise[index].disturb(env[use], amount(own[use].dtype))
            env.update(zip(outputs, sample, strict=False))
            if self.gradient:
                self._hook(index, sample, results, derived(node))
        return exact, reason, tied

    def _alike(self, node: Node, name: str, steps: Steps, results: list[torch.Tensor]) -> bool:
        """Whether the samples have nothing to differ in: a result without rounding on operands that they share."""
        if any(map(_is_float, results)) or steps.margins or name in kinds.ZERO_SIGN:
            return False
        return all(env[use] is self.wide[use] for env in self.samples for use in node.uses)

    def _disturb(
        self, index: int, item: torch.Tensor, position: int, errors: Rounding, results: list[torch.Tensor]
    ) -> None:
        if results[position].dtype not in ROUNDOFF:
            return
        scale = errors.scales[position] if position < len(errors.scales) else None
        if scale is not None and scale.shape != item.shape:
            scale = None
        try:
            self.noise[index].disturb(item, errors.outputs, errors.underflow, scale, errors.share)
        except RuntimeError as error:
            # Memory that overlaps itself cannot be written; such results are views, whose elements were disturbed
            # where they were made.
            if "single memory location" not in str(error):
                raise

    def _hook(self, index: int, sample: list[torch.Tensor], results: list[torch.Tensor], more: float) -> None:
        """Disturb gradients where they pass: each rounds, each may be summed over as many elements as there are, and
        the derivative that is next may be off by ``more`` of its value."""
        noise = self.noise[index]
        for item, result in zip(sample, results, strict=False):
            if item.requires_grad and item.is_floating_point() and result.dtype in ROUNDOFF:
                relative = amount(result.dtype) + accumulation(result.dtype) * result.numel() / 2 + more

                def disturbed(gradient: torch.Tensor | None, relative: float = relative) -> torch.Tensor | None:
                    return None if gradient is None else noise.disturbed(gradient, relative)

                item.register_hook(disturbed)

    def _learn(
        self, node: Node, results: list[torch.Tensor], written: tuple[str, ...], exact: bool, reason: str | None,
        tied: str | None,
    ) -> None:  # fmt: skip
        for position, (value, item) in enumerate(zip(node.outputs, results, strict=False)):
            indices = not _is_float(item) and kinds.is_index(node, position, len(results))
            why = reason or (tied if indices else None)
            self.facts[value.name] = Fact(exact and why is None, why, self._firm)
            self._names.setdefault(_storage(item), []).append(value.name)
            if self.gradient and why and _is_float(item):
                self.routed = self.routed or why
        for use in written:
            for name in self._names.get(_storage(self.program[use]), [use]):
                fact = self.facts[name]
                fact.exact = fact.exact and exact
                fact.reason = fact.reason or reason
                fact.firm = fact.firm or self._firm
                self.written.add(name)

    def margin(self, name: str) -> torch.Tensor | None:
        """How far apart honest evaluations of a float value may be, per element; None if it is exact."""
        if self.facts[name].exact or not _is_float(self.wide[name]):
            return None
        wide = self.wide[name].detach()
        own = self.program[name].detach()
        apart = (own.double() - wide).abs()
        for env in self.samples:
            apart = torch.maximum(apart, (env[name].detach() - wide).abs())
        # A sample of four can by luck come out near zero; what is typical for the tensor stands in for it. Elements
        # on which all worlds agree to the bit (zeros of a mask) stay as they are.
        touched = apart > 0
        if bool(touched.any()):
            typical = apart[touched].nanmedian()
            apart = torch.where(touched, torch.maximum(apart, typical), apart)
        return torch.maximum(apart, torch.where(touched, wide.abs() * amount(own.dtype), apart))


def _widened(item: torch.Tensor) -> torch.Tensor:
    return widen(item) if item.is_floating_point() and item.dtype is not torch.float64 else item.detach()


def _storage(item: torch.Tensor) -> int:
    return item.untyped_storage().data_ptr()


def _is_float(item: torch.Tensor) -> bool:
    return item.is_floating_point() or item.is_complex()


def _shares(results: Sequence[torch.Tensor], operands: Iterable[torch.Tensor]) -> bool:
    storages = {_storage(item) for item in operands if item.numel()}
    return any(_storage(item) in storages for item in results)


def _fresh(results: list[torch.Tensor], env: Env, node: Node, unshared: bool) -> list[torch.Tensor]:
    """Results that share memory with operands only where the program's own do: a conversion to the type that a tensor
    has already, as float64 makes of ``half()``, gives the tensor itself."""
    if not unshared:
        return results
    storages = {_storage(env[use]) for use in node.uses}
    return [item.clone() if _storage(item) in storages else item for item in results]


def _departed(results: Sequence[torch.Tensor], wide: Sequence[torch.Tensor]) -> str | None:
    """Why the program's own intermediate and the float64 one cannot be compared any more, if so."""
    for own, item in zip(results, wide, strict=False):
        if own.shape != item.shape:
            return "the shape of a result depends on rounding"
        if own.is_floating_point() and own.numel():
            inner = torch.isfinite(own)
            if not bool(inner.all()) and bool((~inner & torch.isfinite(item.detach())).any()):
                return f"{str(own.dtype).removeprefix('torch.')} overflows where float64 does not"
    return None
