"""``misfold corpus``: cases kept on disk - the regression corpus, what targets do with it, and scripts of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from misfold.corpus.adding import add_entry, range_of
from misfold.corpus.checking import Checked, check_all
from misfold.corpus.entries import AnyCase, Entry, entry_of, find_files, read_entry, shipped
from misfold.corpus.laboratory import SECONDS, Laboratory
from misfold.programs.case import Case
from misfold.programs.errors import UsageError
from misfold.targets import registry
from misfold.triage.script import export_script

from ..folders import find, is_file_name, open_store
from . import minimise
from .browse import Folder, make_console
from .kernels import export_kernel, kernel_of
from .replay import load, pick_pipeline, write

sub = typer.Typer(
    name="corpus",
    help="Cases kept on disk: add bugs to a regression corpus, check it, export scripts of it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
minimise.register(sub)

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH]...", help="Case files, or folders of them. Default: the corpus that misfold ships."),
]
Names = Annotated[
    str | None, typer.Option("--targets", "-t", help="Only these targets, separated by commas. Default: all named.")
]
_STYLES = {
    "passed": "green", "known": "yellow", "fixed": "bold green", "changed": "red", "failed": "bold red",
    "undecided": "cyan", "skipped": "dim",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(sub)


def read_all(paths: Sequence[Path] | None) -> list[Entry]:
    """The entries under ``paths``, by default those that are shipped."""
    return [read_entry(path) for path in find_files(paths or [shipped()])]


def _wanted(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


@sub.command()
def check(
    paths: Paths = None,
    targets: Names = None,
    strict: Annotated[bool, typer.Option("--strict", help="A known failure that is gone is an error.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per case and target.")] = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each case and target.")] = False,
) -> None:
    """Run cases and compare what targets do with what is expected of them. Exit status 1 if something is worse."""
    entries = read_all(paths)
    if not entries:
        raise UsageError(f"no case files in {', '.join(map(str, paths or [shipped()]))}")
    console = make_console()
    counts: Counter[str] = Counter()
    bad = False
    with Laboratory(seconds) as laboratory:
        for checked in check_all(entries, laboratory, _wanted(targets)):
            counts[checked.status] += 1
            bad |= checked.bad(strict)
            if as_json:
                print(json.dumps(checked_data(checked)), flush=True)
            else:
                _print(console, checked)
    if not as_json:
        console.print(", ".join(f"{counts[status]} {status}" for status in _STYLES if counts[status]))
    if not counts:
        raise UsageError("no case names any of these targets")
    raise typer.Exit(1 if bad else 0)


def checked_data(checked: Checked) -> dict[str, Any]:
    """One case on one target as plain data."""
    return {
        "file": str(checked.entry.path), "title": checked.entry.title, "target": checked.target,
        "status": checked.status, "detail": checked.detail,
        "expected": None if checked.expected is None else checked.expected.to_data(),
        "seconds": None if checked.observed is None else round(checked.observed.seconds, 3),
    }  # fmt: skip


def _print(console: Console, checked: Checked) -> None:
    style = _STYLES[checked.status]
    console.print(
        f"[{style}]{checked.status:9}[/{style}] {checked.target:11} {escape(checked.entry.name)}: "
        f"{escape(checked.entry.title)}"
    )
    if checked.status not in ("passed", "known"):
        for line in checked.detail.splitlines():
            console.print(f"          {escape(line)}")


@sub.command("list")
def show(
    paths: Paths = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List cases with what is expected of targets."""
    entries = read_all(paths)
    if as_json:
        rows = [
            {"file": str(one.path), "title": one.title, "expect": [item.to_data() for item in one.expectations]}
            for one in entries
        ]
        print(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("case", "target", "expected", "versions", "title"):
        table.add_column(column)
    for one in entries:
        for item in one.expectations:
            versions = ", ".join(f"{package}{specifier}" for package, specifier in item.versions.items())
            table.add_row(one.name, item.target, item.result, versions or "any", escape(one.title))
    make_console().print(table)


@sub.command()
def add(
    what: Annotated[list[str], typer.Argument(metavar="CASE...", help="Bugs (B3), findings (F12), or case files.")],
    into: Annotated[Path, typer.Option("--into", "-o", help="The corpus: a folder, made if need be.")],
    folder: Folder = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="A target to run it on; default: those the case names.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="One line that says what is wrong.")] = None,
    versions: Annotated[
        str | None,
        typer.Option("--versions", help='Where it fails, as in "torch>=2.13,<2.14". Default: from the installed on.'),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = SECONDS,
) -> None:
    """Add cases to a regression corpus: each is run three times in fresh processes, and what was seen is expected."""
    given = None if versions is None else range_of(versions)
    with Laboratory(seconds) as laboratory:
        for one in what:
            case, words = _case_of(one, folder)
            about: dict[str, Any] = {**case.about, "title": title or words}
            entry = entry_of(replace(case, about=about).text, Path(one))
            names = tuple(target or entry.targets)
            if not names:
                raise UsageError(f"{one}: the case names no target; choose one with --target")
            path = add_entry(entry, names, into, laboratory, given)
            Console(stderr=True).print(f"wrote {path}", highlight=False, soft_wrap=True)


def _case_of(what: str, folder: Path | None) -> tuple[AnyCase, str]:
    """A case and one line about it."""
    kernel = kernel_of(what, folder, full=False)
    case: AnyCase = kernel[0] if kernel is not None else load(what, folder, full=False).case
    if is_file_name(what):
        return case, str(case.about.get("title", Path(what).name))
    store = open_store(folder)
    item = find(store, what)
    return case, next((bug.title for bug in store.bugs() if bug.id == item.bug_id), item.explanation.splitlines()[0])


@sub.command()
def export(
    into: Annotated[Path, typer.Option("--into", "-o", help="Folder for the scripts, made if need be.")],
    paths: Paths = None,
    targets: Names = None,
) -> None:
    """Write a standalone script for every case and target of a corpus (exit status 1 of a script: it fails)."""
    wanted = _wanted(targets)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{into}: cannot be made: {error.strerror}") from error
    for entry in read_all(paths):
        for name in entry.targets:
            if wanted is not None and name not in wanted:
                continue
            if not isinstance(entry.case, Case):
                text = export_kernel(entry.case, entry.title, name, None)
            else:
                system = registry.get(name)
                text = export_script(entry.case, system, pick_pipeline(system, entry.case, None), heading=entry.title)
            write(text.encode(), into / f"{entry.name}-{name}.py")
