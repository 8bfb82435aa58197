"""``misfold coverage``: what a campaign reached of the compilers it tested."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from misfold.programs.errors import StoreError, UsageError

from ..coverage.protocol import CoverageUnavailable, Place
from ..coverage.reached import History, histories
from ..coverage.sources import make_source
from ..folders import open_store
from ..store import Store
from .browse import Folder, make_console

# Rows of a table over time.
STEPS = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(coverage)


def coverage(
    folder: Folder = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FOLDER", help="Another campaign, to compare with.")
    ] = None,
    newest: Annotated[int, typer.Option("--newest", min=0, help="How many of the last reached places to name.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with everything over time.")] = False,
    check: Annotated[
        str | None,
        typer.Option(
            "--check", metavar="TARGET", help="Prove that watching changes nothing: run cases with and without."
        ),
    ] = None,
    sources: Annotated[
        str, typer.Option("--sources", help="What to watch with --check; default: what suits the target.")
    ] = "auto",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Cases of --check.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the cases of --check.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Workers of --check.")] = 2,
) -> None:
    """Show what a campaign reached: over time, by component, new per hour, and the difference to another campaign.

    With --check nothing is shown of a campaign; exit status 1 if watching changed an outcome, or does not work here.
    """
    if check is not None:
        _check(check, sources, count, seed, jobs)
        return
    store = open_store(folder)
    found = _histories(store)
    other = {history.name: history for history in _histories(open_store(against))} if against else {}
    if as_json:
        print(json.dumps([_data(history, other.get(history.name), newest) for history in found], indent=2))
        return
    console = make_console()
    for history in found:
        _print(console, history, other.get(history.name) if against else None, newest)


def _check(target: str, sources: str, count: int, seed: int, jobs: int) -> None:
    from ..coverage.checking import check

    names = tuple(part.strip() for part in sources.split(",") if part.strip())
    found = check(target, names, count, seed, jobs)
    console = make_console()
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(found.outcomes.items()))
    watched = ", ".join(f"{number:,} of {name}" for name, number in sorted(found.reached.items())) or "nothing"
    console.print(f"{sum(found.outcomes.values())} cases twice ({escape(kinds)}); reached {watched}")
    for name, reason in found.unavailable.items():
        console.print(f"[red]{escape(name)} does not work here: {escape(reason)}[/red]")
    for words in found.different:
        console.print(f"[red]{escape(words)}[/red]")
    console.print(f"{len(found.different)} outcomes differ")
    raise typer.Exit(1 if found.different or found.unavailable else 0)


def _histories(store: Store) -> list[History]:
    campaign = store.campaign()
    found = histories(store, campaign) if campaign else []
    if not found:
        raise StoreError(
            f"{store.folder}: this campaign watched no coverage; run one with: misfold run --coverage auto"
        )
    return found


def _places(history: History, points: list[int]) -> list[Place]:
    """Names of points; without them where another version of the library is installed than the campaign used."""
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        try:
            source = make_source(history.name, Path(scratch))
            if source.key == history.key:
                return source.describe(points)
            reason = "of another version than is installed"
        except CoverageUnavailable as error:
            reason = str(error)
    return [Place(f"({reason})", f"point {point}") for point in points]


def _compare(history: History, other: History) -> tuple[list[int], list[int]]:
    """Points that only the first reached, and only the other.

    Raises:
        UsageError: they cannot be compared.
    """
    if history.key != other.key:
        raise UsageError(f"{history.name}: the campaigns ran on different versions: {history.key} and {other.key}")
    mine, its = set(history.points.tolist()), set(other.points.tolist())
    return sorted(mine - its), sorted(its - mine)


def _curve(history: History) -> list[tuple[float, int]]:
    """Seconds and points reached by then, at equal steps."""
    end = float(history.seconds[-1]) if len(history.seconds) else 0.0
    moments = np.linspace(0.0, end, STEPS + 1)[1:] if end else np.array([0.0])
    return [(float(moment), int(np.searchsorted(history.seconds, moment, "right"))) for moment in moments]


def _per_hour(history: History) -> list[int]:
    """How many points were reached first in each hour of running."""
    if not len(history.seconds):
        return []
    hours = (history.seconds // 3600).astype(np.int64)
    return np.bincount(hours).tolist()  # type: ignore[no-any-return]


def _data(history: History, other: History | None, newest: int) -> dict[str, Any]:
    places = _places(history, history.points.tolist())
    data: dict[str, Any] = {
        "source": history.name,
        "key": history.key,
        "size": history.size,
        "reached": len(history.points),
        "over_time": [{"seconds": round(moment, 1), "reached": count} for moment, count in _curve(history)],
        "per_hour": _per_hour(history),
        "components": dict(Counter(place.component for place in places).most_common()),
        "newest": [place.name for place in places[::-1][:newest]],
    }
    if other is not None:
        mine, its = _compare(history, other)
        data["only_here"] = [place.name for place in _places(history, mine)]
        data["only_there"] = [place.name for place in _places(history, its)]
    return data


def _print(console: Any, history: History, other: History | None, newest: int) -> None:
    share = len(history.points) / history.size if history.size else 0.0
    console.print(f"[bold]{history.name}[/bold]  {len(history.points):,} of {history.size:,} ({share:.1%})")
    places = _places(history, history.points.tolist())
    table = Table("seconds", "reached", box=None, padding=(0, 2))
    for moment, count in _curve(history):
        table.add_row(f"{moment:,.0f}", f"{count:,}")
    console.print(table)
    hours = _per_hour(history)
    if len(hours) > 1:
        console.print("new per hour: " + ", ".join(f"{count:,}" for count in hours))
    components = Counter(place.component for place in places).most_common(12)
    console.print("by component: " + ", ".join(f"{escape(name)} {count:,}" for name, count in components))
    if newest and places:
        console.print("reached last:")
        for place in places[::-1][:newest]:
            console.print(f"  {escape(place.name)}")
    if other is not None:
        mine, its = _compare(history, other)
        console.print(f"only here: {len(mine):,}; only there: {len(its):,}")
        for title, points in (("here", mine), ("there", its)):
            for place in _places(history, points[:newest]):
                console.print(f"  only {title}: {escape(place.name)}")
    console.print()
