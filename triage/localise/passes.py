"""Which pass of a list: prefix bisection, then removal.

The shortest prefix that fails ends with the pass that makes the failure visible. Prefixes need not fail from one length
on (a later pass may hide what an earlier one broke, and a prefix may not compile at all), so the bisection's end is
checked: the prefix without its last pass must compile and pass. If it does not, single passes are removed from the
shortest failing prefix, and the last one whose removal ends the failure is to blame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from misfold.programs.pipeline import Pipeline

from .blame import FAILS, PASSES
from .probe import Probe

#: A list to bisect is at most so long; longer ones are mutated pipelines that reduction shortens first.
MOST = 64


@dataclass(frozen=True)
class Culprit:
    """A pass of a list by its position; ``confirmed``: without it, and nothing else changed, the failure is gone."""

    name: str
    position: int
    how: str
    confirmed: bool


def culprit(probe: Probe, pipeline: Pipeline, required: frozenset[str] = frozenset()) -> Culprit | None:
    """The pass of a failing pipeline that is to blame; None if it fails without any pass, or no single pass decides.

    ``required`` passes stay in every prefix: without them the target does not compile.
    """
    passes = pipeline.passes or ()
    if not passes or len(passes) > MOST:
        return None

    def prefix(length: int) -> Pipeline:
        kept = tuple(entry for place, entry in enumerate(passes) if place < length or entry[0] in required)
        return replace(pipeline, name=f"first-{length}", passes=kept)

    if probe.fails(prefix(0)):
        return None
    low, high = 0, len(passes)
    while high - low > 1:
        middle = (low + high) // 2
        if probe.fails(prefix(middle)):
            high = middle
        else:
            low = middle
    last = passes[high - 1][0]
    if probe.under(prefix(low)) == PASSES:
        without = replace(pipeline, name=f"without-{last}", passes=passes[: high - 1] + passes[high:])
        return Culprit(last, high - 1, "prefix", probe.under(without) == PASSES)
    for place in range(high - 1, -1, -1):
        shorter = prefix(high).passes or ()
        without = replace(pipeline, name="removal", passes=shorter[:place] + shorter[place + 1 :])
        if probe.under(without) == PASSES:
            return Culprit(shorter[place][0], place, "removal", True)
    return None


def removable(probe: Probe, pipeline: Pipeline, names: tuple[str, ...]) -> list[str]:
    """Those of the named passes without which the case passes, nothing else changed."""
    passes = pipeline.passes or ()
    found = []
    for name in names:
        kept = tuple(entry for entry in passes if entry[0] != name)
        if len(kept) < len(passes) and probe.under(replace(pipeline, name=f"without-{name}", passes=kept)) == PASSES:
            found.append(name)
    return found


def fails_bare(probe: Probe, pipeline: Pipeline) -> bool:
    """Whether the failure needs no pass of the list at all."""
    return probe.under(replace(pipeline, name="none", passes=())) == FAILS
