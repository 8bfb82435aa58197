"""``misfold costs``: cases that took a compiler much longer than others of their size."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from ..costs import outliers
from ..folders import open_store
from .browse import Folder, make_console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="costs")(show_costs)


def show_costs(
    folder: Folder = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="Print so many at most, the longest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List a campaign's cases that took a target far longer than others of their size.

    A cost is no wrong answer and never a failure: the exit status is 0.
    """
    store = open_store(folder)
    try:
        found = sorted(outliers(store), key=lambda item: -item[0].seconds / item[1].usual)
    finally:
        store.close()
    if as_json:
        rows = [
            {
                "case": cost.index, "target": cost.target, "pipeline": cost.pipeline, "nodes": cost.nodes,
                "seconds": cost.seconds, "usual": judged.usual, "deviations": judged.deviations,
            }
            for cost, judged in found
        ]  # fmt: skip
        print(json.dumps(rows, indent=2))
        return
    console = make_console()
    if not found:
        console.print("no case took much longer than others of its size")
    for cost, judged in found[:most]:
        console.print(
            f"case {cost.index} on {cost.target} ({escape(cost.pipeline)}): {cost.seconds:.3g} s for {cost.nodes} "
            f"operators, usual are {judged.usual:.3g} s ({judged.deviations:.0f} deviations)"
        )
    if len(found) > most:
        console.print(f"and {len(found) - most} more (--most)")
