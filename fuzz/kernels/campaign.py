"""A campaign of kernels: the graph campaign's life, with the joint loop in its lanes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from misfold.mutators.kernels import MUTATORS
from misfold.mutators.legality import Legality
from misfold.mutators.tvm.names import TVM_MUTATORS
from misfold.programs.errors import TargetError
from misfold.programs.kernel_tvmscript import is_tvmscript_case
from misfold.targets.isolation.folders import private_folders
from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.kernels import registry, running

from ..campaign import Runner, Servers
from ..coverage.sources import chosen
from ..joint import rows
from ..joint.corpus import Entry
from ..joint.scheduler import Scheduler
from ..joint.settings import LoopSettings
from . import seeds
from .examine import KernelExaminer
from .investigate import KernelInvestigator
from .lane import KernelLane

MAKING = "misfold.fuzz.kernels.produce:warm_up"


def find_kernel_targets(names: tuple[str, ...]) -> dict[str, Any]:
    """Instances of the kernel targets of these names.

    Raises:
        TargetError: one is unknown or not installed.
    """
    targets = {name: registry.get(name) for name in names}
    for name, target in targets.items():
        missing = target.missing()
        if missing is not None:
            raise TargetError(f"target {name} cannot run here: {missing}; install it with: {target.install}")
    return targets


def kernel_servers(
    targets: Mapping[str, Any],
    folder: Path,
    limits: Limits,
    coverage: Mapping[str, Sequence[str]] | None = None,
    scripts: bool = True,
) -> Servers:
    """The fork servers for kernel targets, not started yet. ``scripts``: programs that only TVM can hold are made or
    interpreted too, for which there is a server of its own if any of the targets takes them."""
    servers = Servers(
        targets, folder, limits, coverage, preload=running.PRELOAD, variable=running.TARGETS, making=MAKING
    )  # fmt: skip
    if scripts and any(target.scripts for target in targets.values()):
        _add_seed_server(servers, limits)
    return servers


def _add_seed_server(servers: Servers, limits: Limits) -> None:
    """Add the fork server in which programs that only TVM can hold are made and interpreted."""
    servers.servers[seeds.SERVER] = ForkServer(
        seeds.SERVER, [seeds.PRELOAD], servers.scratch / seeds.SERVER, limits, private_folders(servers.scratch)
    )


class KernelScheduler(Scheduler):
    """Knows which mutators are for programs that only TVM can hold."""

    def fitting(self, entry: Entry) -> list[str]:
        script = is_tvmscript_case(entry.text)
        return [name for name in self.bandit.shares() if (name in TVM_MUTATORS) == script]


class KernelRunner(Runner):
    """A kernel campaign that is running."""

    def find_targets(self, names: tuple[str, ...]) -> dict[str, Any]:
        return find_kernel_targets(names)

    #: All lanes of this run.
    lanes: list[KernelLane]

    def open(self) -> None:
        super().open()
        self.lanes = []
        loop = LoopSettings.from_data(self.settings.loop)
        mutators = {name: one.general for name, one in MUTATORS.items()}
        if self._scripts():
            mutators |= TVM_MUTATORS
        self.scheduler: Scheduler = KernelScheduler(
            self.settings.seed, loop, self.settings.targets, mutators, self.cases_before
        )
        self.legality = {name: Legality(target.pass_space().after) for name, target in self.targets.items()}
        entries, learnt = rows.load(self.store, self.campaign)
        for entry in entries:
            self.scheduler.corpora[entry.target].restore(entry)
        self.scheduler.bandit.load(learnt.get("bandit", {}))
        for name in self.legality:
            if f"legality {name}" in learnt:
                self.legality[name] = Legality.from_data(learnt[f"legality {name}"])

    def entries(self) -> int:
        return self.scheduler.size()

    def make_servers(self, limits: Limits) -> Servers:
        coverage = chosen({target.family for target in self.targets.values()}, self.settings.coverage)
        wanted = bool(LoopSettings.from_data(self.settings.loop).seeds)
        return kernel_servers(self.targets, self.folder, limits, coverage, scripts=wanted)

    def _scripts(self) -> bool:
        return any(target.scripts for target in self.targets.values())

    def make_lane(self, servers: Servers, folder: Path) -> KernelLane:
        examiner = KernelExaminer(servers.servers, self.targets, folder, self.settings.case_seconds, self.reached)
        investigator = KernelInvestigator(
            self.store, self.campaign, examiner, self.versions, time.time, self.unwritten, self.stop.enough
        )
        lane = KernelLane(
            self.settings, self.store, self.campaign, examiner, investigator,
            self.tally, self.pending, self.stop.cut, self.scheduler, self.legality,
        )  # fmt: skip
        self.lanes.append(lane)
        return lane
