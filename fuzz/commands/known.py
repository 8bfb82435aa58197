"""``misfold known``: the file of known issues, and whether they still fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from misfold.corpus.entries import read_entry
from misfold.corpus.laboratory import SECONDS, Laboratory
from misfold.programs.errors import MisfoldError, UsageError
from misfold.triage.known.issues import Issue, read_issues
from misfold.triage.known.knowing import today

from .browse import make_console

sub = typer.Typer(
    name="known",
    help="Known issues: what a campaign need not find again (a TOML file, see docs/regression-corpus.md).",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of known issues.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(sub)


def issue_data(issue: Issue) -> dict[str, Any]:
    """An issue as plain data."""
    words = {key: value for key, value in vars(issue).items() if value not in (None, (), {})}
    return words | {"expires": None if issue.expires is None else issue.expires.isoformat()}


@sub.command("list")
def show(file: File, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List known issues, and read the file as a campaign would."""
    issues = read_issues(file)
    if as_json:
        print(json.dumps([issue_data(one) for one in issues], indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("title", "target", "kinds", "operators", "versions", "expires", "link"):
        table.add_column(column)
    for one in issues:
        expires = "never" if one.expires is None else one.expires.isoformat()
        if one.expires is not None and one.expires < today():
            expires = f"[yellow]{expires} (expired)[/yellow]"
        versions = ", ".join(f"{package}{specifier}" for package, specifier in one.versions.items()) or "any"
        table.add_row(
            escape(one.title), escape(one.target), ", ".join(one.kinds) or "any",
            escape(", ".join(one.operators) or "any"), escape(versions), expires, escape(one.link or ""),
        )  # fmt: skip
    make_console().print(table)


@sub.command()
def check(
    file: File,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if one expired or stopped failing.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per case.")] = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Run the cases that known issues name: those that stopped failing can be taken out of the file."""
    issues = read_issues(file)
    console = make_console()
    odd = False
    with Laboratory(seconds) as laboratory:
        for issue in issues:
            for target, state, why in _states(issue, file.parent, laboratory):
                odd |= state in ("stopped", "expired")
                if as_json:
                    row = {"title": issue.title, "target": target, "state": state, "detail": why}
                    print(json.dumps(row), flush=True)
                else:
                    style = {"stopped": "bold green", "expired": "yellow", "fails": "dim"}.get(state, "cyan")
                    console.print(f"[{style}]{state:8}[/{style}] {escape(issue.title)} {target}: {escape(why)}")
    raise typer.Exit(1 if strict and odd else 0)


def _states(issue: Issue, folder: Path, laboratory: Laboratory) -> Iterator[tuple[str, str, str]]:
    """Target, state and words for each target on which an issue's case can be run."""
    if issue.expires is not None and issue.expires < today():
        yield issue.target, "expired", f"on {issue.expires.isoformat()}"
        return
    if issue.case is None:
        yield issue.target, "unknown", "it names no case"
        return
    entry = read_entry(folder / issue.case)
    targets = [name for name in entry.targets if fnmatchcase(name, issue.target)]
    if not targets:
        raise UsageError(f"{entry.path}: the case names no target of the issue {issue.title!r} ({issue.target})")
    for name in targets:
        try:
            seen = laboratory.observe(entry, name, fresh=True)
        except MisfoldError as error:
            yield name, "skipped", str(error)
            continue
        state = {"ok": "stopped", "undecided": "unknown"}.get(seen.result, "fails")
        yield name, state, seen.explanation or seen.result
