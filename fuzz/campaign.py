"""The campaign's life: open or resume its folder, start fork servers and lanes, stop, summarise."""

from __future__ import annotations

import fcntl
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from misfold.generators.support import Support
from misfold.programs.errors import MisfoldError, StoreError, TargetError, UsageError
from misfold.targets import registry, running
from misfold.targets.isolation.folders import private_folders
from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.protocol import Target
from misfold.triage.known.issues import read_issues
from misfold.triage.known.knowing import Knowledge, today

from .blocks import BLOCK, indices_of
from .coverage import worker
from .coverage.reached import Reached
from .coverage.sources import watched
from .examine import REFERENCE, Examiner
from .investigate import Investigator
from .lane import Lane, Stopped
from .papers import waiting
from .pending import Pending
from .settings import Settings
from .store import Bug, Campaign, Store
from .tally import Tally

# Without a budget of its own, what triage has left to do after the campaign's time may take half of that time more: one
# finding takes about a minute to reduce and localise, so never less than one, and no more than an hour.
TRIAGE_SHARE, TRIAGE_LEAST, TRIAGE_MOST = 0.5, 60.0, 3600.0
# Seconds that blocks under way may take to finish after the campaign's time is over; later they are dropped, and made
# again when the campaign is resumed.
FINISH = 20.0
# Seconds between two kept snapshots of the counters.
SAMPLE = 10.0


def find_targets(names: tuple[str, ...]) -> dict[str, Target]:
    """Instances of the targets of these names.

    Raises:
        TargetError: one is unknown or not installed.
    """
    targets = {name: registry.get(name) for name in names}
    for name, target in targets.items():
        missing = target.missing()
        if missing is not None:
            raise TargetError(f"target {name} cannot run here: {missing}; install it with: {target.install}")
    return targets


def collect_versions(targets: dict[str, Target]) -> dict[str, str]:
    """Versions of misfold, Python and everything that the targets name."""
    import platform

    try:
        own = version("misfold")
    except PackageNotFoundError:
        own = "unknown"
    versions = {"misfold": own, "python": platform.python_version(), "machine": platform.machine()}
    for target in targets.values():
        versions.update(target.versions())
    return versions


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against a second campaign.

    Raises:
        StoreError: another process runs a campaign in it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / "lock", "w")  # noqa: SIM115 - held until the end of the campaign
    except OSError as error:
        raise StoreError(f"{folder}: cannot be used as a campaign's folder: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"{folder}: another campaign is running here") from error
        yield
    finally:
        handle.close()


class Servers:
    """The fork servers of a campaign: one for making and judging cases, one per family of targets.

    ``coverage`` names the sources of coverage that a family's workers are to arm. ``preload`` is what a family's server
    calls once, with the names of the family's targets in the environment variable ``variable``; ``making`` what the
    server for making cases does.
    """

    def __init__(
        self,
        targets: Mapping[str, Any],
        folder: Path,
        limits: Limits,
        coverage: Mapping[str, Sequence[str]] | None = None,
        preload: str = running.PRELOAD,
        variable: str = running.FAMILY,
        making: str = "misfold.fuzz.produce:warm_up",
    ):
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        self.scratch = scratch
        environment = private_folders(scratch)
        self.servers = {REFERENCE: ForkServer(REFERENCE, [making], scratch / REFERENCE, limits, environment)}
        for target in targets.values():
            if target.family not in self.servers:
                family = [name for name, other in targets.items() if other.family == target.family]
                sources = ",".join((coverage or {}).get(target.family, ()))
                self.servers[target.family] = ForkServer(
                    target.family,
                    [preload, *([worker.PRELOAD] if sources else [])],
                    scratch / target.family,
                    limits,
                    {**environment, variable: ",".join(family), worker.VARIABLE: sources},
                )

    def start(self) -> None:
        """Start all at once; the first failure is raised when all have ended their attempt."""
        errors: list[BaseException] = []

        def begin(server: ForkServer) -> None:
            try:
                server.start()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=begin, args=(server,)) for server in self.servers.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            self.close()
            raise errors[0]

    def close(self) -> None:
        """End all servers and workers and remove their scratch files."""
        for server in self.servers.values():
            server.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Stop:
    """How a campaign is told to stop: by time (blocks finish), by one signal (soon), by two (now)."""

    def __init__(self) -> None:
        self.signals = 0
        self.ended: float | None = None
        #: When triage is over, after the last block; None as long as nothing bounds it.
        self.until: float | None = None

    def on_signal(self, _number: int, _frame: Any) -> None:
        self.signals += 1
        if self.signals >= 2:
            raise KeyboardInterrupt

    def end(self) -> None:
        """The campaign's time is over, or it cannot go on."""
        self.ended = self.ended or time.monotonic()

    def soon(self) -> bool:
        """A user wants it to stop."""
        return self.signals > 0

    def triage_for(self, seconds: float) -> None:
        """A lane's blocks are over: triage may go on for so long. The last lane that says so decides."""
        self.until = time.monotonic() + seconds

    def enough(self) -> bool:
        """Nothing more is to be triaged; what is under way is left for another run."""
        return self.soon() or (self.until is not None and time.monotonic() > self.until)

    def cut(self) -> bool:
        """Blocks under way are to be dropped."""
        return self.soon() or (self.ended is not None and time.monotonic() > self.ended + FINISH)

    def no_more(self) -> bool:
        """No further block is to be begun."""
        return self.soon() or self.ended is not None


