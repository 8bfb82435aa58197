"""``misfold corpus minimise`` and ``misfold corpus case``: the corpus of the joint loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from misfold.programs.case import parse_case
from misfold.programs.errors import StoreError
from misfold.programs.pipeline import Pipeline

from ..campaign import locked
from ..distil import Distilled, distil
from ..folders import latest_folder, open_store
from ..joint.corpus import Entry
from ..store import FILE, Store
from ..texts import case_text
from .browse import Folder, make_console


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``misfold corpus``."""
    app.command()(minimise)
    app.command()(case)


def minimise(
    campaign: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER|STORE]", help="A campaign's folder, or its file; default: the latest."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the entries that are kept as case files to a folder.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Entries at a time.")] = 2,
    case_seconds: Annotated[
        float | None, typer.Option("--case-seconds", min=1, help="Time limit per entry; default: the campaign's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Distil a campaign's corpus: keep the fewest and smallest entries that reach all that the corpus reaches.

    Every entry is run again by itself. What is put aside stays in the store, but the campaign goes on without it.
    Pipelines are cut down to the steps without which an entry does not reach what only it does.
    """
    folder = (campaign.parent if campaign.name == FILE else campaign) if campaign is not None else latest_folder()
    store = Store(folder)
    known = store.campaign()
    if known is None:
        raise StoreError(f"{folder}: no campaign was begun here")
    console = make_console()

    def progress(what: str, done: int, total: int) -> None:
        if not as_json and (done % 50 == 0 or done == total):
            console.print(f"{what} {done} of {total}")

    with locked(folder):
        found = distil(store, known, jobs, case_seconds, progress)
    kernels = bool(known.settings.get("kernels"))
    if output is not None:
        _export(output, found.kept, kernels)
    if as_json:
        print(json.dumps(_data(found), indent=2))
        return
    console.print(
        f"kept {len(found.kept)} of {found.entries} entries; "
        f"they reach {found.kept_points:,} of the {found.points:,} points"
    )
    if found.steps:
        console.print(f"pipelines: {found.kept_steps} of {found.steps} steps kept")
    for name, reason in found.unavailable.items():
        console.print(f"[yellow]{escape(name)} does not work here: {escape(reason)}[/yellow]")


def _data(found: Distilled) -> dict[str, Any]:
    return {
        "entries": found.entries, "kept": len(found.kept), "points": found.points, "kept_points": found.kept_points,
        "steps": found.steps, "kept_steps": found.kept_steps, "unavailable": dict(found.unavailable),
    }  # fmt: skip


def _export(folder: Path, entries: tuple[Entry, ...], kernels: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            text, suffix = entry.text, "kernel"
            if not kernels:
                case = parse_case(entry.text)
                pipelines = {name: Pipeline.from_data(data) for name, data in entry.pipeline.items()}  # type: ignore[arg-type]
                text, suffix = type(case)(case.graph, case.recipes, pipelines, case.exact, case.about).text, "case.py"
            (folder / f"{entry.target}-{entry.number}.{suffix}").write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}") from error


def case(
    index: Annotated[int, typer.Argument(min=0, help="The case's number in the campaign.")],
    folder: Folder = None,
) -> None:
    """Print a case of a campaign as its case file, with the pipelines that it ran under.

    Kept are the texts of those cases that do not follow from the campaign's seed alone.
    """
    store = open_store(folder)
    known = store.campaign()
    text = None if known is None else case_text(store, known, index)
    if text is None:
        raise StoreError(f"{store.folder}: the text of case {index} was not kept")
    print(text, end="")
