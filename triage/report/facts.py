"""All that a report says of a bug, as data: gathered once, laid out by each project's template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure

from ..localise.blame import Blame
from ..script import Ran
from .measures import Measure

#: What a target did, in the words of a report.
DEEDS = {
    "values": "gives a wrong result",
    "crash": "ends the process",
    "hang": "does not come to an end",
    "stamped": "writes to memory that is not its own",
    "compile-error": "fails to compile a program that eager PyTorch runs",
    "run-error": "compiles the program, and raises when it is run",
}


@dataclass(frozen=True)
class Trial:
    """One run in a fresh process just now: ``failure`` says how it failed (the same text, the same failure), '' if it
    did not; ``words`` is the verdict with its explanation."""

    failure: str
    words: str


@dataclass(frozen=True)
class Similar:
    """A known failure that may be the same: where it is noted, what it says, a link if there is one.

    ``same``: it explains this very failure.
    """

    where: str
    what: str
    link: str | None = None
    same: bool = False


@dataclass(frozen=True)
class Origin:
    """How the bug was found. ``details`` are lines for people; ``reduced``: whether its case is known to be reduced."""

    details: tuple[str, ...] = ()
    reduced: bool = False


@dataclass(frozen=True)
class Facts:
    """What a report says.

    Attributes:
        name: ``B3``, or a case file's name.
        title: one line.
        target, pipeline: what failed, and compiled how.
        kind: of outcome (``values`` is a wrong result).
        verdict, oracle, explanation: why it is wrong.
        supports: the side that float64 supports, ``eager`` or ``target``, where values were compared.
        program: the program's text: a Python function, or a kernel in the loop IR's syntax.
        case: the case, for drawing it.
        script: the self-contained script; ``ran`` is what it did just now.
        trials: what the case did in fresh processes just now.
        failure: of a target that raised or died.
        blame: where the failure comes from, or None where that was not asked.
        versions: of the target's packages.
        system: operating system, architecture, Python, by name.
        environment: output of ``torch.utils.collect_env``, or why there is none.
        measures: how far each side is from float64, by output.
        undefined: why the program's meaning is not defined, or None.
        eager: why eager PyTorch (for kernels the interpreter) gives nothing to compare with, or None.
        finite: whether all that eager and float64 give is finite.
        status: the finding's in its campaign, '' for a case file.
    """

    name: str
    title: str
    target: str
    pipeline: Pipeline
    kind: str
    verdict: str
    oracle: str
    explanation: str
    program: str
    case: Any
    script: str
    ran: Ran
    trials: tuple[Trial, ...]
    supports: str | None = None
    failure: Failure | None = None
    blame: Blame | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    measures: tuple[Measure, ...] = ()
    undefined: str | None = None
    eager: str | None = None
    finite: bool = True
    similar: tuple[Similar, ...] = ()
    origin: Origin = Origin()
    status: str = ""
    kernel: bool = False

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators of a graph; none of a kernel."""
        return () if self.kernel else tuple(dict.fromkeys(self.case.graph.operators))