class Runner:
    """A campaign that is running. ``run`` blocks until it is over; ``tally`` may be read meanwhile.

    ``grace`` bounds triage after the campaign's time, in seconds, in place of what the settings say. ``only_triage``:
    no further case is made.
    """

    def __init__(
        self, folder: Path, settings: Settings, grace: float | None = None, *, only_triage: bool = False
    ):  # fmt: skip
        self.folder, self.settings, self.grace, self.only_triage = folder, settings, grace, only_triage
        self.targets = self.find_targets(settings.targets)
        self.tally = Tally(settings.targets)
        self.stop = Stop()
        self.pending = Pending()
        # Of no length where drafts are left to ``misfold triage``.
        self.unwritten: deque[Bug] = deque(maxlen=None if settings.drafts else 0)
        self.reached: Reached | None = None
        self.knowledge = Knowledge()
        self.cases_before = 0
        self.errors: list[BaseException] = []
        self.started = time.monotonic()
        self._numbers = threading.Lock()
        self._accounted: float | None = None

    def open(self) -> None:
        """Open the folder's store: a new campaign, or the one that is there, whose settings must agree."""
        # Also where the file is there: an earlier run may have been killed before it had made the tables.
        self.store = Store(self.folder, create=True)
        self.versions = collect_versions(self.targets)
        known = self.store.campaign()
        if known is None and self.only_triage:
            raise StoreError(f"{self.folder}: no campaign was begun here; start it with: misfold run")
        if known is None:
            known = self.store.begin(self.settings.seed, self.settings.to_data(), self.versions, time.time())
        else:
            self.settings = resumed(Settings.from_data(known.settings), self.settings, self.folder)
        self.campaign: Campaign = known
        before = known.seconds
        if self.settings.coverage:
            self.reached = Reached(self.store, known, lambda: before + time.monotonic() - self.started)
        issues = read_issues(Path(self.settings.known)) if self.settings.known else []
        self.knowledge = Knowledge(issues, self.versions, today())
        #: Cases of the blocks that are there already.
        self.done = self.store.blocks(known)
        self.resumed = bool(self.done)
        self.cases_before = self.store.number_of_cases(known)
        self.pending.extend(finding for finding in self.store.findings() if finding.status == "new")
        self.unwritten.extend(waiting(self.store).bugs)
        self.next_block = 0

    def run(self, watch: Callable[[Runner], None]) -> None:
        """Run to the end. ``watch`` is called in this thread several times a second.

        Raises:
            StoreError, TargetError: the campaign cannot go on; all that was committed stays.
            KeyboardInterrupt: stopped at once.
        """
        with locked(self.folder), self._signals():
            self.open()
            limits = Limits(seconds=self.settings.case_seconds, memory=self.settings.memory)
            servers = self.make_servers(limits)
            threads: list[threading.Thread] = []
            try:
                servers.start()
                self.started = time.monotonic()
                self.tally.started = self.started
                threads = [
                    threading.Thread(target=self._lane, args=(servers, number), name=f"lane-{number}", daemon=True)
                    for number in range(self.settings.jobs)
                ]
                for thread in threads:
                    thread.start()
                self._watch(threads, watch)
            finally:
                self.stop.end()
                servers.close()
                self._account()
                self.store.close()
            if self.errors:
                raise self.errors[0]

    def _watch(self, threads: list[threading.Thread], watch: Callable[[Runner], None]) -> None:
        sampled = self._accounted = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            watch(self)
            moment = time.monotonic()
            if self.settings.time is not None and moment - self.started >= self.settings.time:
                self.stop.end()
            if moment - sampled >= SAMPLE and not self.errors:
                sampled = moment
                self._sample()
            time.sleep(0.25)
        if not self.errors:
            self._sample()
        watch(self)

    def _sample(self) -> None:
        try:
            self._account()
            if self.reached is not None:
                self.reached.flush()
            self.store.add_statistic(self.campaign, time.monotonic() - self.started, self.tally.snapshot())
        except MisfoldError as error:
            self.errors.append(error)
            self.stop.end()

    def _account(self) -> None:
        """Add the time since the last account to the campaign's running time."""
        if self.errors or self._accounted is None:
            return
        since, self._accounted = self._accounted, time.monotonic()
        self.store.add_seconds(self.campaign, self._accounted - since)

    def triage_seconds(self) -> float:
        """How long triage may go on after the last block."""
        if self.grace is not None:
            return self.grace if self.stop.ended else float("inf")
        if self.settings.triage_time is not None:
            return self.settings.triage_time
        if self.settings.time is None or not self.stop.ended:
            return float("inf")
        return min(max(TRIAGE_SHARE * self.settings.time, TRIAGE_LEAST), TRIAGE_MOST)

    def _block(self) -> int | None:
        count = self.settings.count
        with self._numbers:
            while self.done.get(self.next_block, -1) >= len(indices_of(self.next_block, count)):
                self.next_block += 1
            number = self.next_block
            if count is not None and number * BLOCK >= count:
                return None
            self.next_block += 1
            return number

    def _lane(self, servers: Servers, number: int) -> None:
        lane = self.make_lane(servers, servers.scratch / f"lane-{number}")
        lane.investigator.knowledge = self.knowledge
        try:
            while not self.only_triage and not self.stop.no_more():
                lane.triage(self.settings.triage_share)
                block = self._block()
                if block is None:
                    break
                with suppress(Stopped):
                    lane.block(block, self.settings.count, self.done.get(block, 0))
            # What is left to triage: all of it after a count, within the budget after a time.
            self.stop.triage_for(self.triage_seconds())
            while (self.pending or self.unwritten) and not self.stop.enough():
                lane.triage(1.1, once=True)
        except BaseException as error:
            self.errors.append(error)
            self.stop.end()
        finally:
            lane.examiner.close()

    def entries(self) -> int:
        """How many entries the corpus has; 0 where there is none."""
        return 0

    # -- what depends on the kind of program ---------------------------------------------------------------------------

    def find_targets(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Instances of the targets of these names."""
        return find_targets(names)

    def make_servers(self, limits: Limits) -> Servers:
        """The fork servers, not started yet."""
        coverage = watched(self.targets.values(), self.settings.coverage)
        return Servers(self.targets, self.folder, limits, coverage)

    def make_lane(self, servers: Servers, folder: Path) -> Any:
        """A lane with its own workers."""
        examiner = Examiner(servers.servers, self.targets, folder, self.settings.case_seconds, self.reached)
        investigator = Investigator(
            self.store, self.campaign, examiner, self.versions, time.time, self.unwritten, self.stop.enough
        )
        return Lane(
            self.settings, self.store, self.campaign, examiner, investigator,
            self._support(), self.tally, self.pending, self.stop.cut,
        )  # fmt: skip

    def _support(self) -> dict[str, Support]:
        tables = {name: Support.load(name, target.versions()) for name, target in self.targets.items()}
        return {name: table for name, table in tables.items() if table is not None}

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def resumed(old: Settings, new: Settings, folder: Path) -> Settings:
    """The stored settings with what a resumed run may change.

    Raises:
        UsageError: something else differs.
    """
    merged = replace(old, **{name: getattr(new, name) for name in Settings.FREE})
    for name in ("targets", "seed", "generator", "pipelines", "kernels", "loop"):
        if getattr(new, name) != getattr(old, name):
            raise UsageError(
                f"{folder} holds a campaign with {name} {getattr(old, name)!r}, not {getattr(new, name)!r}; "
                "leave the option out to resume it, or choose another folder"
            )
    return merged
