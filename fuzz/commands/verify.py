"""``misfold verify``: one program through all oracles."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from misfold.oracles.cost import AMOUNTS, Spent
from misfold.programs.bounds import check as check_bounds
from misfold.programs.case import HEADER, Case, parse_case
from misfold.programs.errors import TextError, UsageError
from misfold.programs.files import decode, read_case
from misfold.programs.graph import Graph
from misfold.programs.parser import MAX_TEXT, parse_graph
from misfold.targets import registry
from misfold.targets.isolation.limits import Limits
from misfold.targets.options import unknown

from ..campaign import Servers, find_targets
from ..costs import costs
from ..examine import Examiner
from ..folders import open_store
from ..settings import DEFAULT_TARGETS
from ..verifying import ORACLES, Row, verify
from .browse import Folder, make_console
from .kernels import _examiner, kernel_of, pick
from .replay import load, pick_pipeline
from .run import split

NAMES = ("differential", *ORACLES)
COLOURS = {"ok": "green", "proved": "red", "suspect": "yellow", "undecided": "dim", "cost": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="verify")(verify_program)


def verify_program(
    program: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A case file, a file with just `def program(...)`, a kernel, a finding (F12), a bug (B3), or -.",
        ),
    ],
    targets: Annotated[
        str | None, typer.Option("--targets", "-t", help="Comma-separated; default: those that can run here.")
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="A pipeline of the targets.")] = None,
    oracles: Annotated[
        str | None, typer.Option("--oracles", "-o", help=f"Only these, comma-separated: {', '.join(NAMES)}.")
    ] = None,
    relations: Annotated[
        str | None, typer.Option("--relations", help="Only these metamorphic relations, comma-separated.")
    ] = None,
    each: Annotated[int, typer.Option("--each", min=1, max=50, help="Places at which each relation is tried.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides places, sizes, and inputs not stated.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit per run.")] = 60.0,
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put one program through every oracle on every target, in fresh processes, and print what each says.

    Exit status 1 if a verdict is proved. Costs never fail.
    """
    wanted = split(oracles)
    for name in wanted:
        if name not in NAMES:
            raise UsageError(f"--oracles: {unknown('oracle', name, NAMES)}")
    console = make_console()
    rows: list[Row] = []

    def tell(row: Row) -> None:
        rows.append(row)
        if not as_json:
            show(console, row)

    kernel = kernel_of(program, folder, False)
    if kernel is not None:
        _verify_kernel(kernel[0], split(targets), pipeline, seconds, tell)
    else:
        _verify_case(
            _read(program, folder, seed), split(targets), pipeline, seconds, tell,
            {"oracles": wanted, "relations": _relations(relations), "each": each, "seed": seed}, folder,
        )  # fmt: skip
    failed = any(row.verdict == "proved" for row in rows)
    if as_json:
        print(json.dumps({"file": program, "proved": failed, "rows": [row.to_data() for row in rows]}, indent=2))
    raise typer.Exit(1 if failed else 0)


def show(console: Console, row: Row) -> None:
    """One row: target, oracle, verdict, and the explanation below."""
    colour = COLOURS[row.verdict]
    lines = row.explanation.splitlines() or [""]
    console.print(
        f"{row.target:<12} {escape(row.oracle):<36} [{colour}]{row.verdict:<10}[/{colour}] {escape(lines[0])}"
    )
    for line in lines[1:]:
        console.print(f"{'':<61}{escape(line)}")


def _relations(text: str | None) -> tuple[str, ...] | None:
    names = split(text)
    if not names:
        return None
    from misfold.oracles.metamorphic.table import RELATIONS

    for name in names:
        if name not in RELATIONS:
            raise UsageError(f"--relations: {unknown('relation', name, RELATIONS)}")
    return names


def _read(what: str, folder: Path | None, seed: int) -> Case:
    """The case that a user names; a graph without recipes gets some."""
    path = Path(what)
    text = sys.stdin.read() if what == "-" else None
    if path.is_file():
        try:
            with open(path, "rb") as file:
                text = decode(file.read(MAX_TEXT + 1), what)
        except OSError as error:
            raise TextError(f"cannot be read: {error.strerror}", source=what) from error
    if text is None:
        return load(what, folder, False).case
    if text.startswith("# misfold case"):
        case = read_case(path) if path.is_file() else parse_case(text, "standard input")
    elif text.lstrip().startswith(("def program", "#")):
        case = with_recipes(parse_graph(text), seed)
    else:
        allowed = f"{HEADER!r} as a first line, or a function called program"
        raise TextError("not a case file, and no graph", source=what, allowed=allowed)
    check_bounds(case)
    return case


def with_recipes(graph: Graph, seed: int) -> Case:
    """A case of a graph: normal floats, integers from 0 to 3, fair truth values."""
    recipes: dict[str, dict[str, Any]] = {}
    for index, value in enumerate(graph.inputs):
        dtype = value.known.dtype
        own = seed * 1000 + index
        if dtype.is_float:
            recipes[value.name] = {"draw": "normal", "seed": own}
        elif dtype.name == "bool":
            recipes[value.name] = {"draw": "bernoulli", "seed": own}
        else:
            recipes[value.name] = {"draw": "integers", "seed": own, "low": 0, "high": 3}
    return Case(graph, recipes)


def _verify_kernel(case: Any, names: tuple[str, ...], pipeline: str | None, seconds: float, tell: Any) -> None:
    from ..settings import KERNEL_TARGETS

    with _examiner(names or tuple(case.pipelines) or KERNEL_TARGETS, seconds) as examiner:
        for name, system in examiner.targets.items():
            result = examiner.examine(case, name, pick(system, case, pipeline), fresh=True, repeats=2)
            tell(Row(name, f"interpreter ({result.verdict.oracle})", result.verdict.kind, result.verdict.explanation))


def _verify_case(
    case: Case,
    names: tuple[str, ...],
    pipeline: str | None,
    seconds: float,
    tell: Any,
    options: dict[str, Any],
    folder: Path | None,
) -> None:
    chosen = (
        names
        or tuple(case.pipelines)
        or tuple(
            name for name in DEFAULT_TARGETS if name in registry.targets() and registry.get(name).missing() is None
        )
    )
    found = find_targets(chosen)
    pipelines = {name: pick_pipeline(system, case, pipeline) for name, system in found.items()}
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        servers = Servers(found, Path(scratch), Limits(seconds=seconds))
        try:
            servers.start()
            examiner = Examiner(servers.servers, found, Path(scratch) / "targets", seconds)
            try:
                for name in found:
                    history = _history(folder, name, pipelines[name].name)
                    for row in verify(examiner, case, name, pipelines[name], history=history, **options):
                        tell(row)
            finally:
                examiner.close()
        finally:
            servers.close()


def _history(folder: Path | None, target: str, pipeline: str) -> dict[str, list[Spent]]:
    if folder is None:
        return {}
    store = open_store(folder)
    try:
        return {of: [Spent(cost.nodes, cost.amount) for cost in costs(store, target, pipeline, of)] for of in AMOUNTS}
    finally:
        store.close()
