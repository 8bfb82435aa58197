"""``misfold findings``, ``misfold bugs`` and ``misfold show``: what a campaign found."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from misfold.triage.clusters import Cluster
from misfold.triage.localise.blame import Blame

from ..clustering import cluster_data, clustered, print_clusters
from ..folders import find, open_store
from ..lifecycle import STATES, state_of
from ..papers import papers_data, papers_of, papers_word
from ..retests import retests
from ..selecting import Wish, listed, operators_of, parse_since
from ..store import Bug, Finding, Store
from .blames import print_blame

Folder = Annotated[
    Path | None, typer.Option("--folder", "-f", help="The campaign's folder; default: the latest under ./campaigns.")
]


# Width of tables that are not printed to a terminal: enough for a bug's title.
WIDTH = 150


def make_console() -> Console:
    """A console for results: as wide as the terminal, or wide enough where there is none."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(findings)
    app.command()(bugs)
    app.command()(show)


def bug_data(store: Store, bug: Bug) -> dict[str, Any]:
    """A bug as plain data."""
    state = state_of(store, bug)
    members = store.findings(bug=bug.id)
    return {
        "bug": f"B{bug.id}",
        "title": bug.title,
        "status": state.word,
        "why": state.why,
        "target": bug.target,
        "kind": bug.kind,
        "verdict": store.finding(bug.finding_id).verdict,
        "pipelines": sorted({item.pipeline for item in members}),
        "findings": [f"F{item.id}" for item in members],
        "confirmed": sum(item.status == "confirmed" for item in members),
        "occurrences": len(members),
        "script": bug.script,
        "papers": papers_data(store, bug),
        "signature": bug.signature,
        "blame": (store.finding(bug.finding_id).blame or {}).get("key"),
        "operators": list(operators_of(store.finding(bug.finding_id))),
        "at": bug.at,
    }


def bug_table(store: Store, bugs: list[Bug]) -> Table:
    """Bugs, one row each."""
    # The title takes what the other columns leave: they have the widths of their longest usual contents.
    grid = Table(box=None, pad_edge=False, expand=True)
    for column, width in (
        ("bug", 4),
        ("target", 11),
        ("kind", 13),
        ("verdict", 7),
        ("status", 9),
        ("seen", 4),
        ("script", 10),
        ("draft", 9),
    ):
        grid.add_column(column, no_wrap=True, min_width=width)
    grid.add_column("what", overflow="ellipsis", no_wrap=True, ratio=1)
    papers = papers_of(store)
    for bug in bugs:
        data = bug_data(store, bug)
        kind = "wrong result" if bug.kind == "values" else bug.kind
        grid.add_row(
            f"B{bug.id}", bug.target, kind, data["verdict"], data["status"], str(data["occurrences"]), bug.script,
            papers_word(papers.get(bug.id)), escape(bug.title),
        )  # fmt: skip
    return grid


def status_line(items: list[Finding]) -> str:
    """How many findings have which status."""
    words = {
        "confirmed": "confirmed",
        "duplicate": "more of the same",
        "flaky": "flaky",
        "suspect": "suspect (not supported by other inputs)",
        "new": "waiting to be confirmed",
    }
    counts = {status: sum(item.status == status for item in items) for status in words}
    parts = [f"{count} {words[status]}" for status, count in counts.items() if count]
    return ", ".join(parts) if parts else "none"


