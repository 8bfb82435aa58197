"""A lane of a graph campaign that is steered by coverage: the joint loop's plans in the place of a list of indices."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from misfold.programs.case import Case
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome

from ..joint import rows as corpus_rows
from ..joint.corpus import Entry
from ..joint.scheduler import Plan, Scheduler
from ..lane import Lane, Made
from ..texts import packed
from .credit import Credit
from .evolving import Space, draw, evolve

MAKE = "misfold.fuzz.graphs.produce:make"
#: Points reached first, as (source, point).
Points = list[tuple[str, int]]


class GraphLane(Lane):
    """Works on blocks of the joint loop's steps until told to stop.

    A case runs on every target, each with a pipeline of its own. What it is the first to reach in one makes it an entry
    of that target's corpus. A step that keeps a program and changes the pipeline of one target runs on that one alone.
    """

    MAKE = MAKE

    def __init__(self, *parts: Any, scheduler: Scheduler, spaces: Mapping[str, Space], credit: Credit):
        super().__init__(*parts)
        self.scheduler, self.spaces, self.credit = scheduler, spaces, credit
        self._kept: list[Entry] = []
        self._begin([])

    def _begin(self, plans: Sequence[tuple[int, Plan]]) -> None:
        self._plans = dict(plans)
        #: By the identity of the case: the same program may be there with several pipelines.
        self._indices: dict[int, int] = {}
        self._pipelines: dict[int, dict[str, Pipeline]] = {}
        self._earned: dict[int, dict[str, Points]] = {}
        self._valid: set[tuple[int, str]] = set()

    def _part(self, number: int, part: Sequence[int], due: frozenset[str]) -> tuple[list[Made], list[dict[str, Any]]]:
        # What is planned together does not learn from each other.
        self._begin([(index, self.scheduler.plan(due)) for index in part])
        made, rows = self._make([self._request(index, plan) for index, plan in self._plans.items()])
        self._indices = {id(item.case): item.index for item in made}
        how = [self._plans[item.index].what for item in made]
        self.tally.count_cases(len(made), len(part) - len(made), how)
        return made, rows

    def _ended(self, made: Sequence[Made], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._kept += self._learn(made)
        texts = {item.index: packed(self._complete(item).text) for item in made}
        return [row | {"text": texts.get(row["index"])} for row in rows]

    def _save(self) -> None:
        super()._save()
        kept, self._kept = self._kept, []
        corpus_rows.save(self.store, self.campaign, kept, {"bandit": self.scheduler.bandit.to_data()})

    # -- making --------------------------------------------------------------------------------------------------------

    def _request(self, index: int, plan: Plan) -> dict[str, Any]:
        support = self.support.get(plan.target)
        only = None if support is None else {"target": support.target, "versions": dict(support.versions)}
        request: dict[str, Any] = {"index": index, "what": plan.what, "seed": plan.seed, "only": only}
        if plan.parent is not None:
            request |= {"text": plan.parent.text, "mutator": plan.mutator, "donors": list(plan.donors)}
        return request

    def _row_of_case(self, item: Mapping[str, Any], case: Case, note: str) -> dict[str, Any]:
        row = super()._row_of_case(item, case, note)
        plan = self._plans[item["index"]]
        how = plan.mutator or plan.what
        row["note"] = f"{how}: {note}" if note else how
        return row

    def _wanted(self, target: str, item: Made) -> bool:
        plan = self._plans[item.index]
        return plan.what != "pipeline" or plan.target == target

    def _complete(self, item: Made) -> Case:
        return replace(item.case, pipelines=self._pipelines.get(item.index, {}))

    # -- running -------------------------------------------------------------------------------------------------------

    def _pipeline(self, target: str, batch: Sequence[Made]) -> Pipeline:
        chosen = self._evolved(target, batch) or super()._pipeline(target, batch)
        for item in batch:
            self._pipelines.setdefault(item.index, {})[target] = chosen
        return chosen

    def _evolved(self, target: str, batch: Sequence[Made]) -> Pipeline | None:
        """What the plans of a batch want it to be compiled with; None: they do not care."""
        loop = self.scheduler.settings
        if self.settings.pipelines or not loop.pipelines:
            return None
        plans = [self._plans[item.index] for item in batch if self._plans[item.index].parent is not None]
        for plan in plans:
            if plan.what == "pipeline":
                # A batch has one pipeline: the first that wants a new one decides.
                return self._mutated(target, plan)
        wishes = [plan for plan in plans if plan.target == target]
        if not wishes:
            return None
        source = random.Random(wishes[0].seed)
        return _of(source.choice(wishes).parent, target)

    def _mutated(self, target: str, plan: Plan) -> Pipeline | None:
        source, space = random.Random(plan.seed), self.spaces[target]
        if self.scheduler.settings.random_pipelines:
            return draw(source, space)
        donors = [Pipeline.from_data(data[target]) for data in plan.donor_pipelines if target in data]
        return evolve(_of(plan.parent, target) or space.default, source, space, donors)

    def _run(self, case: Case, target: str, pipeline: Pipeline, weight: int) -> Outcome:
        try:
            return super()._run(case, target, pipeline, weight)
        except TargetError as error:
            if any(pipeline == own for own in self.examiner.targets[target].pipelines()):
                raise
            # Options that exclude each other: the target says so before it compiles anything.
            self.examiner.new = {}
            return Outcome("rejected", failure=Failure("pipeline", str(error)))

    def _ran(self, target: str, members: Sequence[Case], outcome: Outcome) -> None:
        graphs = [case.graph for case in members]
        new = [(source, point) for source, points in self.examiner.new.items() for point in points]
        if new:
            for place in self.credit.thanked(target, graphs):
                index = self._indices.get(id(members[place]))
                if index is not None:
                    self._earned.setdefault(index, {}).setdefault(target, []).extend(new)
        if outcome.kind == "values":
            self.credit.saw(target, graphs)
            self._valid |= {(self._indices[id(case)], target) for case in members if id(case) in self._indices}

    def _learn(self, made: Sequence[Made]) -> list[Entry]:
        cases = {item.index: item.case for item in made}
        kept: list[Entry] = []
        for index, plan in self._plans.items():
            case = cases.get(index)
            pipelines = {target: one.to_data() for target, one in self._pipelines.get(index, {}).items()}
            earned = {
                target: points
                for target, points in self._earned.get(index, {}).items()
                if (index, target) in self._valid
            }
            valid = case is not None and (index, plan.target) in self._valid
            kept += self.scheduler.learn_all(plan, "" if case is None else case.text, pipelines, earned, valid)
        return kept


def _of(parent: Entry | None, target: str) -> Pipeline | None:
    data: Any = None if parent is None else parent.pipeline.get(target)
    return None if data is None else Pipeline.from_data(data)
