"""``misfold summary``: a campaign as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..folders import open_store
from ..views.summary import summary_page
from .browse import Folder
from .replay import write


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(summary)


def summary(
    html: Annotated[Path, typer.Option("--html", help="Write the page here.")],
    folder: Folder = None,
) -> None:
    """Write a self-contained HTML page: coverage and bugs over time, outcomes, operators by targets, all bugs."""
    write(summary_page(open_store(folder), html).encode(), html)
