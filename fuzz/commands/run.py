"""``misfold run``: a campaign."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from misfold.generators.options import SOURCES
from misfold.programs.errors import UsageError

from ..campaign import Runner
from ..folders import new_folder
from ..graphs.campaign import GraphRunner
from ..joint.settings import LoopSettings
from ..papers import waiting
from ..settings import DEFAULT_TARGETS, KERNEL_TARGETS, Settings, generator_options, parse_duration
from ..store import FILE, Store
from ..view import View, duration
from .browse import bug_table, make_console, status_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def split(text: str | None) -> tuple[str, ...]:
    """``"a, b"`` as ``("a", "b")``."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def span(text: str) -> tuple[int, int]:
    """``"5-15"`` as ``(5, 15)``, ``"10"`` as ``(10, 10)``.

    Raises:
        UsageError: it is neither.
    """
    low, _, high = text.partition("-")
    try:
        bounds = int(low), int(high or low)
    except ValueError:
        raise UsageError(f"not a number or range: {text!r} (write 10 or 5-15)") from None
    if not 1 <= bounds[0] <= bounds[1] <= 200:
        raise UsageError(f"a program can have 1 to 200 operators, the smaller number first: {text!r}")
    return bounds


def run(
    targets: Annotated[
        str | None, typer.Option("--targets", "-t", help=f"Comma-separated; default: {','.join(DEFAULT_TARGETS)}.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", help="How long: 45s, 5m, 1h30m, 2d. Default 5m, unless --count is given.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="Stop after this many cases in all.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Cases at a time; one core each.")] = 2,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Decides every case. Default: a random one, printed.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", "-f", help="The campaign's folder. One that holds a campaign is resumed."),
    ] = None,
    nodes: Annotated[str | None, typer.Option("--nodes", help="Operators per program, as 5-15.")] = None,
    operators: Annotated[
        str | None,
        typer.Option("--operators", help="Only these: comma-separated names or patterns such as 'torch.linalg.*'."),
    ] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", help="Without these operators; as --operators.")] = None,
    dtypes: Annotated[
        str | None, typer.Option("--dtypes", help="Element types of inputs, weights optional: 'float32=4,int64,bool'.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="What operators are called by: 'rules' (sizes and numbers solved for), 'records' (known calls, varied)"
            " or 'hybrid'. Default: hybrid.",
        ),
    ] = None,
    exact: Annotated[
        float | None,
        typer.Option("--exact", min=0, max=1, help="Share of cases with small-integer inputs, judged bit for bit."),
    ] = None,
    gradients: Annotated[
        float | None, typer.Option("--gradients", min=0, max=1, help="Share of cases that run the backward pass too.")
    ] = None,
    relations: Annotated[
        float | None,
        typer.Option("--relations", min=0, max=1, help="Share of right answers to try an equivalent program for."),
    ] = None,
    special_values: Annotated[
        bool, typer.Option("--special-values", help="Feed NaN and infinities on purpose.")
    ] = False,
    pipelines: Annotated[
        str | None, typer.Option("--pipelines", "-p", help="Only these pipelines (see: misfold targets --pipelines).")
    ] = None,
    kernels: Annotated[
        bool,
        typer.Option("--kernels", help="Evolve loop programs and pass pipelines together, instead of operator graphs."),
    ] = False,
    loop: Annotated[
        str | None,
        typer.Option(
            "--loop", help="Choices of the joint loop, as 'stalls=6,fresh=0.1,guided=false' (docs/coverage.md)."
        ),
    ] = None,
    coverage: Annotated[
        str | None,
        typer.Option(
            "--coverage",
            help="What to watch of compilers (see: misfold coverage), to steer by it: names as "
            "tvm-functions,tvm-blocks. Default: what suits the targets.",
        ),
    ] = None,
    no_coverage: Annotated[
        bool, typer.Option("--no-coverage", help="Watch nothing. Programs of operators are all generated then.")
    ] = False,
    known: Annotated[
        Path | None,
        typer.Option("--known", help="A file of known issues: counted, not investigated, and steered around."),
    ] = None,
    even: Annotated[
        bool | None,
        typer.Option(
            help="Give targets the same time, not the same programs: one whose compiles take long sits out until the "
            "others have had as much. Default: with --time and no --count."
        ),
    ] = None,
    triage_time: Annotated[
        str | None,
        typer.Option(
            "--triage-time",
            help="How long confirming, reducing and writing drafts may go on after the last case: 10m, 0s. "
            "Default: half of --time (1m to 1h); until it is done with --count.",
        ),
    ] = None,
    drafts: Annotated[
        bool,
        typer.Option(
            help="Write a report's draft and a regression case for each bug, or leave that to misfold triage."
        ),
    ] = True,
    case_seconds: Annotated[
        float, typer.Option("--case-seconds", min=1, help="Time limit per case and target.")
    ] = 30.0,
    memory: Annotated[int, typer.Option("--memory", min=256, help="Memory a worker may take, in MiB.")] = 3072,
) -> None:
    """Run a campaign: make programs, compile them with every target, judge, confirm, reduce, deduplicate, write drafts.

    Ctrl-C once stops soon and summarises; twice stops at once. Nothing found is lost either way, and the same command
    with the campaign's --folder goes on where it stopped.
    """
    old = stored(folder)
    if seed is None:
        seed = old.seed if old else secrets.randbelow(2**31)
    generator: dict[str, Any] = {}
    if nodes is not None:
        generator["min_nodes"], generator["max_nodes"] = span(nodes)
    if operators is not None:
        generator["include"] = list(split(operators))
    if exclude is not None:
        generator["exclude"] = list(split(exclude))
    if dtypes is not None:
        generator["dtypes"] = weights(dtypes)
    if source is not None:
        generator["rules"] = share_of_rules(source)
    if exact is not None:
        generator["exact"] = exact
    if gradients is not None:
        generator["gradient"] = gradients
    if special_values:
        generator["special_values"] = 0.25
    generator_options(generator)  # an option that does not fit is an error here, not in a worker
    kernels = kernels or (old.kernels if old else False)
    choices = loop_choices(loop) if loop is not None else (old.loop if old else {})
    if no_coverage and coverage is not None:
        raise UsageError("--coverage and --no-coverage exclude each other")
    if no_coverage and kernels and old is None:
        choices = {**choices, "guided": False}
    LoopSettings.from_data(choices)
    if kernels and even is not None:
        raise UsageError("--even and --no-even are for programs of operators: each kernel is made for one target")
    usual = KERNEL_TARGETS if kernels else DEFAULT_TARGETS
    watched = () if no_coverage else ("auto",) if coverage is None else split(coverage)
    seconds = parse_duration(time) if time is not None else (None if count is not None else 300.0)
    settings = Settings(
        seed=seed,
        targets=split(targets) or (old.targets if old else usual),
        time=seconds,
        count=count,
        jobs=jobs,
        case_seconds=case_seconds,
        memory=memory * 2**20,
        relations=(old.relations if old else Settings.relations) if relations is None else relations,
        triage_time=None if triage_time is None else parse_duration(triage_time, zero=True),
        drafts=drafts,
        pipelines=split(pipelines) or (old.pipelines if old else ()),
        coverage=old.coverage if old and coverage is None and not no_coverage else watched,
        known=str(known.absolute()) if known is not None else (old.known if old else None),
        kernels=kernels,
        even=(seconds is not None and count is None and not kernels) if even is None else even,
        loop=choices,
        generator=generator or (old.generator if old else {}),
    )
    campaign(settings, folder or new_folder(seed))


