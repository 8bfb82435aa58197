"""``misfold costs``: cases that took a compiler much more than others of their size."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from misfold.oracles.cost import AMOUNTS, words
from misfold.programs.errors import UsageError
from misfold.targets.measuring import no_counter

from ..costs import outliers
from ..folders import open_store
from .browse import Folder, make_console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="costs")(show_costs)


def show_costs(
    folder: Folder = None,
    of: Annotated[
        str | None, typer.Option("--of", help="Only of this: seconds, memory (at its peak) or instructions.")
    ] = None,
    most: Annotated[
        int, typer.Option("--most", "-n", min=1, help="Print so many at most, the farthest out first.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List a campaign's cases that took a target far more time, memory or instructions than others of their size.

    A cost is no wrong answer and never a failure: the exit status is 0.
    """
    if of is not None and of not in AMOUNTS:
        raise UsageError(f"--of {of}: must be one of {', '.join(AMOUNTS)}")
    uncounted = no_counter() if of in (None, "instructions") else None
    store = open_store(folder)
    try:
        found = sorted(outliers(store, of), key=lambda item: -item[0].amount / item[1].usual)
    finally:
        store.close()
    if as_json:
        rows = [
            {
                "case": cost.index, "target": cost.target, "pipeline": cost.pipeline, "nodes": cost.nodes,
                "of": cost.of, "amount": cost.amount, "usual": judged.usual, "deviations": judged.deviations,
            }
            for cost, judged in found
        ]  # fmt: skip
        print(json.dumps(rows, indent=2))
        return
    console = make_console()
    if not found:
        console.print("no case took much more than others of its size")
    for cost, judged in found[:most]:
        console.print(
            f"case {cost.index} on {cost.target} ({escape(cost.pipeline)}): {words(cost.amount, cost.of)} for "
            f"{cost.nodes} operators, usual are {words(judged.usual, cost.of)} ({judged.deviations:.0f} deviations)"
        )
    if len(found) > most:
        console.print(f"and {len(found) - most} more (--most)")
    if uncounted is not None:
        console.print(f"instructions are not counted: {uncounted}", markup=False)
