"""Reduction of kernels: fewer passes and statements, shorter loops, simpler expressions, smaller buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from misfold.compiler.errors import VerificationError
from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import all_expressions, statements
from misfold.programs.errors import MisfoldError
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline

from . import kernel_tiers as tiers
from . import tvmscript
from .pipelines import pipeline_weight, simpler_pipelines
from .search import PASSES, SAME, Answer, Bounds, Search

# As for graphs; statements that go make room for each other more often.
ROUNDS = 6
_TIERS: tuple[tuple[str, Callable[[Function], Iterator[Function]]], ...] = (
    ("statements", tiers.without_statements),
    ("simpler statements", tiers.simpler_statements),
    ("expressions", tiers.simpler_expressions),
    ("parameters", tiers.without_parameters),
    ("element types", tiers.plainer_types),
    ("buffers", tiers.smaller_buffers),
)


class KernelReduction:
    """A reduction of a kernel that names one target's pipeline. ``usual`` are the target's own, the default first."""

    def __init__(self, search: Search[KernelCase], target: str, usual: Sequence[Pipeline] = ()):
        self.search, self.target, self.usual = search, target, usual

    def run(self) -> KernelCase:
        """All tiers, until nothing more goes or a bound is reached."""
        search = self.search
        search.exhaust("pipeline", self._pipelines)
        before: KernelCase | None = None
        for _ in range(ROUNDS):
            if before == search.case or search.over:
                break
            before = search.case
            if isinstance(search.case, TVMScriptCase):
                for name, texts in tvmscript.TIERS:
                    search.exhaust(name, tvmscript.candidates(texts))
                continue
            for name, tier in _TIERS:
                search.exhaust(name, self._functions(tier))
        search.exhaust("pipeline", self._pipelines)
        return search.case

    def normalise(self) -> KernelCase:
        """Plainer operators, so that findings of one bug look alike."""
        if isinstance(self.search.case, TVMScriptCase):
            return self.search.case
        if self.search.exhaust("plainer operators", self._functions(tiers.plainer_operators)):
            for name, tier in _TIERS:
                self.search.exhaust(name, self._functions(tier))
        return self.search.case

    def _pipelines(self, case: KernelCase) -> Iterator[KernelCase]:
        if self.target in case.pipelines:
            for pipeline in simpler_pipelines(case.pipelines[self.target], self.usual):
                yield replace(case, pipelines={self.target: pipeline})

    def _functions(
        self, tier: Callable[[Function], Iterator[Function]]
    ) -> Callable[[KernelCase], Iterator[KernelCase]]:
        def candidates(case: KernelCase) -> Iterator[KernelCase]:
            for function in tier(case.function):
                if _sound(function):
                    yield replace(case, function=function)

        return candidates


def kernel_weight(target: str, usual: Sequence[Pipeline]) -> Callable[[KernelCase], Any]:
    """What reduction makes smaller: the pipeline before the kernel."""

    def weigh(case: KernelCase | TVMScriptCase) -> Any:
        pipeline = case.pipelines.get(target)
        if isinstance(case, TVMScriptCase):
            return (() if pipeline is None else pipeline_weight(pipeline, usual), tvmscript.weight(case.script))
        return (() if pipeline is None else pipeline_weight(pipeline, usual), tiers.weight(case.function))

    return weigh


def reduce_kernel(
    case: KernelCase,
    target: str,
    fails: Callable[[KernelCase], bool],
    budget: int = 200,
    usual: Sequence[Pipeline] = (),
) -> KernelCase:
    """The smallest case found that ``fails`` accepts, after at most ``budget`` tests."""

    def test(candidate: KernelCase) -> Answer:
        return Answer(SAME if fails(candidate) else PASSES)

    search = Search(case, [test], kernel_weight(target, usual), Bounds(budget, float("inf")))
    return KernelReduction(search, target, usual).run()


def size(function: Function) -> int:
    """Statements and expression nodes."""
    return sum(1 for _ in statements(function.body)) + sum(1 for _ in all_expressions(function.body))


def _sound(function: Function) -> bool:
    try:
        verify(function)
    except (VerificationError, MisfoldError):
        return False
    return True