def findings(
    folder: Folder = None,
    every: Annotated[bool, typer.Option("--all", help="List every finding, not one line per bug.")] = False,
    likely: Annotated[
        bool, typer.Option("--clusters", help="Also group bugs that are likely the same; nothing is merged.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what a campaign found, one line per bug."""
    store = open_store(folder)
    items, bugs = store.findings(), store.bugs()
    if likely:
        found = clustered(store)
        if as_json:
            print(json.dumps([cluster_data(one) for one in found], indent=2))
        else:
            print_clusters(make_console(), found, {f"B{bug.id}": bug.title for bug in bugs})
        return
    if as_json:
        data: Any = [bug_data(store, bug) for bug in bugs]
        if every:
            data = [finding_data(item) for item in items]
        print(json.dumps(data, indent=2))
        return
    console = make_console()
    console.print(f"{store.folder}: {len(bugs)} bugs; findings: {status_line(items)}", soft_wrap=True, highlight=False)
    if every:
        grid = Table(box=None, pad_edge=False)
        for column in ("finding", "bug", "status", "target", "pipeline", "kind", "verdict", "case"):
            grid.add_column(column)
        for item in items:
            bug = "" if item.bug_id is None else f"B{item.bug_id}"
            grid.add_row(
                f"F{item.id}", bug, item.status, item.target, item.pipeline, item.kind, item.verdict, str(item.index)
            )
        console.print(grid, soft_wrap=False)
    elif bugs:
        console.print(bug_table(store, bugs), soft_wrap=False)


def bugs(
    folder: Folder = None,
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="Of this target; repeatable.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", "-k", help="Of this kind: wrong, crash, hang, compile-error, …")
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", "-s", help=f"In this state: {', '.join(STATES)}.")
    ] = None,
    operator: Annotated[
        list[str] | None, typer.Option("--operator", "-o", help="With an operator like this ('index_*'); repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Found since then: 2026-05-01, or 12h for so long ago.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List bugs, chosen by target, kind, status, operator and time."""
    store = open_store(folder)
    wish = Wish(target or (), kind or (), status or (), operator or (), parse_since(since) if since else None)
    every = listed(store)
    chosen = [one.bug for one in every if wish.takes(one)]
    if as_json:
        print(json.dumps([bug_data(store, bug) for bug in chosen], indent=2))
        return
    console = make_console()
    console.print(f"{store.folder}: {len(chosen)} of {len(every)} bugs", soft_wrap=True, highlight=False)
    if chosen:
        console.print(bug_table(store, chosen), soft_wrap=False)


def finding_data(item: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "finding": f"F{item.id}",
        "bug": None if item.bug_id is None else f"B{item.bug_id}",
        "status": item.status,
        "target": item.target,
        "pipeline": item.pipeline,
        "kind": item.kind,
        "verdict": item.verdict,
        "oracle": item.oracle,
        "index": item.index,
        "explanation": item.explanation,
        "failure": item.failure,
        "evidence": item.evidence,
        "blame": item.blame,
        "reduction": item.reduction,
        "versions": item.versions,
        "case": item.text,
        "reduced": item.reduced,
        "at": item.at,
    }


def show(
    name: Annotated[str, typer.Argument(metavar="FINDING", help="A finding (F12) or a bug (B3).")],
    folder: Folder = None,
    full: Annotated[bool, typer.Option("--full", help="The case as generated, not its reduced form.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a finding: the verdict, the evidence, the failure and the program."""
    store = open_store(folder)
    item = find(store, name)
    named = next((one for one in store.bugs() if one.id == item.bug_id), None)
    mates = [one for one in clustered(store) if named is not None and f"B{named.id}" in one.names]
    if as_json:
        data = finding_data(item)
        if named is not None:
            data["about"] = bug_data(store, named)
            data["clusters"] = [cluster_data(one) for one in mates]
            data["retests"] = [
                {"at": one.at, "environment": one.environment, "versions": one.versions, "result": one.result}
                for one in retests(store, named)
            ]
        print(json.dumps(data, indent=2))
        return
    console = make_console()
    bug = f"bug B{item.bug_id}, " if item.bug_id else ""
    found = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.at))
    console.print(
        f"[bold]F{item.id}[/bold] {bug}{item.status}: {item.target}, pipeline {escape(item.pipeline)}, {item.kind}"
    )
    console.print(f"found {found}, case {item.index}, oracle {item.oracle}, verdict {item.verdict}")
    console.print(escape(item.explanation))
    if item.failure:
        console.print(f"\n[bold]{escape(item.failure['type'])}[/bold]: {escape(item.failure['message'][:2000])}")
        for frame in item.failure["frames"][-8:]:
            console.print(f"  {escape(frame)}")
    if item.evidence:
        console.print("\n[bold]evidence[/bold]")
        for entry in item.evidence:
            console.print(
                f"  {escape(entry['what'])}" + (f": {entry['kind']}, {entry['verdict']}" if "kind" in entry else "")
            )
    if item.blame:
        console.print("\n[bold]blame[/bold]")
        print_blame(console, Blame.from_data(item.blame))
    text = item.text if full or not item.reduced else item.reduced
    console.print(f"\n[bold]{'reduced case' if text == item.reduced else 'case'}[/bold]")
    console.print(Syntax(text, "python", background_color="default", word_wrap=False))
    if named is not None:
        _print_history(console, store, named, mates)
    console.print("[bold]versions[/bold] " + escape(", ".join(f"{k} {v}" for k, v in item.versions.items())))
    console.print(f"[dim]misfold export F{item.id} --folder {store.folder} writes a standalone script[/dim]")


def _print_history(console: Console, store: Store, bug: Bug, mates: list[Cluster]) -> None:
    """A bug's state, what it did when it was run again, and the bugs that are likely the same."""
    state = state_of(store, bug)
    console.print(f"[bold]status[/bold] {state.word}" + (f": {escape(state.why)}" if state.why else ""))
    for one in retests(store, bug):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
        stack = ", ".join(f"{name} {number}" for name, number in one.versions.items())
        console.print(f"  {when} {escape(one.environment)} ({escape(stack)}): {escape(one.result)}")
    if mates:
        print_clusters(console, mates, {f"B{one.id}": one.title for one in store.bugs()})
