"""``misfold docs``: what documentation says about parameters, and whether it is so."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from misfold.generators.documentation.facts import Constraints
from misfold.programs.errors import UsageError

from .browse import make_console

docs = typer.Typer(
    help="Constraints from documentation: read them, fuzz with them, hold them against what operators do.",
    no_args_is_help=True,
)

Modules = Annotated[
    list[str], typer.Argument(help="Installed modules or functions, as torch.nn.functional (imported), or onnx:Conv.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    docs.command()(show)
    docs.command()(agreement)
    docs.command()(fuzz)
    docs.command()(learn)
    app.add_typer(docs, name="docs")


def _read(names: list[str]) -> list[Constraints]:
    from misfold.generators.documentation import rules, survey
    from misfold.generators.documentation.readers import modules, onnx

    entries = []
    for name in names:
        space, _, operator = name.partition(":")
        entries += onnx.documented(operator) if space == "onnx" else modules.documented(name)
    return [known for item in survey.surveyed(entries, rules.load()) for known in item.constraints.values()]


def show(
    names: Modules,
    as_json: AsJson = False,
    summary: Annotated[bool, typer.Option("--summary", help="Only the counts.")] = False,
) -> None:
    """Print what the documentation of modules or functions says of each parameter, with the sentences it says it in.

    "onnx" reads the operator schemas of the installed onnx, "onnx:Conv" the one of Conv.
    """
    found = _read(names)
    if not found:
        raise UsageError(
            f"{', '.join(names)}: no documented parameters; Google's, numpy's and Sphinx's styles are read"
        )
    typed = [known for known in found if known.parameter.type]
    counts = {
        "parameters": len(found),
        "constrained": sum(known.constrained for known in found),
        "typed": len(typed),
        "typed_constrained": sum(known.constrained for known in typed),
        "facts": dict(Counter(fact.category for known in found for fact in known.facts).most_common()),
    }
    if as_json:
        print(json.dumps(counts if summary else [known.to_data() for known in found], indent=2, default=str))
        return
    console = make_console()
    api = None
    for known in () if summary else found:
        if known.parameter.api != api:
            api = known.parameter.api
            console.print(f"[bold]{escape(api)}[/bold]")
        console.print(f"  {escape(known.parameter.name)}  [dim]{escape(known.parameter.type)}[/dim]")
        for fact in known.facts:
            reasons = f"  [dim]{escape(', '.join(fact.patterns[:2]))}[/dim]" if fact.patterns else ""
            console.print(
                f"    {fact.category:9} {escape(fact.value):20} {fact.score:.2f}  {escape(fact.quote[:100])}{reasons}"
            )
    console.print(
        f"{counts['parameters']} parameters, {counts['constrained']} with constraints; "
        f"{counts['typed']} with a documented type, {counts['typed_constrained']} of them with constraints"
    )


def agreement(
    names: Annotated[list[str] | None, typer.Argument(help="Modules to compare, by default torch.")] = None,
    worst: Annotated[int, typer.Option("--worst", min=0, help="How many conflicts to show.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Hold documented types and defaults against aten's schemas, and documented element types against OpInfo."""
    from misfold.generators.documentation.merging import compare

    result = compare(_read(names or ["torch"]))
    if as_json:
        print(json.dumps(result.to_data(worst), indent=2, default=str))
        return
    console = make_console()
    for source, counts in result.counts.items():
        total = sum(counts.values())
        console.print(
            f"{source:16} {total:5} compared  " + "  ".join(f"{name} {count}" for name, count in counts.most_common())
        )
    for conflict in result.conflicts[:worst]:
        console.print(
            f"{escape(conflict.api)} {escape(conflict.parameter)}: documentation {escape(conflict.documented)}, "
            f"{conflict.source} {escape(conflict.other)}\n    {escape(conflict.why)}; {escape(conflict.quote[:120])}"
        )


