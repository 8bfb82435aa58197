"""``misfold replay`` and ``misfold export``: run a case again, here or without misfold."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from misfold.oracles.verdict import Claim
from misfold.programs.bounds import check as check_bounds
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import TargetError, UsageError
from misfold.programs.files import read_case
from misfold.programs.pipeline import Pipeline
from misfold.targets import registry
from misfold.targets.isolation.limits import Limits
from misfold.targets.protocol import Target
from misfold.triage.script import describe, export_script

from ..campaign import Servers, find_targets
from ..examine import Examiner
from ..folders import find, is_file_name, open_store
from .browse import Folder, make_console
from .kernels import export_kernel, kernel_of, replay_kernel

What = Annotated[
    str, typer.Argument(metavar="CASE", help="A finding (F12), a bug (B3), a case file, or - for standard input.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(replay)
    app.command()(export)


class Named(NamedTuple):
    """A case that a user names, a heading for it, and what is proved of it, if that is known."""

    case: Case
    heading: str
    claim: Claim | None


def load(what: str, folder: Path | None, full: bool) -> Named:
    """The case that a user names, checked against the bounds."""
    claim = None
    if what == "-":
        case, heading = parse_case(sys.stdin.read(), "standard input"), "a case from standard input"
    elif is_file_name(what):
        case, heading = read_case(Path(what)), Path(what).name
    else:
        store = open_store(folder)
        item = find(store, what)
        text = item.text if full or not item.reduced else item.reduced
        stored = (item.reduction or {}).get("claim") if text == item.reduced else None
        claim = stored and Claim.from_data(stored)
        case = parse_case(text)
        title = next((bug.title for bug in store.bugs() if bug.id == item.bug_id), f"finding F{item.id}")
        heading = describe(title, item.target, item.pipeline, item.verdict, item.explanation, item.versions)
    check_bounds(case)
    return Named(case, heading, claim)


def pick_pipeline(target: Target, case: Case, name: str | None) -> Pipeline:
    """The pipeline called ``name``; without a name the case's own for the target, or the target's default.

    Raises:
        TargetError: the target has no pipeline of that name.
    """
    pipelines = list(target.pipelines())
    if name is None:
        return case.pipelines.get(target.name, pipelines[0])
    own = case.pipelines.get(target.name)
    for pipeline in ([own] if own is not None else []) + pipelines:
        if pipeline.name == name:
            return pipeline
    known = ", ".join(pipeline.name for pipeline in pipelines)
    raise TargetError(f"target {target.name} has no pipeline {name!r}; it has: {known}")


def replay(
    what: What,
    folder: Folder = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", help="A target; repeat for several. Default: those the case names."),
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline of the target.")] = None,
    times: Annotated[int, typer.Option("--times", "-n", min=1, help="How often, each in a fresh process.")] = 1,
    full: Annotated[bool, typer.Option("--full", help="A finding's case as generated, not its reduced form.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = 60.0,
) -> None:
    """Run a case again in fresh, isolated processes and judge it. Exit status 1 if a target fails."""
    kernel = kernel_of(what, folder, full)
    if kernel is not None:
        failing = replay_kernel(make_console(), kernel[0], tuple(target or ()), pipeline, times, seconds)
        raise typer.Exit(1 if failing else 0)
    case = load(what, folder, full).case
    names = tuple(target or case.pipelines or ("inductor",))
    targets = find_targets(names)
    console = make_console()
    failed = False
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        servers = Servers(targets, Path(scratch), Limits(seconds=seconds))
        try:
            servers.start()
            examiner = Examiner(servers.servers, targets, Path(scratch) / "targets", seconds)
            for name, system in targets.items():
                chosen = pick_pipeline(system, case, pipeline)
                for _ in range(times):
                    result = examiner.examine(case, name, chosen, fresh=True, repeats=2)
                    failed |= result.bad
                    style = "red" if result.bad else "green"
                    console.print(
                        f"{name} ({escape(chosen.name)}): [{style}]{result.verdict.kind}[/{style}] "
                        f"({result.outcome.kind}, oracle {result.verdict.oracle})"
                    )
                    for text in (result.verdict.explanation, *_failure(result)):
                        if text:
                            console.print(f"  {escape(text)}")
        finally:
            servers.close()
    raise typer.Exit(1 if failed else 0)


def _failure(result) -> list[str]:  # type: ignore[no-untyped-def]
    failure = result.outcome.failure or (result.eager.failure if result.eager.kind != "values" else None)
    return (
        []
        if failure is None
        else [f"{failure.type}: {failure.message[:600]}", *(f"  {f}" for f in failure.frames[-4:])]
    )


def export(
    what: What,
    folder: Folder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="For which target; default: the one the case names.")
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline of the target.")] = None,
    full: Annotated[bool, typer.Option("--full", help="A finding's case as generated, not its reduced form.")] = False,
    as_case: Annotated[bool, typer.Option("--case", help="Write the case file instead of a script.")] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write the ONNX model of the program instead (needs --output).")
    ] = False,
) -> None:
    """Write a standalone script that shows the failure without misfold (exit status 1 if it does)."""
    kernel = kernel_of(what, folder, full)
    if kernel is not None:
        if onnx:
            raise UsageError("a kernel is no ONNX model")
        text = kernel[0].text if as_case else export_kernel(*kernel, target, pipeline)
        write(text.encode(), output)
        return
    case, heading, claim = load(what, folder, full)
    if onnx:
        if output is None:
            raise UsageError("--onnx needs --output FILE.onnx")
        write(export_onnx(case), output)
        return
    if as_case:
        write(case.text.encode(), output)
        return
    if target is None:
        if len(case.pipelines) > 1:
            raise UsageError(f"the case names several targets ({', '.join(case.pipelines)}); choose one with --target")
        target = next(iter(case.pipelines), "inductor")
    system = registry.get(target)
    chosen = pick_pipeline(system, case, pipeline)
    write(export_script(case, system, chosen, heading=heading, claim=claim).encode(), output)


def export_onnx(case: Case) -> bytes:
    """The program as ONNX Runtime gets it, checked."""
    missing = registry.get("onnxruntime").missing()
    if missing:
        raise TargetError(f"no ONNX export here: {missing}")
    from misfold.targets.onnxruntime import export_model
    from misfold.targets.protocol import Unsupported
    from misfold.targets.torch_values import make_inputs

    try:
        return export_model(case.graph, make_inputs(case))
    except Unsupported as error:
        raise TargetError(f"this program cannot be exported to ONNX: {error}") from error


def write(data: bytes, output: Path | None) -> None:
    """Write to a file, or to standard output."""
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error
    Console(stderr=True).print(f"wrote {output}", highlight=False, soft_wrap=True)
