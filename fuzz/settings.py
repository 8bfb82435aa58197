"""What a campaign was asked to do: plain data, kept in the store, so that it can be resumed and repeated."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from misfold.generators.options import Options
from misfold.programs.errors import UsageError

DEFAULT_TARGETS = ("inductor", "tvm", "onnxruntime", "misfold")
#: Of campaigns of kernels.
KERNEL_TARGETS = ("tvm", "misfold")
#: Making is no target's work: a short limit for targets must not lose cases where the machine is busy. Seconds.
MAKING_SECONDS = 30.0
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII
)


def parse_duration(text: str, *, zero: bool = False) -> float:
    """Seconds of ``90``, ``45s``, ``5m``, ``1h30m``, ``2d``; nothing at all (``0s``) where ``zero`` allows it.

    Raises:
        UsageError: the text is none of these.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise UsageError(f"not a duration: {text!r} (write for example 45s, 5m, 1h30m, 2d)")
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total <= 0 and not zero:
        raise UsageError(f"a duration must be longer than nothing: {text!r}")
    return total


@dataclass(frozen=True)
class Settings:
    """A campaign's settings.

    ``seed`` decides every case and pipeline. ``time`` (seconds) and ``count`` (cases) end a run; either may be None.
    ``generator`` holds the generator's options as data. ``case_seconds`` is the limit per case and target,
    ``memory`` the bytes a worker may take above its fork server. ``relations`` is the share of outcomes that are right
    for which an equivalent program is tried too. ``coverage`` names what is watched (``auto``: what suits the targets;
    see ``coverage.sources``). ``known`` is the file of known issues. ``kernels``: programs are kernels, not graphs;
    ``triage_share`` of the lanes' time goes into triage at most while cases are made, and ``triage_time`` seconds after
    that (None: in proportion to ``time``); ``drafts``: each bug gets a report's draft and a regression case; ``loop``
    holds what differs from the defaults of ``joint.settings.LoopSettings``. ``even``: targets get the same time, not
    the same programs.
    """

    seed: int
    targets: tuple[str, ...] = DEFAULT_TARGETS
    time: float | None = 300.0
    count: int | None = None
    jobs: int = 2
    case_seconds: float = 30.0
    memory: int = 3 * 2**30
    default_pipeline_share: float = 0.5
    relations: float = 0.02
    pipelines: tuple[str, ...] = ()
    triage_share: float = 0.35
    triage_time: float | None = None
    drafts: bool = True
    coverage: tuple[str, ...] = ()
    known: str | None = None
    kernels: bool = False
    even: bool = False
    loop: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)

    #: Settings that a resumed run may change: they do not decide what a case is.
    FREE = (
        "time", "count", "jobs", "case_seconds", "memory", "triage_share", "triage_time", "drafts", "coverage", "known",
        "relations", "even",
    )  # fmt: skip

    def making_seconds(self, cases: int) -> float:
        """The limit for making that many cases at once: that of one, and as much again for every five."""
        return max(self.case_seconds, MAKING_SECONDS) * (1 + cases / 5)

    def to_data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **asdict(self),
            "targets": list(self.targets),
            "pipelines": list(self.pipelines),
            "coverage": list(self.coverage),
        }

    @staticmethod
    def from_data(data: dict[str, Any]) -> Settings:
        """Inverse of ``to_data``; unknown keys are an error of the store's version."""
        known = {item.name for item in fields(Settings)}
        if not set(data) <= known:
            raise UsageError(f"settings of another version of misfold: {', '.join(sorted(set(data) - known))}")
        tuples = {name: tuple(data.get(name, ())) for name in ("targets", "pipelines", "coverage")}
        return Settings(**{**data, **tuples})


def generator_options(data: dict[str, Any]) -> Options:
    """The generator's options from the plain data that settings hold.

    Raises:
        UsageError: an option is unknown or its value does not fit.
    """
    known = {item.name for item in fields(Options)}
    if not set(data) <= known:
        raise UsageError(f"unknown options of the generator: {', '.join(sorted(set(data) - known))}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Options(**values)
