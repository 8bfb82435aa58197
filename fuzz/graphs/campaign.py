"""A graph campaign with the joint loop in its lanes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from misfold.mutators.graphs.names import GENERAL
from misfold.targets.isolation.limits import Limits

from ..campaign import Runner, Servers
from ..coverage.sources import watched
from ..examine import Examiner
from ..investigate import Investigator
from ..joint import rows
from ..joint.scheduler import Scheduler
from ..joint.settings import LoopSettings
from .credit import Credit
from .evolving import Space
from .lane import GraphLane

MAKING = "misfold.fuzz.graphs.produce:warm_up"


class GraphRunner(Runner):
    """A campaign of graphs that is running.

    The joint loop needs something to go by: where nothing is watched (or none of the targets can be) all programs are
    generated, as they are without it, unless the loop is asked to go on blindly (``guided=false``).
    """

    def open(self) -> None:
        super().open()
        loop = LoopSettings.from_data(self.settings.loop)
        sources = watched(self.targets.values(), self.settings.coverage)
        self.joint = any(sources.values()) or not loop.guided
        if not self.joint:
            return
        self.scheduler = Scheduler(self.settings.seed, loop, self.settings.targets, GENERAL, self.cases_before)
        self.spaces = {name: Space.of(target.pipelines()) for name, target in self.targets.items()}
        self.credit = Credit()
        entries, learnt = rows.load(self.store, self.campaign)
        for entry in entries:
            self.scheduler.corpora[entry.target].restore(entry)
        self.scheduler.bandit.load(learnt.get("bandit", {}))

    def entries(self) -> int:
        return self.scheduler.size() if self.joint else 0

    def make_servers(self, limits: Limits) -> Servers:
        if not self.joint:
            return super().make_servers(limits)
        coverage = watched(self.targets.values(), self.settings.coverage)
        return Servers(self.targets, self.folder, limits, coverage, making=MAKING)

    def make_lane(self, servers: Servers, folder: Path) -> Any:
        if not self.joint:
            return super().make_lane(servers, folder)
        examiner = Examiner(servers.servers, self.targets, folder, self.settings.case_seconds, self.reached)
        investigator = Investigator(
            self.store, self.campaign, examiner, self.versions, time.time, self.unwritten, self.stop.enough
        )
        return GraphLane(
            self.settings, self.store, self.campaign, examiner, investigator,
            self._support(), self.tally, self.pending, self.stop.cut,
            scheduler=self.scheduler, spaces=self.spaces, credit=self.credit,
        )  # fmt: skip
