"""``misfold report``: a draft of a bug report, in the form of the project that gets it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from misfold.programs.errors import UsageError
from misfold.triage.known.issues import read_issues
from misfold.triage.report.facts import Facts
from misfold.triage.report.page import page
from misfold.triage.report.readiness import Objection, objections
from misfold.triage.report.templates import TEMPLATES, template_for

from ..folders import find, is_file_name, open_store
from ..reporting import Source, check_named, gather
from ..workers import open_examiners
from .browse import Folder
from .kernels import kernel_of, pick
from .replay import What, load, pick_pipeline, write


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    what: What,
    project: Annotated[
        str | None,
        typer.Option("--for", help=f"Whose form: {', '.join(TEMPLATES)}. Default: the target's project, else plain."),
    ] = None,
    folder: Folder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="A self-contained page with the graph drawn.")] = False,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Which target fails; default: the one the case names.")
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline of the target.")] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write a draft though it is not ready; it says so at its top.")
    ] = False,
    known: Annotated[Path | None, typer.Option("--known", help="A file of known issues to compare with.")] = None,
    localise: Annotated[
        bool, typer.Option("--localise/--no-localise", help="Find where it comes from, if that is not known.")
    ] = True,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = 60.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found out, and what speaks against reporting, as JSON.")
    ] = False,
) -> None:
    """Write a draft of a bug report: the case is run again first, and refused (exit status 1) if it is not ready."""
    source = _source(what, folder, target, pipeline)
    check_named(source)
    template_for(source.target, project)  # what is asked for in vain is said before anything is run
    issues = read_issues(known) if known is not None else _campaigns_issues(source)
    with open_examiners(source.target, source.kernel, 1, seconds) as examiners:
        facts = gather(source, examiners[0], issues=issues, localise_seconds=120.0 if localise else None)
    against = objections(facts)
    if as_json:
        print(json.dumps(facts_data(facts, against), indent=1))
        raise typer.Exit(1 if against else 0)
    if against and not anyway:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"{what} is not ready to be reported:", markup=False)
        for one in against:
            console.print(f"  {one.rule}: {one.why}", markup=False)
        console.print("a draft that says so at its top: --anyway", markup=False)
        raise typer.Exit(1)
    stage = "" if facts.blame is None else facts.blame.stage
    draft = template_for(source.target, project, stage).draft(facts, against)
    write((page(facts, draft) if html else draft).encode(), output)


def _source(what: str, folder: Path | None, target: str | None, pipeline: str | None) -> Source:
    """The case that a user names, its target and pipeline, and where it comes from."""
    kernel = kernel_of(what, folder, full=False)
    case: Any = kernel[0] if kernel is not None else load(what, folder, full=False).case
    path = Path(what) if Path(what).exists() else None
    store = finding = None
    if not is_file_name(what):
        store = open_store(folder)
        finding = find(store, what)
        target = target or finding.target
    named = list(case.pipelines) or list(dict.fromkeys(_expected(case)))
    if target is None:
        if len(named) != 1:
            raise UsageError(f"{what}: the case names {len(named)} targets; say which one fails with --target")
        target = named[0]
    if kernel is not None:
        from misfold.targets.kernels import registry as kernels

        chosen = pick(kernels.get(target), case, pipeline)
    else:
        from misfold.targets import registry

        chosen = pick_pipeline(registry.get(target), case, pipeline)
    name = path.name if path is not None else what
    return Source(name, case, kernel is not None, target, chosen, path, store, finding)


def _expected(case: Any) -> list[str]:
    """Targets that a case of a regression corpus is expected to fail on."""
    raw = case.about.get("expect", [])
    rows = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    return [str(one["target"]) for one in rows if "target" in one and one.get("result") != "ok"]


def _campaigns_issues(source: Source) -> list[Any]:
    """The known issues that the campaign was given, if it was given any."""
    campaign = source.store.campaign() if source.store is not None else None
    path = (campaign.settings if campaign is not None else {}).get("known")
    return read_issues(Path(path)) if isinstance(path, str) and Path(path).is_file() else []


def facts_data(facts: Facts, against: list[Objection]) -> dict[str, Any]:
    """What was found out, as JSON."""
    return {
        "name": facts.name,
        "title": facts.title,
        "target": facts.target,
        "pipeline": facts.pipeline.to_data(),
        "kind": facts.kind,
        "verdict": facts.verdict,
        "oracle": facts.oracle,
        "explanation": facts.explanation,
        "supports": facts.supports,
        "program": facts.program,
        "script": {"text": facts.script, **asdict(facts.ran)},
        "trials": [asdict(one) for one in facts.trials],
        "failure": None if facts.failure is None else asdict(facts.failure),
        "blame": None if facts.blame is None else facts.blame.to_data(),
        "versions": dict(facts.versions),
        "system": dict(facts.system),
        "measures": [asdict(one) for one in facts.measures],
        "similar": [asdict(one) for one in facts.similar],
        "origin": list(facts.origin.details),
        "ready": not against,
        "objections": [asdict(one) for one in against],
    }
