"""Likely-same clusters of a campaign's bugs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from misfold.programs.case import parse_case
from misfold.programs.kernel import is_kernel_case, parse_kernel_case
from misfold.programs.kernel_tvmscript import is_tvmscript_case, parse_tvmscript_case
from misfold.targets.outcome import Failure
from misfold.triage.clusters import Cluster, Profile, clusters
from misfold.triage.kernel_signature import kernel_patterns
from misfold.triage.signature import SPOKEN, node_patterns, own_frames
from misfold.triage.tvmscript import tvmscript_patterns

from .store import Bug, Finding, Store


def clustered(store: Store) -> list[Cluster]:
    """Clusters of the store's bugs."""
    return clusters([profile(bug, store.finding(bug.finding_id)) for bug in store.bugs()])


def profile(bug: Bug, finding: Finding) -> Profile:
    """What clusters compare of a bug, from its representative finding."""
    failure = None if finding.failure is None else Failure(**finding.failure)
    spoken = failure is not None and finding.kind in SPOKEN
    text = finding.reduced or finding.text
    if is_kernel_case(text):
        patterns = kernel_patterns(parse_kernel_case(text).function)
    elif is_tvmscript_case(text):
        patterns = tvmscript_patterns(parse_tvmscript_case(text).script)
    else:
        patterns = node_patterns(parse_case(text).graph)
    frames = own_frames(failure.frames, ()) if failure is not None else ()
    blame = (finding.blame or {}).get("key", "")
    message = failure.normal_message if failure is not None and spoken else ""
    return Profile(f"B{bug.id}", bug.target, bug.kind, blame, message, frames, tuple(patterns))


def cluster_data(cluster: Cluster) -> dict[str, Any]:
    """As JSON."""
    return {
        "bugs": list(cluster.names),
        "pairs": [
            {"bugs": list(pair), "score": like.score, "reasons": list(like.reasons)}
            for pair, like in cluster.reasons.items()
        ],
    }


def print_clusters(console: Console, found: list[Cluster], titles: dict[str, str]) -> None:
    """For people."""
    if not found:
        console.print("no two bugs look like one")
    for cluster in found:
        console.print(f"[bold]{', '.join(cluster.names)}[/bold] are likely the same")
        for name in cluster.names:
            console.print(f"  {name}: {escape(titles[name])}")
        for (one, other), like in cluster.reasons.items():
            console.print(f"  {one} and {other}: {like.score:.2f}, {escape('; '.join(like.reasons))}")
