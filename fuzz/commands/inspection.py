"""``misfold targets``, ``operators``, ``doctor`` and ``selfcheck``: what is here and whether it is sound."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from misfold.programs.errors import TargetError
from misfold.programs.operators import operator_names
from misfold.targets import registry

from ..selfcheck import self_check
from .browse import make_console


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(targets)
    app.command()(operators)
    app.command()(probe)
    app.command()(doctor)
    app.command()(selfcheck)


def _versions(system: object) -> str:
    return ", ".join(f"{name} {number}" for name, number in system.versions().items())  # type: ignore[attr-defined]


def targets(
    pipelines: Annotated[bool, typer.Option("--pipelines", help="List each target's pipelines as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the systems under test, whether they can run here, and how they compile."""
    rows: list[dict[str, Any]] = []
    for name in registry.targets():
        try:
            system = registry.get(name)
        except TargetError as error:
            rows.append({"target": name, "missing": str(error), "versions": "", "pipelines": []})
            continue
        missing = system.missing()
        rows.append(
            {
                "target": name,
                "missing": None if missing is None else f"{missing}; {system.install}",
                "versions": "" if missing else _versions(system),
                "pipelines": [pipeline.to_data() for pipeline in system.pipelines()],
            }
        )
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    console = make_console()
    for row in rows:
        state = f"[red]cannot run here: {escape(row['missing'])}[/red]" if row["missing"] else escape(row["versions"])
        console.print(f"[bold]{row['target']}[/bold]  {state}  ({len(row['pipelines'])} pipelines)")
        if pipelines:
            for data in row["pipelines"]:
                extra = {key: value for key, value in data.items() if key != "name"}
                console.print(f"    {data['name']:<32} {escape(json.dumps(extra)) if extra else ''}")


def operators(
    pattern: Annotated[str | None, typer.Argument(help="Only names that match, as 'torch.linalg.*'.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every operator that a case may call, recorded or not.")] = False,
    collect: Annotated[
        Path | None,
        typer.Option("--collect", metavar="FOLDER", help="Record operators of the installed torch anew, into FOLDER."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the operators that the generator knows, with the number of recorded calls of each."""
    from fnmatch import fnmatchcase

    console = make_console()
    if collect is not None:
        console.print(escape(str(collected(collect))))
        return
    if every:
        counts = dict.fromkeys(sorted(operator_names()), 0)
    else:
        from misfold.generators.records import RecordBase

        counts = RecordBase.load().counts()
    counts = {name: count for name, count in counts.items() if pattern is None or fnmatchcase(name, pattern)}
    if as_json:
        print(json.dumps(counts, indent=2))
        return
    for name, count in counts.items():
        print(name if every else f"{count:5}  {name}")
    print(f"{len(counts)} operators" + ("" if every else f", {sum(counts.values())} records"), file=sys.stderr)


def collected(folder: Path) -> object:
    """Record the installed torch's operators into a folder; a summary.

    Raises:
        TargetError: what PyTorch's own test data needs is not installed.
    """
    if sys.flags.hash_randomization:
        # Once more with a hash of text that is the same for everybody, so that the records are too.
        command = [sys.executable, "-m", "misfold.fuzz", "operators", "--collect", str(folder)]
        again = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"})
        raise typer.Exit(again.returncode)
    try:
        from misfold.generators.collect.collecting import collect as collect_records

        return collect_records(folder)
    except ImportError as error:
        raise TargetError(f"collecting needs {error.name}; install it with: pip install 'misfold[collect]'") from error


def probe(
    target: Annotated[str, typer.Argument(help="A target's name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the table into.")] = Path("."),
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Operators at a time.")] = 2,
) -> None:
    """Measure which operators a target takes, one by one, and write the table that campaigns use."""
    from misfold.generators.support import file_name

    from ..probe import probe as measure
    from ..probe import write_table

    console = make_console()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"probing {target}", total=None)
        data = measure(target, jobs, lambda done, total: bar.update(task, completed=done, total=total))
    path = output / file_name(target, registry.get(target).versions())
    output.mkdir(parents=True, exist_ok=True)
    write_table(data, path)
    states = Counter(state for classes in data["operators"].values() for state in classes.values())
    console.print(
        f"{target}: {', '.join(f'{count} {name}' for name, count in states.most_common())} calls; wrote {path}"
    )


def doctor() -> None:
    """Say what is installed, what is missing, and how to get it. Exit status 1 if no campaign could run."""
    console = make_console()
    grid = Table(box=None, pad_edge=False, show_header=False)
    good, bad = "[green]ok[/green]", "[red]missing[/red]"
    grid.add_row("python", good if sys.version_info >= (3, 11) else bad, platform.python_version())
    grid.add_row(
        "machine",
        good,
        f"{platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
    )
    free = shutil.disk_usage(".").free / 2**30
    grid.add_row(
        "disk",
        good if free > 2 else "[yellow]low[/yellow]",
        f"{free:.1f} GiB free here; a day's campaign takes about 1 GiB",
    )
    for package in ("torch", "numpy", "SQLAlchemy", "msgpack", "rich", "typer", "psutil"):
        try:
            grid.add_row(package, good, version(package))
        except PackageNotFoundError:
            grid.add_row(package, bad, f"pip install {package}")
    usable = 0
    for name in registry.targets():
        try:
            system = registry.get(name)
            missing = system.missing()
        except TargetError as error:
            grid.add_row(f"target {name}", bad, escape(str(error)))
            continue
        usable += missing is None and name != "eager"
        grid.add_row(
            f"target {name}", good if missing is None else bad,
            escape(_versions(system) if missing is None else f"{missing}: {system.install}"),
        )  # fmt: skip
    compiler = shutil.which("g++")
    grid.add_row("g++", good if compiler else bad, compiler or "Inductor needs a C++ compiler: install g++")
    try:
        from misfold.generators.records import RecordBase

        counts = RecordBase.load().counts()
        grid.add_row("records", good, f"{sum(counts.values())} calls of {len(counts)} operators")
    except Exception as error:
        usable = 0
        grid.add_row("records", bad, escape(str(error)))
    console.print(grid, soft_wrap=False)
    raise typer.Exit(0 if usable else 1)


def selfcheck(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many cases.")] = 500,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides every case.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Cases at a time.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge honest re-evaluations of the reference (float64 accumulation, other threads, other layouts): 0 findings.

    Exit status 1 if any oracle raised a false alarm, or a case could not be checked.
    """
    console = make_console()
    result = self_check(count, seed, jobs)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        console.print(
            f"{result['cases']} cases, {result['evaluations']} honest evaluations: {len(result['findings'])} findings, "
            f"{result['undecided']} undecided, {len(result['lost'])} cases lost"
        )
        for entry in result["lost"]:
            console.print(f"  case {entry['index']} lost: {escape(entry['reason'])}")
        for entry in result["findings"]:
            console.print(
                f"  case {entry['index']} {entry['variant']}: {escape(entry['verdict'])} {escape(entry['explanation'])}"
            )
        console.print(f"seed {seed}; again with: misfold selfcheck --seed {seed} --count {count}")
    raise typer.Exit(1 if result["findings"] or result["lost"] else 0)
