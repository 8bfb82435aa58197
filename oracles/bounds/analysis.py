"""The analysis of a graph: it runs on the dispatch level, and rules follow each call with values and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from misfold.programs.graph import Graph

from ..calls import Call, make_calls
from ..kinds import is_random
from . import rules
from .registry import Applied, Rule
from .shadow import Memory, Shadow, Undecided, unknown

#: What a rule may meet in operands that torch takes in the program's types but not in float64.
_RULE_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, ZeroDivisionError)


#: In-place operators that turn the view, and leave the elements alone.
_TURNED = frozenset("squeeze_ unsqueeze_ transpose_ t_ swapaxes_ swapdims_ as_strided_ detach_".split())


#: Operators that move running statistics along, which their schemas do not say: where these stand.
_STATISTICS = {"native_batch_norm": (3, 4), "batch_norm_update_stats": (1, 2)}


@dataclass(frozen=True)
class _Plan:
    """What an operator of the dispatch level is to the analysis."""

    name: str
    overload: str
    function: Any  # None: it has only a form that writes
    rule: Rule | None
    view: bool
    writes: tuple[tuple[int, str], ...]
    moves: bool
    decomposed: Any
    #: It is nothing but calls of other operators, which are followed if it has no rule.
    composite: bool
    random: bool


def _functional(packet: Any, function: Any) -> Any:
    """The overload that takes what an in-place one takes, and writes nothing; None if there is none."""
    wanted = [str(item.type) for item in function._schema.arguments]
    names = [function._overloadname, *packet.overloads()]
    for overload in (getattr(packet, name) for name in names if name in packet.overloads()):
        schema = overload._schema
        if [str(item.type) for item in schema.arguments] == wanted and not any(
            item.alias_info is not None for item in schema.arguments
        ):
            return overload
    return None


@cache
def _plan(function: Any) -> _Plan:
    schema = function._schema
    raw = schema.name.partition("::")[2]
    writes = tuple(
        (position, item.name)
        for position, item in enumerate(schema.arguments)
        if item.alias_info is not None and item.alias_info.is_write
    )
    view = raw in _TURNED or (not writes and any(item.alias_info is not None for item in schema.returns))
    name, functional = raw, function
    if writes and raw.endswith("_") and not raw.startswith("__"):
        name = raw[:-1]
        packet = getattr(torch.ops.aten, name, None)
        # without one, a rule could not evaluate it without writing
        functional = None if packet is None else _functional(packet, function)
    if function.namespace != "aten":
        name = f"{function.namespace}::{name}"
    random = torch.Tag.nondeterministic_seeded in function.tags
    return _Plan(
        name, function._overloadname, functional, None if functional is None else rules.RULES.get(name), view, writes,
        name in rules.MOVING,
        rules.decomposition(name, functional), function._can_decompose(), random,
    )  # fmt: skip


class Analysis(TorchDispatchMode):
    """Shadows of all that runs under it. ``tainted``: why what the running call gives cannot be followed, or None."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.tainted: str | None = None
        #: Operators without a rule that were met, by their names on the dispatch level.
        self.missing: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled under this mode, and keeping dynamo off costs as much as a small operator.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        plan = _plan(func)
        if plan.view:
            result = func(*args, **kwargs)
            if plan.name == "lift_fresh":
                self.memory.give(result)
            if plan.name == "_conj" or plan.name == "_neg_view":
                self.tainted = self.tainted or "lazily conjugated or negated"
            return result
        if plan.decomposed is not None and plan.rule is None:
            with self:
                result = plan.decomposed(*args, **kwargs)
            if result is not NotImplemented:
                return result
        elif plan.rule is None and plan.composite:
            with self:
                return func.decompose(*args, **kwargs)
        reason: str | None = None
        try:
            operands = self._operands(args), self._operands(kwargs)
        except Undecided as error:
            operands, reason = ((), {}), str(error)
        statistics = _statistics(plan.name, args)
        result = func(*args, **kwargs)
        own = _tensors(result)
        if plan.random and plan.rule is None:
            self.tainted = self.tainted or f"{plan.name} draws random numbers"
        if not own:
            self._leaves(plan, operands)
        shadows = self._follow(plan, operands, own, reason)
        for item in statistics:
            self.memory.write(item, unknown(item, f"{plan.name} moves running statistics along"))
        if plan.writes:
            self._write(plan, args, kwargs, own, shadows)
        else:
            given = _storages((args, kwargs))
            for item, shadow in zip(own, shadows, strict=True):
                if item.numel() and item.untyped_storage().data_ptr() in given:
                    continue  # a view, whatever the schema says
                self.memory.make(item, shadow)
        return result

    def _operands(self, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return self.memory.read(item)
        if isinstance(item, list | tuple):
            return type(item)(self._operands(entry) for entry in item)
        if isinstance(item, dict):
            return {key: self._operands(entry) for key, entry in item.items()}
        return item

    def _leaves(self, plan: _Plan, operands: tuple[Any, Any]) -> None:
        """A call that gives a number to Python: the number is followed by nothing, so that it had better be exact."""
        applied = Applied(plan.name, plan.overload, plan.function, *operands, [])
        for item in applied.shadows():
            if item.error is not None:
                self.tainted = self.tainted or item.lost or "control flow depends on rounding"

    def _follow(
        self, plan: _Plan, operands: tuple[Any, Any], own: Sequence[torch.Tensor], reason: str | None
    ) -> list[Shadow]:
        applied = Applied(plan.name, plan.overload, plan.function, *operands, own)
        if reason is None:
            reason = self.tainted
        if reason is None and not plan.moves:
            reason = next((item.lost for item in applied.shadows() if item.lost), None)
        if not own:
            return []
        if reason is None and plan.rule is None:
            self.missing.add(plan.name)
            reason = f"no error bound is known for {plan.name}"
        if reason is None and plan.rule is not None:
            try:
                found = plan.rule(applied)
                shadows = [found] if isinstance(found, Shadow) else list(found)
                if len(shadows) == len(own) and all(a.shape == b.shape for a, b in zip(shadows, own)):
                    return shadows
                reason = "the shape of a result depends on rounding"
            except Undecided as error:
                reason = str(error)
            except _RULE_ERRORS as error:
                reason = f"{plan.name} in float64: {str(error).splitlines()[0][:100] if str(error) else error!r}"
        return [unknown(item, reason or "") for item in own]

    def _write(
        self, plan: _Plan, args: Any, kwargs: Any, own: Sequence[torch.Tensor], shadows: Sequence[Shadow]
    ) -> None:
        targets = [args[at] if at < len(args) else kwargs.get(name) for at, name in plan.writes]
        plain = len(targets) == 1 and isinstance(targets[0], torch.Tensor) and len(shadows) == 1
        if plain and own[0].shape == targets[0].shape and plan.function is not None:
            self.memory.write(targets[0], shadows[0])
            return
        for item in _tensors(targets):
            self.memory.write(item, unknown(item, f"{plan.name} writes in a way that is not followed"))
        for item in own:
            self.memory.make(item, unknown(item, f"{plan.name} writes in a way that is not followed"))


def _statistics(name: str, args: Any) -> list[torch.Tensor]:
    """Running statistics that a call writes: those of a normalisation in training."""
    if name not in _STATISTICS or (name == "native_batch_norm" and not args[5]):
        return []
    return [args[at] for at in _STATISTICS[name] if isinstance(args[at], torch.Tensor)]


def _tensors(item: Any) -> list[torch.Tensor]:
    if isinstance(item, torch.Tensor):
        return [item]
    if isinstance(item, list | tuple):
        return [tensor for entry in item for tensor in _tensors(entry)]
    return []


def _storages(item: Any) -> set[int]:
    found: set[int] = set()

    def visit(entry: Any) -> None:
        if isinstance(entry, torch.Tensor):
            if entry.numel():
                found.add(entry.untyped_storage().data_ptr())
        elif isinstance(entry, list | tuple):
            for part in entry:
                visit(part)
        elif isinstance(entry, dict):
            for part in entry.values():
                visit(part)

    visit(item)
    return found


def uncovered(graph: Graph, inputs: Sequence[torch.Tensor]) -> list[str]:
    """Public operators of a graph's calls that have parts without a rule, call by call.

    Draws of random numbers are none, and neither are calls whose operands alone are in the way.
    """
    env = {value.name: item.detach() for value, item in zip(graph.inputs, inputs, strict=True)}
    found = []
    for node, call in zip(graph.nodes, make_calls(graph), strict=True):
        assert isinstance(call, Call), "only widening can fail"
        mode = Analysis()
        for item in env.values():
            mode.memory.give(item)
        with torch.no_grad(), mode:
            results = call(env)
        if mode.missing:
            found.append(node.op)
        env.update(zip((value.name for value in node.outputs), results, strict=False))
    return found


@dataclass(frozen=True)
class Analysed:
    """What the analysis of a graph gave: shadows of its values by name, and the operators that have no rule."""

    values: dict[str, Shadow]
    missing: frozenset[str]


def analyse(graph: Graph, inputs: Sequence[torch.Tensor]) -> Analysed:
    """Analyse a graph on inputs, which a program that writes in place writes.

    Returns:
        The shadows of what it returns and, as they are in the end, of its inputs. A shadow has ``lost`` set where
        nothing is known, and infinite errors where nothing is known of an element.

    Raises:
        RuntimeError and whatever else torch raises for a program that it does not run.
    """
    env = {value.name: item.detach() for value, item in zip(graph.inputs, inputs, strict=True)}
    mode = Analysis()
    for item in env.values():
        mode.memory.give(item)
    with torch.no_grad(), mode:
        for node, call in zip(graph.nodes, make_calls(graph), strict=True):
            assert isinstance(call, Call), "only widening can fail"
            mode.tainted = None
            if is_random(node):
                mode.tainted = f"{node.op} draws random numbers"
            results = call(env)
            # Composites may return what a Python-level part of them made after the taint, or views of operands.
            given = _storages([env[use] for use in node.uses]) if mode.tainted is not None else set()
            for item in _tensors(results):
                if not mode.memory.knows(item):
                    mode.memory.make(item, unknown(item, f"{node.op} makes it in a call that was not seen"))
                elif mode.tainted is not None and item.numel() and item.untyped_storage().data_ptr() not in given:
                    mode.memory.make(item, unknown(item, mode.tainted))
            env.update(zip((value.name for value in node.outputs), results, strict=False))
    values: dict[str, Shadow] = {}
    for wanted in (*graph.returns, *(value.name for value in graph.inputs)):
        try:
            values[wanted] = mode.memory.read(env[wanted])
        except Undecided as error:
            values[wanted] = unknown(env[wanted], str(error))
    return Analysed(values, frozenset(mode.missing))