def share_of_rules(source: str) -> float:
    """The fraction of calls that are made by rules.

    Raises:
        UsageError: there is no such source.
    """
    if source not in SOURCES:
        raise UsageError(f"--source: no source {source!r}; there are {', '.join(SOURCES)}")
    return SOURCES[source]


def weights(text: str) -> dict[str, float]:
    """``"float32=4,int64"`` as ``{"float32": 4.0, "int64": 1.0}``."""
    found = {}
    for part in split(text):
        name, _, weight = part.partition("=")
        try:
            found[name.strip()] = float(weight or 1)
        except ValueError:
            raise UsageError(f"not a weight: {part!r} (write float32=4)") from None
    return found


def loop_choices(text: str) -> dict[str, Any]:
    """``"stalls=6,guided=false"`` as ``{"stalls": 6, "guided": False}``."""
    words: dict[str, Any] = {"true": True, "false": False}
    found: dict[str, Any] = {}
    for part in split(text):
        name, _, value = part.partition("=")
        value = value.strip()
        try:
            found[name.strip()] = words[value] if value in words else float(value) if "." in value else int(value)
        except ValueError:
            raise UsageError(f"not a choice: {part!r} (write stalls=6 or guided=false)") from None
    return found


def stored(folder: Path | None) -> Settings | None:
    """Settings of the campaign that a folder holds, if it holds one."""
    if folder is None or not (folder / FILE).exists():
        return None
    store = Store(folder)
    try:
        known = store.campaign()
        return None if known is None else Settings.from_data(known.settings)
    finally:
        store.close()


