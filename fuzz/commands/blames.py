"""A blame for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from misfold.triage.localise.blame import Blame


def print_blame(console: Console, blame: Blame) -> None:
    """A blame for people."""
    console.print(f"[bold]{escape(blame.key)}[/bold] (by {', '.join(blame.how) or 'nothing that was tried'})")
    for text in (blame.detail, *blame.notes):
        if text:
            console.print(f"  {escape(text)}")
    if blame.divergence is not None:
        found = blame.divergence
        words = f"{found.operator} ({found.value}): {found.explanation}" if found.reproduces else found.explanation
        console.print(f"  first wrong operator: {escape(words)}")
    for frame in blame.frames:
        console.print(f"  {escape(frame)}")
    if blame.mitigations:
        grid = Table(box=None, pad_edge=False)
        grid.add_column("tried")
        grid.add_column("result")
        for row in blame.mitigations:
            grid.add_row(escape(row.name), row.result)
        console.print(grid, soft_wrap=False)
