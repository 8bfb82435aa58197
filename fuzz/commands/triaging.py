"""``misfold triage``: what a campaign's time did not reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from misfold.programs.errors import StoreError

from ..folders import latest_folder
from ..papers import forget
from ..settings import parse_duration
from ..store import Store
from .browse import Folder
from .run import campaign, stored


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(triage)


def triage(
    folder: Folder = None,
    time: Annotated[
        str | None, typer.Option("--time", help="How long at most: 90s, 10m. Default: until nothing waits.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Findings at a time; one core each.")] = 2,
    again: Annotated[
        bool, typer.Option("--again", help="Write all drafts and regression cases anew, with what is installed now.")
    ] = False,
) -> None:
    """Finish a campaign's findings without making cases: confirm, reduce, localise, write drafts and regression cases.

    Can be stopped and run again: what is done stays done, and a reduction goes on where it was.
    """
    folder = folder or latest_folder()
    settings = stored(folder)
    if settings is None:
        raise StoreError(f"{folder}: no campaign was begun here; start one with: misfold run --folder {folder}")
    if again:
        store = Store(folder)
        forget(store)
        store.close()
    seconds = None if time is None else parse_duration(time)
    # Nothing is made, so there is nothing to watch.
    settings = replace(settings, time=None, count=None, jobs=jobs, triage_time=seconds, drafts=True, coverage=())
    campaign(settings, folder, only_triage=True)
