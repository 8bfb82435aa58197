"""The oracles against honesty: evaluations that differ from eager only as any correct compiler may. None may be blamed.

Each variant is a target like any other. Except for running eager again, on one or more threads, they take functional
programs only, since they copy what a program would write in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from misfold.programs.aliasing import is_functional
from misfold.programs.case import Case, parse_case
from misfold.programs.graph import Graph, Node
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.protocol import Executable, Target, Unsupported
from misfold.targets.running import run_case

from .calls import Call, NoReference, make_call
from .judge import judge
from .kinds import base_name
from .reference import Reference, evaluate
from .verdict import Verdict

Runner = Callable[[Graph, Sequence[torch.Tensor]], Sequence[torch.Tensor]]
#: Programs read their inputs' memory itself, so that another layout is another program.
_LAYOUT_READERS = frozenset("as_strided as_strided_copy as_strided_scatter view view_as is_contiguous".split())
#: What torch, or an evaluation in other types, says of a call that it does not take.
REFUSALS: tuple[type[Exception], ...] = (NoReference, RuntimeError, TypeError, ValueError, IndexError)
#: Terms that a blocked sum adds up before it goes to the next block.
BLOCK = 7


class Variant(Target):
    """An honest evaluation as a target."""

    family = "torch"
    gradients = True

    def __init__(self, name: str, runner: Runner):
        self.name = name  # type: ignore[misc]
        self.runner = runner

    def missing(self) -> str | None:
        return None

    def versions(self) -> Mapping[str, str]:
        return {}

    def pipelines(self) -> Sequence[Pipeline]:
        return (Pipeline("honest"),)

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        if not is_functional(graph.nodes):
            raise Unsupported("the program writes in place")
        return lambda tensors: self.runner(graph, tensors)

    def is_rejection(self, error: BaseException) -> bool:
        # A variant may hit what a type or layout does not support; that says nothing about the oracles.
        return isinstance(error, (Unsupported, *REFUSALS))


def _own_types(graph: Graph, inputs: Sequence[torch.Tensor]) -> dict[str, torch.dtype]:
    """The program's own type of every value."""
    env = dict(zip((value.name for value in graph.inputs), (item.detach().clone() for item in inputs), strict=True))
    with torch.no_grad():
        for node in graph.nodes:
            env.update(zip((value.name for value in node.outputs), make_call(node)(env), strict=False))
    return {name: item.dtype for name, item in env.items()}


def _upcast(item: torch.Tensor, wide: torch.dtype) -> torch.Tensor:
    narrow = item.is_floating_point() and torch.finfo(item.dtype).bits < torch.finfo(wide).bits
    return item.to(wide) if narrow else item


