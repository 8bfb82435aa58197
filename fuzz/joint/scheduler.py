"""What to try next, and what to learn from it. Shared by a campaign's lanes."""

from __future__ import annotations

import random
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .bandit import Bandit
from .corpus import Corpus, Entry
from .settings import LoopSettings

#: Programs that a mutator may splice from, and pipelines likewise.
DONORS = 3


@dataclass(frozen=True)
class Plan:
    """One step. ``what`` is ``generate``, ``program`` (mutate it) or ``pipeline`` (keep the program, mutate that)."""

    what: str
    seed: int
    target: str
    parent: Entry | None = None
    mutator: str | None = None
    donors: tuple[str, ...] = ()
    donor_pipelines: tuple[dict[str, Any], ...] = ()


class Scheduler:
    """Makes plans out of the corpus and one random source, and takes results back.

    ``mutators`` maps the names of the program mutators to whether they are general ones. ``begun`` is how many cases
    there were before: a campaign that goes on makes other plans than it began with.
    """

    def __init__(
        self, seed: int, settings: LoopSettings, targets: Sequence[str], mutators: Mapping[str, bool], begun: int = 0
    ):
        self.settings, self.targets = settings, tuple(targets)
        usable = [name for name, general in mutators.items() if general or settings.specific]
        self.bandit = Bandit(usable)
        self.corpora = {target: Corpus(settings.corpus, settings.rarity) for target in targets}
        self._source = random.Random(f"joint loop {seed} {begun}")
        self._lock = threading.RLock()

    def plan(self, due: Container[str] | None = None) -> Plan:
        """The next step, for one of the targets that are ``due``; None: all are."""
        with self._lock:
            source, settings = self._source, self.settings
            target = source.choice([name for name in self.targets if due is None or name in due])
            corpus = self.corpora[target]
            seed = source.getrandbits(48)
            mutable = settings.programs or settings.pipelines
            if not corpus.entries or not mutable or source.random() < settings.fresh:
                return Plan("generate", seed, target)
            parent = corpus.choose(source)
            # The paper's rule: the program, until that has stalled for a while; then the pipeline.
            stalled = parent.stalls >= settings.stalls
            if settings.pipelines and (stalled or not settings.programs):
                others = tuple(source.choice(corpus.entries).pipeline for _ in range(DONORS))
                return Plan("pipeline", seed, target, parent, donor_pipelines=others)
            usable = self.fitting(parent)
            mutator = self.bandit.choose(source, usable) if settings.bandit else source.choice(usable)
            donors = tuple(source.choice(corpus.entries).text for _ in range(DONORS))
            return Plan("program", seed, target, parent, mutator, donors)

    def fitting(self, entry: Entry) -> list[str]:
        """The mutators of programs that an entry's can be mutated by: all, unless there are several kinds of
        programs."""
        return list(self.bandit.shares())

    def learn(
        self,
        plan: Plan,
        text: str,
        pipeline: dict[str, Any],
        new: Iterable[tuple[str, int]],
        mutator: str | None = None,
        digest: str = "",
        valid: bool = True,
    ) -> Entry | None:
        """Tell what a plan's case reached for the first time; the entry, if it was kept.

        ``mutator`` is the one that was applied at last, where the planned one found nothing to do. A case that is not
        ``valid`` (the target refused it, or it is undefined) counts as a stall and is never kept.
        """
        earned = tuple(new)
        with self._lock:
            self._account(plan, mutator, bool(earned))
            if not valid or (self.settings.guided and not earned):
                return None
            return self.corpora[plan.target].add(
                text, plan.target, pipeline, earned, plan.parent, mutator or plan.what, digest
            )

    def learn_all(
        self,
        plan: Plan,
        text: str,
        pipelines: dict[str, Any],
        earned: Mapping[str, Iterable[tuple[str, int]]],
        valid: bool,
    ) -> list[Entry]:
        """As ``learn``, of a case that ran on several targets: what it was the first to reach in each, and the entries
        kept, one for each of these targets. ``pipelines`` are by target; ``valid`` is of the plan's own."""
        found = {target: tuple(points) for target, points in earned.items() if target in self.corpora}
        found = {target: points for target, points in found.items() if points}
        with self._lock:
            self._account(plan, None, bool(found))
            if not self.settings.guided and valid:
                found.setdefault(plan.target, ())
            name = plan.mutator or plan.what
            kept = [
                self.corpora[target].add(text, target, pipelines, points, plan.parent, name)
                for target, points in found.items()
            ]
            if found and plan.parent is not None:
                plan.parent.stalls = 0
            return kept

    def _account(self, plan: Plan, mutator: str | None, earned: bool) -> None:
        name = mutator or plan.mutator
        if plan.what == "program" and name is not None and name in self.bandit.shares():
            self.bandit.reward(name, earned)
        if plan.parent is not None:
            if plan.what == "pipeline":
                # A new pipeline gives the program another chance.
                plan.parent.stalls = 0
            elif not earned:
                plan.parent.stalls += 1

    def size(self) -> int:
        """Entries in all."""
        return sum(len(corpus) for corpus in self.corpora.values())
