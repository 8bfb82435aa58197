"""A lane of a kernel campaign: plans, kernels, targets, verdicts, and what the joint loop learns from them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from misfold.mutators.legality import Legality
from misfold.mutators.pipelines import mutate_pipeline, names
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase, is_tvmscript_case, parse_any_kernel
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import FAILURES, Outcome

from ..blocks import parts_of
from ..examine import BAD, REFERENCE
from ..investigate import Investigator
from ..joint import rows
from ..joint.corpus import Entry
from ..joint.scheduler import Plan, Scheduler
from ..lane import Stopped, Triage
from ..pending import Pending
from ..settings import Settings
from ..store import Campaign, Store
from ..tally import Tally
from . import seeds
from .examine import DEFINED, KernelExaminer
from .expected import from_data

MAKE = "misfold.fuzz.kernels.produce:make"


class KernelLane(Triage):
    """Works on blocks of the joint loop's steps until told to stop."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        campaign: Campaign,
        examiner: KernelExaminer,
        investigator: Investigator,
        tally: Tally,
        pending: Pending,
        stopping: Callable[[], bool],
        scheduler: Scheduler,
        legality: Mapping[str, Legality],
    ):
        super().__init__(investigator, tally, pending)
        self.settings, self.store, self.campaign = settings, store, campaign
        self.examiner, self.stopping = examiner, stopping
        self.scheduler, self.legality = scheduler, legality
        #: What was made, by kind, and what of it was undefined or not taken: for measurements.
        self.made: Counter[str] = Counter()

    def block(self, number: int, limit: int | None, made: int = 0) -> None:
        """Carry out a block of steps, but for the ``made`` first ones, and commit what came of them.

        Raises:
            Stopped: the campaign is to stop; nothing but findings has been committed.
            StoreError: the store cannot be written.
        """
        cases: list[dict[str, Any]] = []
        outcomes: list[dict[str, Any]] = []
        kept: list[Entry] = []
        for part in parts_of(number, limit, made):
            # What is planned together does not learn from each other.
            plans = [self.scheduler.plan() for _ in part]
            items = self._make(plans)
            valid = sum("text" in item for item in items)
            how = [plan.what for plan, item in zip(plans, items) if "text" in item]
            self.tally.count_cases(valid, len(items) - valid, how)
            self.made.update(_what(plan, item) for plan, item in zip(plans, items))
            for index, plan, item in zip(part, plans, items, strict=True):
                if self.stopping():
                    raise Stopped
                row = {
                    "index": index, "hash": "", "nodes": 0, "exact": True, "gradient": False,
                    "note": item.get("note", ""),
                }  # fmt: skip
                cases.append(row)
                if "text" not in item:
                    self.scheduler.learn(plan, "", {}, (), valid=False)
                    continue
                case = parse_any_kernel(item["text"])
                row["hash"] = case.hash
                row["note"] = item["mutator"]
                outcome_row, entry = self._step(index, plan, case, item)
                outcomes.append(outcome_row)
                kept += [entry] if entry is not None else []
        start = time.perf_counter()
        self.store.finish_block(self.campaign, number, cases, outcomes)
        learnt = {"bandit": self.scheduler.bandit.to_data()}
        learnt |= {f"legality {name}": one.to_data() for name, one in self.legality.items()}
        rows.save(self.store, self.campaign, kept, learnt)
        self.tally.spend("store", time.perf_counter() - start)

    def _make(self, plans: list[Plan]) -> list[dict[str, Any]]:
        """What comes of the plans, in their order: those for scripts are carried out where TVM is."""
        start = time.perf_counter()
        scripts = [self._is_script(plan) for plan in plans]
        made = {
            script: iter(self._made([plan for plan, is_one in zip(plans, scripts) if is_one == script], script))
            for script in (False, True)
        }
        items = [next(made[script]) for script in scripts]
        self.tally.spend("generate", time.perf_counter() - start)
        return items

    def _is_script(self, plan: Plan) -> bool:
        if plan.parent is not None:
            return is_tvmscript_case(plan.parent.text)
        share = self.scheduler.settings.seeds if self.examiner.targets[plan.target].scripts else 0.0
        return random.Random(f"seeds {plan.seed}").random() < share

    def _made(self, plans: list[Plan], script: bool) -> list[dict[str, Any]]:
        """What comes of plans for one kind of program; one that kills the worker is tried alone and then given up."""
        if not plans:
            return []
        seconds = self.settings.making_seconds(len(plans))
        server, service = (seeds.SERVER, seeds.MAKE) if script else (REFERENCE, MAKE)
        answer = self.examiner.call(server, service, {"plans": list(map(_request, plans))}, seconds)
        if answer.data is not None:
            items: list[dict[str, Any]] = answer.data["items"]
            return items
        if len(plans) == 1:
            return [{"note": f"making the kernel failed: {answer.death.message if answer.death else 'no answer'}"}]
        return [item for plan in plans for item in self._made([plan], script)]

    def _step(
        self, index: int, plan: Plan, case: KernelCase | TVMScriptCase, item: dict[str, Any]
    ) -> tuple[dict[str, Any], Entry | None]:
        target = plan.target
        expected, digest = from_data(item["expected"]), item["expected"]["digest"]
        # A schedule that is at fault comes with the pipeline that shows it.
        pipeline = Pipeline.from_data(item["pipeline"]) if "pipeline" in item else self._pipeline(plan)
        start, inside = time.perf_counter(), self.examiner.in_target
        outcome = self.examiner.run(case, target, pipeline)
        verdict = self.examiner.judge(case, target, DEFINED, expected, outcome)
        inside = self.examiner.in_target - inside
        self.tally.spend("target", inside)
        self.tally.spend("judge", time.perf_counter() - start - inside)
        self.tally.count(target, outcome, verdict)
        legal = outcome.kind not in FAILURES
        if not legal and plan.parent is not None:
            # A pair that the target does not take counts as much as one that is undefined.
            self.made["mutated, failing"] += 1
        if pipeline.passes is not None:
            self.legality[target].learn(names(pipeline, self.examiner.targets[target].pass_space()), legal)
        new = [(source, point) for source, points in self.examiner.new.items() for point in points]
        entry = self.scheduler.learn(
            plan,
            case.text,
            pipeline.to_data(),
            new,
            item["mutator"],
            digest,
            valid=legal and outcome.kind != "rejected",
        )
        if verdict.kind in BAD:
            finding = self.investigator.report(case, index, target, pipeline, outcome, verdict)
            if finding is not None:
                self.pending.append(finding)
        return _row(index, target, pipeline, outcome, verdict.kind), entry

    def _pipeline(self, plan: Plan) -> Pipeline:
        """The pipeline of a step: the parent's, a mutated one, or one of the target's own."""
        system = self.examiner.targets[plan.target]
        source = random.Random(plan.seed)
        wanted = self.settings.pipelines
        own = [one for one in system.pipelines() if one.name in wanted] or list(system.pipelines())
        if plan.parent is None:
            usual = source.random() < self.settings.default_pipeline_share or len(own) == 1
            return _quick(own) if usual else source.choice(own[1:])
        parent = Pipeline.from_data(plan.parent.pipeline)
        if plan.what != "pipeline":
            return parent
        space = system.pass_space()
        if self.scheduler.settings.random_pipelines:
            drawn = source.choices(sorted(space.passes), k=source.randint(1, 12))
            return Pipeline("random", {}, tuple((name, {}) for name in drawn))
        donors = [Pipeline.from_data(data) for data in plan.donor_pipelines]
        return replace(mutate_pipeline(parent, source, space, donors, self.legality[plan.target]), name="evolved")


