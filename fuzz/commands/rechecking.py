"""``misfold recheck``: whether bugs still fail, here or in another environment."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from misfold.programs.errors import MisfoldError, UsageError
from misfold.triage.versions import Environment, find_environment, run_in

from ..folders import open_store
from ..investigate import BUGS
from ..lifecycle import RECENT, state_of
from ..retests import add_retest
from ..store import Bug, Store
from .browse import Folder, make_console
from .versions import script_for


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(recheck)


def recheck(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BUG]...", help="Bugs (B3); default: all.")] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", help="A virtual environment's folder, or a Python; repeatable. Default: this one."),
    ] = None,
    folder: Folder = None,
    times: Annotated[int, typer.Option("--times", "-n", min=1, help="How often, each in a fresh process.")] = RECENT,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if a bug's state changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Run bugs' scripts again, keep the results, and say which bugs are fixed, gone or flaky."""
    store = open_store(folder)
    bugs = _named(store, names)
    before = {bug.id: state_of(store, bug).word for bug in bugs}
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    found: dict[int, list[str]] = {bug.id: [] for bug in bugs}
    environments: dict[tuple[str, ...], list[Environment]] = {}
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        for bug in bugs:
            try:
                script, packages = _script(store, bug)
                if packages not in environments:
                    environments[packages] = [find_environment(one, packages) for one in env or [sys.executable]]
            except UsageError:
                raise
            except MisfoldError as error:
                found[bug.id].append(str(error))
                continue
            for environment in environments[packages]:
                hangs = bug.kind == "hang"
                trials = [run_in(environment, script, packages[0], Path(scratch), hangs) for _ in range(times)]
                results = [one.result for one in trials]
                for result in results:
                    add_retest(store, bug, environment.name, environment.versions, result)
                found[bug.id] += results
                words = f"B{bug.id} in {environment.name}: {', '.join(results)}"
                progress.print(words, markup=False)
    after = {bug.id: state_of(store, bug) for bug in bugs}
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                "bug": f"B{bug.id}", "title": bug.title, "before": before[bug.id], "state": after[bug.id].word,
                "why": after[bug.id].why, "results": found[bug.id],
            }
            for bug in bugs
        ]  # fmt: skip
        print(json.dumps(rows, indent=1))
    else:
        _print(bugs, before, after, found)
    changed = any(before[bug.id] != after[bug.id].word for bug in bugs)
    raise typer.Exit(1 if strict and changed else 0)


def _named(store: Store, names: list[str] | None) -> list[Bug]:
    bugs = {f"B{bug.id}": bug for bug in store.bugs()}
    if not names:
        return list(bugs.values())
    unknown = next((one for one in names if one.upper() not in bugs), None)
    if unknown is not None:
        raise UsageError(f"{unknown!r} is no bug of {store.folder}; list them: misfold bugs --folder {store.folder}")
    return [bugs[one.upper()] for one in dict.fromkeys(names)]


def _script(store: Store, bug: Bug) -> tuple[str, tuple[str, ...]]:
    """A bug's script, and the packages that it needs, the target's own first."""
    from misfold.targets import registry
    from misfold.targets.kernels import registry as kernels

    campaign = store.campaign()
    kernel = bool(campaign is not None and campaign.settings.get("kernels"))
    system: Any = kernels.get(bug.target) if kernel else registry.get(bug.target)
    packages = tuple(system.versions())
    if not packages:
        raise UsageError(f"target {bug.target} names no package; there are no versions to tell apart")
    path = store.folder / BUGS / f"B{bug.id}.py"
    if path.is_file():
        return path.read_text(encoding="utf-8"), packages
    return script_for(f"B{bug.id}", store.folder, bug.target)[0], packages


def _print(bugs: list[Bug], before: dict[int, str], after: dict[int, Any], found: dict[int, list[str]]) -> None:
    grid = Table(box=None, pad_edge=False)
    for column in ("bug", "target", "before", "now", "runs", "why"):
        grid.add_column(column)
    for bug in bugs:
        now = after[bug.id]
        word = f"[bold]{now.word}[/bold]" if now.word != before[bug.id] else now.word
        grid.add_row(f"B{bug.id}", bug.target, before[bug.id], word, ", ".join(found[bug.id]), escape(now.why))
    make_console().print(grid, soft_wrap=False)
