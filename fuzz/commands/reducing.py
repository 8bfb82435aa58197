"""``misfold reduce`` and ``misfold localise``: a smaller case by hand, and where its failure comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from misfold.programs.errors import UsageError
from misfold.triage.reduce.search import SAME, Bounds
from misfold.triage.reduce.stability import TRIALS, measure

from ..examine import Examination, Examiner
from ..folders import find, is_file_name, open_store
from ..reducing import Reduced, Reducer
from ..workers import open_examiners
from .blames import print_blame
from .browse import Folder, make_console
from .kernels import kernel_of, pick
from .replay import What, load, pick_pipeline, write

TargetOption = Annotated[
    str | None, typer.Option("--target", "-t", help="The target that fails; default: the one the case names.")
]
PipelineOption = Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline of the target.")]
Full = Annotated[bool, typer.Option("--full", help="A finding's case as generated, not its reduced form.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(reduce)
    app.command()(localise)


def reduce(
    what: What,
    folder: Folder = None,
    target: TargetOption = None,
    pipeline: PipelineOption = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", help="Keep every step here as a case file; a second run goes on from there."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the reduced case here instead of standard output.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Candidates tried side by side.")] = 1,
    tests: Annotated[int, typer.Option("--tests", min=1, help="At most so many tests.")] = 2000,
    time: Annotated[float, typer.Option("--time", min=1, help="Seconds that reducing may take.")] = 300.0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = 60.0,
    full: Annotated[
        bool, typer.Option("--full/--reduced", help="Begin with a finding's case as generated (default).")
    ] = True,
    as_json: Json = False,
) -> None:
    """Make a failing case smaller while it fails in the same way. Exit status 1 if it does not fail at all."""
    with _session(what, folder, target, pipeline, full, jobs, seconds) as (examiners, first, stability):
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        others: list[Examination] = []
        reducer = Reducer(
            examiners, first, Bounds(tests, time), history=history, stability=stability, other=others.append,
            operators=False,
        )  # fmt: skip
        done = reducer.run()
        if as_json:
            data = {**_reduction_data(done), "others": [reducer.key_of(one) for one in others]}
            print(json.dumps(data, indent=2))
            return
        write(done.plain.case.text.encode(), output)
        before, after = (", ".join(f"{v} {k}" for k, v in done.facts[key].items()) for key in ("before", "after"))
        console.print(f"{before} → {after}; {done.facts['tests']} tests, {done.facts['seconds']} s", markup=False)
        if stability.repeats > 1:
            console.print(f"the failure shows in {stability.failed} of {stability.trials} runs", markup=False)
        if not done.same:
            console.print("no smaller case failed in the same way in a fresh process", markup=False)
        for one in others:
            console.print(f"met on the way, another failure: {reducer.key_of(one)[:200]}", markup=False)


def localise(
    what: What,
    folder: Folder = None,
    target: TargetOption = None,
    pipeline: PipelineOption = None,
    time: Annotated[float, typer.Option("--time", min=1, help="Seconds that localising may take.")] = 300.0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = 60.0,
    full: Full = False,
    as_json: Json = False,
) -> None:
    """Find which stage, pass or option a failure comes from. Exit status 1 if the case does not fail."""
    with _session(what, folder, target, pipeline, full, 1, seconds, trials=0) as (examiners, first, stability):
        reducer = Reducer(examiners, first, Bounds(), stability=stability, seconds_to_localise=time)
        blame = reducer.localise(first)
        if as_json:
            print(json.dumps(blame.to_data(), indent=2))
            return
        print_blame(make_console(), blame)


def _reduction_data(done: Reduced) -> dict[str, Any]:
    return {**done.facts, "case": done.plain.case.text, "normal": done.normal.text, "blame": done.blame.to_data()}


@contextmanager
def _session(
    what: str,
    folder: Path | None,
    target: str | None,
    pipeline: str | None,
    full: bool,
    jobs: int,
    seconds: float,
    trials: int = TRIALS,
) -> Iterator[tuple[list[Examiner], Examination, Any]]:
    """Workers, the case's failure, and how often it shows."""
    kernel = kernel_of(what, folder, full)
    case: Any = kernel[0] if kernel is not None else load(what, folder, full).case
    named = list(case.pipelines)
    if target is None:
        if not named and not is_file_name(what):
            target = find(open_store(folder), what).target
        elif len(named) != 1:
            raise UsageError(f"the case names {len(named)} targets; say which one fails with --target")
        target = target or named[0]
    with open_examiners(target, kernel is not None, jobs, seconds) as examiners:
        system = examiners[0].targets[target]
        chosen = pick(system, case, pipeline) if kernel is not None else pick_pipeline(system, case, pipeline)
        first = examiners[0].examine(case, target, chosen, fresh=True, repeats=2)
        reducer = Reducer(examiners, first, Bounds())

        def test(candidate: Any):  # type: ignore[no-untyped-def]
            from misfold.triage.reduce.search import PASSES, Answer

            found = examiners[0].examine(candidate, target, chosen, fresh=True)
            return Answer(SAME if reducer.same(found) else PASSES)

        if not first.bad:
            # It may be one that shows now and then.
            for _ in range(TRIALS):
                first = examiners[0].examine(case, target, chosen, fresh=True, repeats=2)
                if first.bad:
                    reducer = Reducer(examiners, first, Bounds())
                    break
            else:
                words = first.verdict.explanation or first.verdict.kind
                print(f"{what} does not fail on {target} ({chosen.name}): {words}")
                raise typer.Exit(1)
        yield examiners, first, measure(case, test, trials)
