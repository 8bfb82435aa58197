"""``misfold bisect-version``: in which versions a bug shows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from misfold.programs.errors import UsageError
from misfold.targets import registry
from misfold.targets.kernels import registry as kernel_registry
from misfold.triage.script import export_script
from misfold.triage.versions import Environment, Trial, bisect, changes, find_environment, in_order, run_in

from ..folders import find, is_file_name, open_store
from ..retests import add_retest
from .browse import Folder, make_console
from .kernels import export_kernel, kernel_of
from .replay import What, load, pick_pipeline


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bisect-version")(bisect_version)


def script_for(what: str, folder: Path | None, target: str | None) -> tuple[str, Any]:
    """The standalone script of a case that a user names, and the target (an instance) that it is for."""
    kernel = kernel_of(what, folder, full=False)
    if kernel is not None:
        name = target or next(iter(kernel[0].pipelines), None)
        if name is None:
            raise UsageError(f"{what}: the kernel names no target; choose one with --target")
        return export_kernel(*kernel, name, None), kernel_registry.get(name)
    case, heading, claim = load(what, folder, full=False)
    name = target or next(iter(case.pipelines), None)
    if name is None:
        raise UsageError(f"{what}: the case names no target; choose one with --target")
    system = registry.get(name)
    return export_script(case, system, pick_pipeline(system, case, None), heading=heading, claim=claim), system


def bisect_version(
    what: What,
    env: Annotated[
        list[str], typer.Option("--env", "-e", help="A virtual environment's folder, or a Python; repeat for several.")
    ],
    folder: Folder = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Default: the one the case names.")] = None,
    package: Annotated[
        str | None, typer.Option("--package", help="What to order by. Default: the target's own package.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Try every environment, whatever the ends say.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Run a case's script in other environments, and say with which version the failure began or ended."""
    script, system = script_for(what, folder, target)
    hangs = _hangs(what, folder)
    packages = list(system.versions())
    if not packages:
        raise UsageError(f"target {system.name} names no package; there are no versions to compare")
    package = package or packages[0]
    environments = in_order([find_environment(one, [*packages, package]) for one in env], package)
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:

        def trial(environment: Environment) -> Trial:
            done = run_in(environment, script, package, Path(scratch), hangs)
            words = f"{environment.name}: {package} {environment.versions.get(package, 'missing')}: {done.result}"
            progress.print(words, highlight=False, soft_wrap=True, markup=False)
            return done

        trials = bisect(environments, trial, every=every)
    found = changes(trials, package)
    _keep(what, folder, trials)
    if as_json:
        rows = [
            {"environment": one.environment.name, "versions": dict(one.environment.versions), "result": one.result}
            for one in trials
        ]
        print(json.dumps({"package": package, "trials": rows, "changes": found}, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("environment", *dict.fromkeys(["python", package, *packages]), "result"):
        table.add_column(column)
    for one in trials:
        versions = [one.environment.versions.get(name, "-") for name in dict.fromkeys(["python", package, *packages])]
        table.add_row(one.environment.name, *versions, one.result)
    console = make_console()
    console.print(table)
    for line in found:
        console.print(line)


def _hangs(what: str, folder: Path | None) -> bool:
    """Whether what is tried is a campaign's finding whose failure is that it does not end."""
    if is_file_name(what):
        return False
    return bool(find(open_store(folder), what).kind == "hang")


def _keep(what: str, folder: Path | None, trials: list[Trial]) -> None:
    """Store the results, if what was tried is a bug or finding of a campaign."""
    if is_file_name(what):
        return
    store = open_store(folder)
    item = find(store, what)
    bug = next((one for one in store.bugs() if one.id == item.bug_id), None)
    if bug is not None:
        for one in trials:
            add_retest(store, bug, one.environment.name, one.environment.versions, one.result)
