"""Reduction of cases of graphs: which tiers, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from misfold.programs.case import Case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import TensorValue

from .pipelines import pipeline_weight, simpler_pipelines
from .search import Search
from .tiers import attributes, dims, dtypes, inputs, nodes, operators, outputs, ranks
from .weight import weight

# Tiers make room for each other (a smaller shape for simpler values), but a third round hardly ever finds anything.
ROUNDS = 3


class GraphReduction:
    """A reduction of a case that names one target's pipeline.

    Args:
        capture: gives what each value of a case is when it is made; {} where eager cannot run it.
        usual: the target's own pipelines, the default first.
        output: the returned value that is wrong, where a verdict says so.
    """

    def __init__(
        self,
        search: Search[Case],
        target: str,
        usual: Sequence[Pipeline],
        capture: Callable[[Case], Mapping[str, TensorValue]],
        output: str | None = None,
    ):
        self.search, self.target, self.usual, self.capture, self.output = search, target, usual, capture, output

    def run(self) -> Case:
        """All tiers, until nothing more goes or a bound is reached."""
        search = self.search
        search.first("default pipeline", self._default(search.case))
        search.first("the wrong output", outputs.only(search.case, self.output))
        search.exhaust("half of the outputs", outputs.half_of_the_outputs)
        search.first("needed nodes", outputs.needed(search.case))
        search.first("window", nodes.window(self.capture)(search.case))
        before: Case | None = None
        for _ in range(ROUNDS):
            if before == search.case or search.over:
                break
            before = search.case
            self._structure()
            self._shapes()
            self._values()
        return search.case

    def normalise(self) -> Case:
        """Plainer operators and element types, so that findings of one bug look alike."""
        search = self.search
        search.exhaust("functions for methods", operators.functions)
        changed = search.exhaust("plainer operators", operators.plainer)
        if search.exhaust("element types", dtypes.plainest_types):
            changed = search.exhaust("plainer operators", operators.plainer) or changed
        changed = search.exhaust("plainest operators", operators.plainest) or changed
        if changed:
            search.sweep("attributes", attributes.attributes, _nodes)
            search.exhaust("dimensions", dims.smaller_dims)
        return search.case

    def _structure(self) -> None:
        search = self.search
        search.exhaust("fewer outputs", outputs.fewer_outputs)
        search.exhaust("nodes to inputs", nodes.without_some(self.capture))
        search.exhaust("nodes bypassed", nodes.bypassed)
        search.first("needed nodes", outputs.needed(search.case))
        search.exhaust("functional", operators.functional)
        search.exhaust("pipeline", self._pipelines)
        search.exhaust("gradients", inputs.without_gradients)

    def _shapes(self) -> None:
        search = self.search
        search.sweep("attributes", attributes.attributes, _nodes)
        search.first("dimensions of 1", dims.empty_or_single(search.case))
        search.exhaust("dimensions", dims.smaller_dims)
        search.exhaust("ranks", ranks.fewer_dimensions)
        search.exhaust("element types", dtypes.plainer_types)
        search.exhaust("strides", inputs.contiguous)

    def _values(self) -> None:
        search = self.search
        search.sweep("simple inputs", inputs.simple_values, _inputs)
        few = inputs.few_values(self.capture)
        for place in range(len(search.case.graph.inputs)):
            search.exhaust("few values", partial(_at, few, place))

    def _default(self, case: Case) -> Iterator[Case]:
        if self.usual and self.target in case.pipelines:
            yield self._with(case, self.usual[0])

    def _pipelines(self, case: Case) -> Iterator[Case]:
        if self.target in case.pipelines:
            for pipeline in simpler_pipelines(case.pipelines[self.target], self.usual):
                yield self._with(case, pipeline)

    def _with(self, case: Case, pipeline: Pipeline) -> Case:
        return replace(case, pipelines={self.target: pipeline})


def _at(changes: Callable[[Case, int], Iterator[Case]], place: int, case: Case) -> Iterator[Case]:
    return changes(case, place)


def _nodes(case: Case) -> int:
    return len(case.graph.nodes)


def _inputs(case: Case) -> int:
    return len(case.graph.inputs)


def graph_weight(target: str, usual: Sequence[Pipeline]) -> Callable[[Case], Any]:
    """What reduction makes smaller: the pipeline counts right behind the number of nodes."""

    def weigh(case: Case) -> Any:
        parts = weight(case)
        pipeline = case.pipelines.get(target)
        return (parts[0], () if pipeline is None else pipeline_weight(pipeline, usual), *parts[2:])

    return weigh
