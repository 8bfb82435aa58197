"""Targets of which nothing special is known: prefixes of a list of passes, and the target's own pipelines tried."""

from __future__ import annotations

from .blame import PASSES, Blame, Mitigation
from .passes import culprit
from .probe import Probe, Stopped

#: A target may have dozens of pipelines; a table longer than this is read by nobody.
MOST_ROWS = 12


def localise(probe: Probe) -> Blame:
    """The pass by prefix bisection; and which of the target's own pipelines do not fail."""
    rows: list[Mitigation] = []
    stage = ""
    how: tuple[str, ...] = ()
    try:
        if probe.pipeline.passes:
            found = culprit(probe, probe.pipeline)
            if found is not None:
                stage, how = found.name, (found.how,)
        for pipeline in list(probe.usual)[:MOST_ROWS]:
            rows.append(probe.mitigation(pipeline.name, pipeline))
        helping = [row.name for row in rows if row.result == PASSES]
        if not stage and helping:
            stage, how = f"not under {helping[0]}", ("options",)
    except Stopped:
        return Blame(stage, "", how, mitigations=tuple(rows), notes=("time was up before all was tried",))
    return Blame(stage, "", how, mitigations=tuple(rows))
