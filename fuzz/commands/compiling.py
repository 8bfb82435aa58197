"""``misfold compile``: a program through misfold's own compiler, with the IR at every stage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from misfold.programs.errors import UsageError

from .browse import Folder, make_console
from .replay import load

EMIT = ("loops", "llvm", "assembly", "nothing")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="compile")(compile_program)


def compile_program(
    program: Annotated[
        str,
        typer.Argument(
            metavar="PROGRAM",
            help="A case file, a finding (F12), a bug (B3), a graph or loop program in the compiler's own text, or -.",
        ),
    ],
    pipeline: Annotated[
        str,
        typer.Option(
            "--pipeline",
            "-p",
            help='O0, O1, O2 or O3, or a list of passes as JSON: \'["simplify", ["tiling", {"size": 8}]]\'.',
        ),
    ] = "O2",
    print_after: Annotated[
        list[str] | None,
        typer.Option(
            "--print-after",
            metavar="PASS",
            help="Print the IR behind this pass; 'all' for every stage, 'changed' for those that change it.",
        ),
    ] = None,
    emit: Annotated[str, typer.Option("--emit", help=f"What to print at the end: {', '.join(EMIT)}.")] = "loops",
    interpret: Annotated[
        bool, typer.Option("--interpret", help="Run each stage by the interpreter on the same inputs and compare.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the inputs of a program that is not a case.")] = 0,
    walk_through: Annotated[
        bool, typer.Option("--walk-through", help="Print every stage as a page of Markdown, and nothing else.")
    ] = False,
    folder: Folder = None,
) -> None:
    """Compile a program with misfold's own compiler, and show how it gets there.

    Every stage is verified; a pass that fails or leaves invalid IR is named. Exit status 1 if it does, or if with
    --interpret the stages do not compute the same.
    """
    from misfold.compiler.errors import CompilerError, PassError

    if emit not in EMIT:
        raise UsageError(f"--emit is one of {', '.join(EMIT)}, not {emit!r}")
    try:
        chosen = _pipeline(pipeline)
        known = list(dict.fromkeys(["all", "changed", "input", "lowering", *(one.name for one in chosen.passes)]))
        for name in print_after or ():
            if name not in known:
                raise UsageError(f"--print-after {name}: the pipeline has no such pass; it has: {', '.join(known)}")
        programs = _programs(program, folder, seed)
        if walk_through:
            for ir, inputs in programs:
                print(_walk_through(ir, inputs, chosen))
            return
        same = [_show(ir, inputs, chosen, print_after or [], emit, interpret) for ir, inputs in programs]
    except PassError as error:
        make_console().print(f"[red]{error}[/red]", markup=True)
        raise typer.Exit(1) from error
    except CompilerError as error:
        raise UsageError(str(error)) from error
    raise typer.Exit(0 if all(same) else 1)


def _pipeline(text: str) -> Any:
    from misfold.compiler.pipelines import from_data, named

    if not text.lstrip().startswith("["):
        return named(text)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--pipeline is not JSON: {error}") from error
    return from_data("custom", data)


def _programs(what: str, folder: Path | None, seed: int) -> list[tuple[Any, list[Any]]]:
    """The compiler's programs that PROGRAM stands for, each with inputs: a case may have several graphs."""
    from misfold.compiler.errors import CompilerError
    from misfold.compiler.stages import parse, random_inputs

    path = Path(what)
    text = None
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{what}: {error}") from error
    elif what == "-":
        text = sys.stdin.read()
    if text is not None and _is_ir(text):
        try:
            ir = parse(text)
        except CompilerError as error:
            raise UsageError(f"{what}: {error}") from error
        return [(ir, random_inputs(ir, seed))]
    if what == "-":
        from misfold.programs.bounds import check as check_bounds
        from misfold.programs.case import parse_case

        case = parse_case(text or "", "standard input")
        check_bounds(case)
    else:
        case = load(what, folder, False).case
    from misfold.targets.misfold import graphs_of
    from misfold.targets.torch_values import make_inputs

    return graphs_of(case.graph, make_inputs(case))


def _is_ir(text: str) -> bool:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return first.startswith(("graph ", "function "))


def _show(ir: Any, inputs: list[Any], pipeline: Any, print_after: list[str], emit: str, interpret: bool) -> bool:
    """Print the stages asked for; whether all that were interpreted compute the same."""
    from misfold.compiler.driver import build
    from misfold.compiler.loops.ir import Function
    from misfold.compiler.stages import difference, stages

    found = stages(ir, pipeline)
    same, before, first = True, "", None
    for stage in found:
        text = stage.text
        wanted = "all" in print_after or stage.name in print_after or ("changed" in print_after and text != before)
        note = "" if text != before else "  (unchanged)"
        before = text
        if interpret:
            outputs = stage.outputs(inputs)
            first = outputs if first is None else first
            close, words = difference(first, outputs)
            same &= close
            note += f"  ({words})"
        if wanted or interpret:
            print(f"# {stage.name}{note}")
        if wanted:
            print(text)
    last = found[-1].ir
    assert isinstance(last, Function)
    if emit == "loops" and not print_after:
        print(found[-1].text)
    elif emit in ("llvm", "assembly"):
        compiled = build(last, pipeline)
        print(compiled.llvm_ir() if emit == "llvm" else compiled.assembly())
    return same


def _walk_through(ir: Any, inputs: list[Any], pipeline: Any) -> str:
    from misfold.compiler.walkthrough import walk_through

    return walk_through(ir, inputs, pipeline)