def campaign(settings: Settings, folder: Path, *, only_triage: bool = False) -> None:
    """Run a campaign, or its triage alone, and print what it found."""
    console = make_console()
    runner: Runner
    if settings.kernels:
        from ..kernels.campaign import KernelRunner

        runner = KernelRunner(folder, settings, only_triage=only_triage)
    else:
        runner = GraphRunner(folder, settings, only_triage=only_triage)
    versions = ", ".join(
        dict.fromkeys(f"{name} {version}" for t in runner.targets.values() for name, version in t.versions().items())
    )
    console.print(f"misfold: seed {settings.seed}, folder {folder}, targets {', '.join(settings.targets)}")
    console.print(f"         {versions}")
    console.print("         starting: each compiler is imported and warmed up once …")
    interrupted = False
    with View(console) as view:
        try:
            runner.run(view.update)
        except KeyboardInterrupt:
            interrupted = True
    try:
        summary(console, runner)
    except KeyboardInterrupt:  # whoever asks for a second time does not want to read
        interrupted = True
    if interrupted:
        raise typer.Exit(130)


def known_lines(runner: Runner) -> list[str]:
    """What this run had to do with known issues, one line each that it met."""
    known = runner.knowledge
    titles = dict.fromkeys([*known.explained, *known.spared])
    return [
        f"known: {title}: {known.explained[title]} findings, {known.spared[title]} programs kept from the target"
        for title in titles
    ]


def summary(console: Console, runner: Runner) -> None:
    """The closing summary."""
    store = Store(runner.folder)
    known = store.campaign()
    if known is None:
        console.print("stopped before the campaign began")
        return
    items, bugs = store.findings(), store.bugs()
    cases = store.number_of_cases(known)
    console.print(f"\n[bold]{cases} cases in {duration(known.seconds)}, seed {known.seed}[/bold]")
    begun = runner.tally.cases - (cases - runner.cases_before)
    if begun > 0:
        # Blocks are made again as a whole when the campaign goes on; what they found is kept.
        console.print(f"  {begun} more were begun, and not finished before the time was over")
    for target, counts in store.counts(known).items():
        rejected = counts.get("rejected", 0)
        undecided = counts.get("verdict:undecided", 0)
        bad = counts.get("verdict:proved", 0) + counts.get("verdict:suspect", 0)
        good = sum(n for key, n in counts.items() if not key.startswith("verdict:")) - rejected - undecided - bad
        console.print(f"  {target}: {good} ok, {rejected} unsupported, {undecided} undecided, {bad} failing")
    if runner.settings.even and len(runner.settings.targets) > 1:
        console.print("  targets had the same time, not the same programs (--no-even: every program on every target)")
    if runner.tally.how:
        all_of_it = sum(runner.tally.how.values())
        words = {"generate": "generated", "program": "mutated", "pipeline": "under another pipeline"}
        parts = [f"{100 * number / all_of_it:.0f} % {words[how]}" for how, number in runner.tally.how.most_common()]
        console.print(f"  {', '.join(parts)}; corpus: {runner.entries()} entries")
    if runner.tally.crashed:
        why = (
            "mutations found nothing to do or were undefined"
            if runner.settings.kernels
            else "mutations found nothing to do, or eager died or hung"
        )
        console.print(f"  {runner.tally.crashed} cases could not be made: {why} (see the notes in the store)")
    if runner.reached is not None:
        for name, count in sorted(runner.reached.totals().items()):
            console.print(f"  reached {count:,} of {runner.reached.sizes.get(name, 0):,} {name}")
        for name, reason in runner.reached.unavailable.items():
            console.print(f"  [yellow]{escape(name)} does not work here: {escape(reason)}[/yellow]")
    console.print(f"findings: {status_line(items)}")
    if left := str(waiting(store)):
        console.print(f"  [yellow]{left}: misfold triage --folder {runner.folder}[/yellow]")
    for line in known_lines(runner):
        console.print(f"  {escape(line)}")
    if bugs:
        console.print(f"\n[bold]{len(bugs)} bugs[/bold]")
        console.print(bug_table(store, bugs), soft_wrap=False)
        first = next((bug for bug in bugs if bug.script == "reproduces"), bugs[0])
        console.print(f"\nof each bug, in {runner.folder}/bugs/: B1.py shows it by itself, B1.md is a report's draft,")
        console.print(f"B1.case.py (B1.kernel) a regression case: pytest {runner.folder}/bugs")
        console.print(f"next: misfold show B{first.id} --folder {runner.folder}")
        console.print(f"      python {runner.folder}/bugs/B{first.id}.py")
    console.print(f"{'      ' if bugs else 'next: '}misfold run --folder {runner.folder} --time 5m   (goes on)")
    store.close()