def throughout(wide: torch.dtype) -> Runner:
    """Compute in a wider type from end to end and round the outputs: what a compiler that fuses everything does."""

    def run(graph: Graph, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        types = _own_types(graph, inputs)
        if not any(
            kind.is_floating_point and torch.finfo(kind).bits < torch.finfo(wide).bits for kind in types.values()
        ):
            raise Unsupported("nothing to widen")
        default = torch.get_default_dtype()
        torch.set_default_dtype(wide)
        try:
            env = {value.name: _upcast(item, wide) for value, item in zip(graph.inputs, inputs, strict=True)}
            for node in graph.nodes:
                env.update(zip((value.name for value in node.outputs), make_call(node, wide)(env), strict=False))
        finally:
            torch.set_default_dtype(default)
        return [env[name].to(types[name]) for name in graph.returns]

    return run


def rounded_nodes(graph: Graph, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    """Evaluate every operator in float64 and round its results: no error but one rounding per value."""
    types = _own_types(graph, inputs)
    env = dict(zip((value.name for value in graph.inputs), inputs, strict=True))
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        for node in graph.nodes:
            wide = {name: _upcast(env[name], torch.float64) for name in node.uses}
            for value, item in zip(node.outputs, make_call(node, torch.float64)(wide), strict=False):
                env[value.name] = item.to(types[value.name])
    finally:
        torch.set_default_dtype(default)
    return [env[name] for name in graph.returns]


def other_layout(graph: Graph, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    """The same inputs in other memory: images with channels last, everything else with its dimensions reversed."""
    if any(base_name(node.op) in _LAYOUT_READERS for node in graph.nodes):
        raise Unsupported("the program reads memory by its layout")
    env: dict[str, torch.Tensor] = {}
    for value, item in zip(graph.inputs, inputs, strict=True):
        if item.dim() == 4:
            env[value.name] = item.contiguous(memory_format=torch.channels_last)
        else:
            reversed_dims = tuple(reversed(range(item.dim())))
            env[value.name] = item.permute(reversed_dims).contiguous().permute(reversed_dims)
    for node in graph.nodes:
        env.update(zip((value.name for value in node.outputs), make_call(node)(env), strict=False))
    return [env[name] for name in graph.returns]


def blocked_sums(graph: Graph, inputs: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    """Sums and matrix products block by block, one after the other, as loops that a compiler tiled."""
    env = dict(zip((value.name for value in graph.inputs), inputs, strict=True))
    changed = False
    for node in graph.nodes:
        call = make_call(node)
        results = _blocked(node, call, env)
        changed |= results is not None
        env.update(zip((value.name for value in node.outputs), results or call(env), strict=False))
    if not changed:
        raise Unsupported("there is no sum in the program")
    return [env[name] for name in graph.returns]


def _blocked(node: Node, call: Call, env: Mapping[str, torch.Tensor]) -> list[torch.Tensor] | None:
    name = base_name(node.op)
    operands = [env[use] for use in node.uses]
    if not operands or node.kwargs or not all(item.is_floating_point() for item in operands):
        return None
    first, dtype = operands[0], operands[0].dtype
    accumulator = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    if name == "sum" and len(node.args) == 1 and first.numel() > BLOCK:
        parts = [part.to(accumulator).sum() for part in first.flatten().split(BLOCK)]
    elif name in ("mm", "bmm", "matmul") and len(node.args) == 2 and len(operands) == 2:
        second = operands[1]
        if first.dim() < 2 or second.dim() < 2 or first.shape[-1] <= BLOCK:
            return None
        pairs = zip(first.to(accumulator).split(BLOCK, -1), second.to(accumulator).split(BLOCK, -2), strict=True)
        parts = [left @ right for left, right in pairs]
    else:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return [total.to(dtype)]


#: Every honest evaluation by name, but for those that are eager itself.
VARIANTS: dict[str, Runner] = {
    "float32 throughout": throughout(torch.float32),
    "float64 throughout": throughout(torch.float64),
    "float64 in every operator": rounded_nodes,
    "other memory layout": other_layout,
    "blocked sums": blocked_sums,
}


def honest_variants(case: Case, threads: int = 2) -> Iterator[tuple[str, Outcome]]:
    """Outcomes of honest evaluations of a case, with the variant's name; those that do not take it are left out.

    ``threads``: how many threads one of them uses; 0 leaves it out. Threads cannot be had in a process that forks.
    """
    yield "again", run_case(Eager(), case)
    for name, runner in VARIANTS.items():
        outcome = run_case(Variant(name, runner), case)
        if outcome.kind != "rejected":
            yield name, outcome
    if threads:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield f"{threads} threads", run_case(Eager(), case)
        finally:
            torch.set_num_threads(before)


@dataclass(frozen=True)
class Alarm:
    """A verdict against an honest evaluation: an error of the oracles."""

    variant: str
    case: Case
    verdict: Verdict


@dataclass(frozen=True)
class Checked:
    """What checking one case gave: how many variants were judged, how many of those decided, and the false alarms."""

    judged: int
    decided: int
    alarms: tuple[Alarm, ...]


def check_case(case: Case, threads: int = 2, reference: Reference | None = None) -> Checked:
    """Judge all honest evaluations of a case."""
    eager = run_case(Eager(), case)
    if eager.kind != "values":
        return Checked(0, 0, ())
    reference = reference or evaluate(case, eager)
    alarms, judged, decided = [], 0, 0
    for name, outcome in honest_variants(case, threads):
        verdict = judge(case, eager, reference, outcome, aliases=name == "again" or name.endswith("threads"))
        judged += 1
        decided += verdict.kind != "undecided"
        if verdict.bad:
            alarms.append(Alarm(name, case, verdict))
    return Checked(judged, decided, tuple(alarms))


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``check_case`` as a service of a worker: ``case`` (a case file's text), optionally ``threads`` (0: not varied).

    The answer has ``judged``, ``decided`` and ``alarms``, each with ``variant`` and the fields of its verdict.
    """
    checked = check_case(parse_case(request["case"]), request.get("threads", 0))
    alarms = [{"variant": alarm.variant, **asdict(alarm.verdict)} for alarm in checked.alarms]
    return {"judged": checked.judged, "decided": checked.decided, "alarms": alarms}
