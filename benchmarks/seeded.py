"""Findings of seeded faults: programs that fail with a fault of ``benchmarks.faults`` switched on, and not without.

Each starts from the fault's witness and is changed several times by the mutators of campaigns, so that what is at fault
lies in a program of its own. Workers run the stock target ``misfold`` with the fault in place around every service.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from misfold.fuzz.campaign import Servers, find_targets
from misfold.fuzz.examine import REFERENCE, Examination, Examiner
from misfold.fuzz.kernels.campaign import MAKING, find_kernel_targets
from misfold.fuzz.kernels.examine import KernelExaminer
from misfold.mutators.graphs.mutate import mutate_graph
from misfold.mutators.kernels import mutate
from misfold.programs.errors import TargetError
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline
from misfold.targets import running
from misfold.targets.isolation.answer import Answer
from misfold.targets.isolation.limits import Limits
from misfold.targets.kernels import running as kernel_running

from .faults import Fault, catalogue

TARGET = "misfold"
SERVICE = "benchmarks.seeded:serve"
#: Seconds for one run: compiling a witness takes tenths of one.
SECONDS = 20.0
#: Changes that make a finding out of a witness.
CHANGES = (3, 9)
#: So many programs are tried for each finding that is wanted.
ATTEMPTS = 12


def preload_kernels() -> None:
    """As for kernel targets; and all faults, whose modules take seconds to import, before workers are forked."""
    kernel_running.warm_up()
    catalogue()


def preload_graphs() -> None:
    """As for graph targets, and all faults."""
    running.warm_up_family()
    catalogue()


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Another service (``service``, ``request``) with the compiler's ``faults`` in place."""
    from .faults import fault

    module, _, name = request["service"].partition(":")
    with fault(*request["faults"]):
        answer: dict[str, Any] = getattr(importlib.import_module(module), name)(request["request"])
    return answer


class _Seeded:
    """An examiner whose targets' workers have ``faults`` in place; references have not."""

    faults: tuple[str, ...] = ()

    def call(self, server: str, service: str, request: dict[str, Any], seconds: float, fresh: bool = False) -> Answer:
        """As of the base, through ``serve``."""
        if server != REFERENCE and self.faults:
            request = {"faults": list(self.faults), "service": service, "request": request}
            service = SERVICE
        return super().call(server, service, request, seconds, fresh)  # type: ignore[misc,no-any-return]


class SeededExaminer(_Seeded, Examiner):
    """For graphs."""


class SeededKernelExaminer(_Seeded, KernelExaminer):
    """For kernels."""


@dataclass(frozen=True)
class Seeded:
    """A finding with its true cause."""

    fault: Fault
    examination: Examination


@contextmanager
def examiner(kernel: bool) -> Iterator[Any]:
    """An examiner with workers of its own."""
    # Workers import this module, which is in no installed package.
    paths = [str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    targets: Any = find_kernel_targets((TARGET,)) if kernel else find_targets((TARGET,))
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        limits = Limits(seconds=SECONDS)
        if kernel:
            servers = Servers(
                targets, Path(folder), limits,
                preload=f"{__name__}:preload_kernels", variable=kernel_running.TARGETS, making=MAKING,
            )  # fmt: skip
        else:
            servers = Servers(targets, Path(folder), limits, preload=f"{__name__}:preload_graphs")
        kind: Any = SeededKernelExaminer if kernel else SeededExaminer
        try:
            servers.start()
            made = kind(servers.servers, targets, Path(folder) / "lane", SECONDS)
            try:
                yield made
            finally:
                made.close()
        finally:
            servers.close()


def sample(kernel: bool, count: int, names: Sequence[str] = ()) -> list[Fault]:
    """Faults whose witness is of a kind, spread evenly over the catalogue."""
    known = [one for one in catalogue().values() if one.is_kernel == kernel and (not names or one.name in names)]
    step = max(1, len(known) // count) if count else 1
    return known[::step][:count] if count else known


def findings(examiner: Any, fault: Fault, count: int, seed: int) -> Iterator[Seeded]:
    """Up to ``count`` findings of a fault; the first is its witness."""
    examiner.faults = (fault.name,)
    witness = fault.witness.case
    pipeline = witness.pipelines.get(TARGET) or examiner.targets[TARGET].pipelines()[0]
    seen: set[str] = set()
    made = 0
    for attempt in range(ATTEMPTS * count):
        if made == count:
            return
        case = witness if not attempt else changed(witness, Random(f"{seed} {fault.name} {attempt}"))
        if case is None or case.hash in seen:
            continue
        seen.add(case.hash)
        found = fails_only_with(examiner, fault, replace(case, pipelines={TARGET: pipeline}), pipeline)
        if found is not None:
            made += 1
            yield Seeded(fault, found)


def fails_only_with(examiner: Any, fault: Fault, case: Any, pipeline: Pipeline) -> Examination | None:
    """The examination of a case that fails with the fault and passes without."""
    try:
        examiner.faults = (fault.name,)
        found: Examination = examiner.examine(case, TARGET, pipeline)
        if not found.bad:
            return None
        examiner.faults = ()
        return None if examiner.examine(case, TARGET, pipeline).bad else found
    except TargetError:
        return None  # No oracle can judge the case, so no campaign would have found it.
    finally:
        examiner.faults = (fault.name,)


def changed(witness: Any, random: Random) -> Any:
    """The witness after several changes; None if none could be made."""
    case = witness
    for _ in range(random.randint(*CHANGES)):
        if isinstance(case, KernelCase):
            mutated = mutate(case.function, random)
            other = None if mutated is None else replace(case, function=mutated.function)
        else:
            other = mutate_graph(case, random)
        case = other if other is not None else case
    return None if case is witness else case
