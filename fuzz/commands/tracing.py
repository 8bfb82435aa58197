"""``misfold trace``: the torch calls of somebody's own script."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from misfold.programs.errors import UsageError

from .browse import make_console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(trace)


def trace(
    script: Annotated[Path, typer.Argument(help="A Python script of yours. It is run, in this process.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments for the script.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the calls; by default SCRIPT.trials.jsonl.gz.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a script of your own and write down every call of a public torch operator that it makes, with its types.

    Options of misfold come before the script, the script's own behind it. The script runs here, with all that it does;
    only its calls' types are kept, no tensor's elements. The file is what rules are inferred from.
    """
    from misfold.generators.traces import write
    from misfold.generators.traces.script import trace_script, versions

    note = Console(stderr=True, soft_wrap=True)
    if not as_json:
        note.print(f"running {escape(str(script))} in this process", style="dim")
    # What the script prints must not get between the lines of JSON.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        found = trace_script(script, arguments or ())
    if not found.trials:
        reason = f"; it ended with {found.ended}" if found.ended else ""
        raise UsageError(f"{script}: no call of a public torch operator was seen, nothing is written{reason}")
    path = output or script.with_name(f"{script.stem}.trials.jsonl.gz")
    write(path, found.trials, versions(), script=script.name)
    functions = Counter(trial.call.function for trial in found.trials)
    if as_json:
        print(
            json.dumps(
                {
                    "path": str(path),
                    "calls": sum(found.counts.values()),
                    "distinct": len(found.trials),
                    "invalid": sum(not trial.valid for trial in found.trials),
                    "functions": {
                        name: {"calls": found.counts[name], "distinct": count}
                        for name, count in sorted(functions.items())
                    },
                    "refused": found.refused,
                    "ended": found.ended,
                },
                indent=2,
            )
        )
    else:
        console = make_console()
        console.print(" calls distinct")
        for name, count in functions.most_common():
            console.print(f"{found.counts[name]:6} {count:8}  {escape(name)}", highlight=False)
        for reason, times in sorted(found.refused.items()):
            console.print(f"{times:6}           not recorded: {escape(reason)}", highlight=False)
        console.print(
            f"{sum(found.counts.values())} calls of {len(functions)} operators, {len(found.trials)} distinct, "
            f"written to {escape(str(path))}"
        )
        if found.ended:
            note.print(f"the script ended with {escape(found.ended)}; calls before that were kept", style="yellow")
    raise typer.Exit(1 if found.ended else 0)