def fuzz(
    names: Annotated[list[str] | None, typer.Argument(help="Modules to fuzz, by default torch.")] = None,
    ratio: Annotated[float, typer.Option("--ratio", min=0, max=1, help="Share of calls that break a statement.")] = 0.5,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Calls to try on eager torch.")] = 4000,
    compiled: Annotated[int, typer.Option("--compiled", min=0, help="How many of them to compile as well.")] = 400,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            metavar="NAME[=COUNT]",
            help="Sides to compare with: eager, aot_eager, inductor, misfold (torch.compile), onnxruntime, tvm."
            " COUNT is for this side what --compiled is for all.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help="documentation; or, for comparison: types (of schemas), records (changed at random).",
        ),
    ] = "documentation",
    seconds: Annotated[float | None, typer.Option("--seconds", help="End the compared part after so long.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides every call.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Workers.")] = 2,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for a script and draft of each finding.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Call operators as documented and against their documentation, eager and compiled, in isolated workers.

    Reports crashes, hangs and calls that eager and compiled torch disagree about, and statements of the documentation
    that eager torch contradicts. Exit status 1 if there are any.
    """
    from ..documentation import SOURCES, run

    sides = _sides(backend or ["aot_eager"], compiled)
    if source not in SOURCES:
        raise UsageError(f"unknown source of calls {source!r} (allowed: {', '.join(SOURCES)})")
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("reading documentation", total=None)
        result = run(
            names or ["torch"], ratio=ratio, count=count, seed=seed, jobs=jobs, sides=sides, source=source,
            seconds=seconds, progress=lambda stage, done, total: bar.update(task, description=stage, completed=done,
            total=total or None),
        )  # fmt: skip
    if output is not None:
        _write_scripts(output, result)
    if as_json:
        print(json.dumps(result.to_data(), indent=2, default=str))
    else:
        _print(result, seed)
    raise typer.Exit(1 if result.differences or result.inconsistencies else 0)


def _sides(given: list[str], compiled: int) -> dict[str, int]:
    """Sides with the number of calls that each gets."""
    from misfold.generators.documentation.sides import SIDES, TARGETS
    from misfold.targets import registry

    found: dict[str, int] = {}
    for text in given:
        name, equals, number = text.partition("=")
        if name not in SIDES:
            raise UsageError(f"unknown backend {name!r} (allowed: {', '.join(SIDES)})")
        if equals and not number.isdigit():
            raise UsageError(f"--backend {text}: {number!r} is no number of calls")
        if name in TARGETS and (reason := registry.get(name).missing()):
            raise UsageError(f"{name} cannot run here: {reason}")
        found[name] = int(number) if equals else compiled
    return found


def _write_scripts(folder: Path, result: Any) -> None:
    from misfold.generators.documentation.draft import draft
    from misfold.generators.traces.script import versions

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for prefix, items in (("difference", result.differences.values()), ("inconsistency", result.inconsistencies)):
            for number, item in enumerate(items, 1):
                (folder / f"{prefix}-{number:03}.py").write_text(item.script, encoding="utf-8")
        for number, item in enumerate(result.inconsistencies, 1):
            text = draft(item, versions())
            (folder / f"inconsistency-{number:03}.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from None


def _print(result: Any, seed: int) -> None:
    console = make_console()
    for item in result.differences.values():
        elements = f" on {item.draw} elements" if item.draw else ""
        others = f" and {len(item.apis) - 1} more operators" if len(item.apis) > 1 else ""
        console.print(
            f"[red]{item.kind}[/red] {item.backend}: {escape(item.call)}{elements}  (seen {item.seen}×{others})"
        )
        told = "" if item.backend == "eager" else f"; {item.backend} {escape(item.compiled or 'accepts')}"
        console.print(f"    eager {escape(item.eager or 'accepts')}{told}\n    {escape(item.statement)}")
    for item in result.inconsistencies:
        console.print(f"[yellow]{item.kind}[/yellow] {escape(item.what)}  ({len(item.apis)} APIs, {item.calls} calls)")
        console.print(f"    {escape(item.location)}: {escape(item.quote[:160])}")
    console.print(
        f"{result.documented} documented parameters, {result.operators} operators with calls, "
        f"{sum(result.counts.values())} calls of {len(result.called)}: "
        + ", ".join(f"{count} {name}" for name, count in sorted(result.counts.items()))
    )
    if result.compiled:
        console.print(
            f"{len(result.compiled_apis)} operators compared: "
            + ", ".join(f"{count} {name}" for name, count in sorted(result.compiled.items()))
        )
    console.print(
        f"{len(result.differences)} differences, {len(result.inconsistencies)} contradicted statements; "
        f"{result.seconds:.0f} s, seed {seed}"
    )


def learn(
    sample: Annotated[Path, typer.Argument(help="The annotated sample, a CSV file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rules to this file.")] = None,
    way: Annotated[str, typer.Option("--way", help="runs, gaps or mined; see docs.")] = "runs",
    validate: Annotated[bool, typer.Option("--validate", help="Cross-validate by API, ten folds, first.")] = False,
) -> None:
    """Learn rules anew from an annotated sample and the phrases that ship. Needs scikit-learn."""
    from misfold.generators.documentation import learning, rules, validation
    from misfold.generators.documentation import sample as samples

    if way not in learning.WAYS:
        raise UsageError(f"unknown way of learning {way!r} (allowed: {', '.join(learning.WAYS)})")
    parameters = samples.documented(samples.read(sample))
    extra = samples.phrases()
    console = make_console()
    if validate:
        found = validation.cross_validate(parameters, way, extra=extra)
        for name, score in found.scores.items():
            console.print(f"{name:12} precision {score.precision:.3f}  recall {score.recall:.3f}")
    about = {"sample": f"{sample.name}: {len(parameters)} parameters", "phrases": len(extra), "way": way}
    made = learning.learn([*(example for p in parameters for example in p.examples), *extra], way, about)
    console.print(f"{len(made.weights)} constraints, {sum(map(len, made.weights.values()))} patterns")
    if output is not None:
        try:
            rules.write(made, output)
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror or error}") from None
        console.print(f"wrote {escape(str(output))}")