def _quick(own: list[Pipeline]) -> Pipeline:
    """The default pipeline, or the same without LLVM's own optimisations where there is that."""
    return next((one for one in own if one.name == "llvm-O0"), own[0])


def _what(plan: Plan, item: Mapping[str, Any]) -> str:
    """How a case came about, and whether anything came of it."""
    what = "mutated" if plan.parent is not None else "seed" if item.get("mutator") == "seed" else "generated"
    if "text" in item:
        return what
    what = "seed" if item["note"].startswith("seed:") else what
    return f"{what}, nothing to do" if "finds nothing to do" in item["note"] else f"{what}, undefined"


def _request(plan: Plan) -> dict[str, Any]:
    request: dict[str, Any] = {"what": plan.what, "seed": plan.seed}
    if plan.parent is not None:
        request |= {"text": plan.parent.text, "mutator": plan.mutator, "donors": list(plan.donors)}
    return request


def _row(index: int, target: str, pipeline: Pipeline, outcome: Outcome, verdict: str) -> dict[str, Any]:
    failure = outcome.failure
    return {
        "index": index, "target": target, "pipeline": pipeline.name, "kind": outcome.kind, "verdict": verdict,
        "seconds": outcome.seconds.get("total", 0.0),
        "note": "" if failure is None else f"{failure.type}: {failure.message[:200]}",
    }  # fmt: skip
