"""``misfold infer`` and ``misfold rules``: what operators take and give, inferred from calls of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from misfold.programs.errors import UsageError

from . import documentation

if TYPE_CHECKING:
    from misfold.generators.inference.material import Material
    from misfold.generators.inference.operator import Options

rules_app = typer.Typer(
    help="Show, compare and list rules of operators.", no_args_is_help=True, rich_markup_mode="rich"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(infer)
    app.add_typer(rules_app, name="rules")


RulesFile = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="A file of rules; default: the shipped one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def infer(
    functions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FUNCTION…", help="torch.… operators, or package.module:function; default: all there are."
        ),
    ] = None,
    trials: Annotated[
        list[Path] | None,
        typer.Option("--trials", "-t", metavar="FILE", help="Start from calls in this file (misfold trace) as well."),
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(
            "--example", "-e", metavar="ARGS", help="Start from a call with such arguments: 'float32[2, 3], 4'."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the rules there; asked for without functions."),
    ] = None,
    records: Annotated[bool, typer.Option(help="Start from the shipped records of calls as well.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of the calls that are tried.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Workers that execute calls.")] = 1,
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of fresh calls for each partial operator, at most.")] = 5,
    docs: Annotated[
        list[str] | None,
        typer.Option("--docs", metavar="MODULE", help="From a module's documentation instead: as misfold docs show."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Infer rules: output shapes, validity and element types, from known calls and many fresh ones.

    Calls are executed in isolated workers. A run over all operators that was stopped goes on when started again with
    the same arguments.
    """
    from misfold.generators.inference.operator import Options

    wanted = list(functions or ())
    if docs:
        if wanted or output is not None or trials or example:
            raise UsageError("--docs reads documentation and calls nothing: it goes with no other source or output")
        documentation.show(docs, as_json, False)
        return
    if not wanted and output is None:
        raise UsageError("say which functions, or where rules of all operators are to be written: --output FILE")
    if example and len(wanted) != 1:
        raise UsageError("--example gives arguments of one function: name that one")
    options = replace(Options(), seed=seed, rounds=rounds)
    material = _material(wanted, trials or [], example or [], records)
    inferred, version, calls = _run(material, options, jobs, output, seed)
    if output is not None:
        from misfold.generators.rules.base import write

        write(output, inferred, version, seed=seed, calls=calls)
        _work_path(output).unlink(missing_ok=True)
    summary = summarised(inferred)
    if as_json:
        print(json.dumps({"summary": summary, "operators": inferred if wanted else None}, indent=2))
        return
    if wanted:
        from misfold.generators.rules.base import parse_operator

        for name, data in inferred.items():
            for line in report(parse_operator(json.dumps(data).encode(), name), False):
                print(line)
    print(summary_line(summary) + (f", in {output}" if output else ""), file=sys.stderr)


def _material(wanted: list[str], trials: list[Path], examples: list[str], records: bool) -> Material:
    """Known calls of the wanted functions, from everywhere."""
    from misfold.generators.inference import material as sources
    from misfold.generators.records import RecordBase
    from misfold.programs.operators import is_operator

    for name in wanted:
        if ":" not in name and not is_operator(name):
            raise UsageError(
                f"{name} is not an operator that misfold calls (see: misfold operators --all); a function of your own"
                " is package.module:function"
            )
    only = set(wanted) or None
    parts = [sources.from_file(path, only) for path in trials]
    if records and (only is None or any(":" not in name for name in only)):
        parts.append(sources.from_records(RecordBase.load(), only))
    for text in examples:
        call = sources.example(wanted[0], text)
        parts.append({wanted[0]: [(call, None, sources.UNTRIED, "")]})
    found = sources.merged(parts)
    return sources.functions_of(found, wanted) if wanted else found


def _work_path(output: Path) -> Path:
    return output.with_name(output.name + ".work")


def _run(
    material: Material, options: Options, jobs: int, output: Path | None, seed: int
) -> tuple[dict[str, dict[str, Any]], str, int]:
    """The rules as data, torch's version, and the number of calls executed."""
    import tempfile

    from misfold.generators.inference.material import tried
    from misfold.generators.inference.progressing import WorkFile, infer_all, work_key
    from misfold.generators.records import installed_version
    from misfold.generators.traces.labelling import Labeller

    version = installed_version()
    own = [name for name in material if ":" in name]
    if own:
        # A user's own modules are found from where the user stands, here and in workers.
        sys.path.insert(0, os.getcwd())
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))
    calls = [0]

    def count(number: int) -> None:
        calls[0] += number

    with tempfile.TemporaryDirectory(prefix="misfold-infer-") as folder:
        path = _work_path(output) if output is not None else Path(folder) / "work"
        work = WorkFile(path, work_key(material, options, version))
        try:
            with Labeller(jobs, own) as labeller, _progress(len(material), len(work.done)) as step:
                inferred = infer_all(tried(material, labeller), labeller, options, work, step, count)
        finally:
            work.close()
    return inferred, version, calls[0]


@contextmanager
def _progress(total: int, done: int) -> Iterator[Any]:
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("operators", total=total, completed=done)

        def step(function: str, completed: int, _: int) -> None:
            bar.update(task, completed=completed, description=function[-40:])

        yield step


def summarised(inferred: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over all rules."""
    from misfold.generators.rules.rule import Scores

    rules = [rule for data in inferred.values() for rule in data["rules"]]
    scores = Scores()
    for rule in rules:
        scores += Scores(*rule["scores"])
    return {
        "operators": len(inferred),
        "partial_operators": len(rules),
        "with_shapes": sum("cases" in rule for rule in rules),
        "usable": sum("cases" in rule and "reason" not in rule for rule in rules),
        "held_out_calls": scores.calls,
        "shape_accuracy": round(scores.shape_accuracy, 5),
        "dtype_accuracy": round(scores.dtype_accuracy, 5),
        "precision": round(scores.precision, 5),
        "recall": round(scores.recall, 5),
    }


def summary_line(summary: Mapping[str, Any]) -> str:
    """The counts in one line."""
    return (
        f"{summary['partial_operators']} partial operators of {summary['operators']} functions: "
        f"{summary['with_shapes']} with shapes, {summary['usable']} usable"
    )


def report(rules: list[Any], evidence: bool) -> Iterator[str]:
    """Rules as text, usable ones first."""
    from misfold.generators.rules.showing import rule_lines

    for rule in sorted(rules, key=lambda item: not item.usable):
        yield from rule_lines(rule, evidence)
        yield ""


@rules_app.command("show")
def show(
    operator: Annotated[str, typer.Argument(help="An operator, as torch.nn.functional.conv2d.")],
    path: RulesFile = None,
    structure: Annotated[
        str | None, typer.Option("--structure", help="Only partial operators whose text holds this, as 'dim=1'.")
    ] = None,
    evidence: Annotated[bool, typer.Option(help="The calls that pin each rule down.")] = True,
    docs: Annotated[
        bool, typer.Option("--docs", help="Beside it what the documentation says, and where schema or OpInfo differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print an operator's rules in readable mathematics, with their scores and the calls that pin them down."""
    from misfold.generators.rules import RuleBase
    from misfold.generators.rules.base import operator_data

    base = RuleBase.load(path=path)
    rules = [rule for rule in base.of(operator) if structure is None or structure in rule.structure.text]
    if not rules:
        import difflib

        near = difflib.get_close_matches(operator, base.operators, 3)
        what = "no rules" if operator not in base else f"no rules with {structure!r} in their structure"
        hint = f"; did you mean {', '.join(near)}?" if near and operator not in base else ""
        raise UsageError(f"{what} for {operator} in the rules for torch {base.version}{hint} (see: misfold rules list)")
    if as_json:
        print(json.dumps(operator_data(rules), indent=2))
        return
    for line in report(rules, evidence):
        print(line)
    if docs:
        print("documentation:", flush=True)
        documentation.show([operator], False, False)
        documentation.agreement([operator], 30, False)


@rules_app.command("list")
def list_rules(
    pattern: Annotated[str | None, typer.Argument(help="Only names that match, as 'torch.linalg.*'.")] = None,
    path: RulesFile = None,
    as_json: AsJson = False,
) -> None:
    """List operators with the numbers of their partial operators, and of those whose rules are usable."""
    from fnmatch import fnmatchcase

    from misfold.generators.rules import RuleBase

    base = RuleBase.load(path=path)
    names = [name for name in base.operators if pattern is None or fnmatchcase(name, pattern)]
    rows = {name: (len(base.of(name)), sum(rule.usable for rule in base.of(name))) for name in names}
    if as_json:
        print(json.dumps({name: {"rules": row[0], "usable": row[1]} for name, row in rows.items()}, indent=2))
        return
    for name, (count, usable) in rows.items():
        print(f"{usable:4} of {count:4}  {name}")
    total, usable = (sum(row[index] for row in rows.values()) for index in (0, 1))
    print(f"{len(rows)} operators, {total} partial operators, {usable} usable", file=sys.stderr)


@rules_app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A file of rules, or a version of torch that has one.")],
    new: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    as_json: AsJson = False,
) -> None:
    """Compare two files of rules: partial operators that came, went, or have another rule."""
    from misfold.generators.rules.comparing import compare

    found = compare(_base(old), _base(new))
    if as_json:
        print(json.dumps([item.to_data() for item in found], indent=2))
        return
    for item in found:
        print(item.text())
    print(f"{len(found)} differences", file=sys.stderr)


@rules_app.command("prepare")
def prepare(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; default: the package's own file.")
    ] = None,
) -> None:
    """Make the file of what programs by rules are made from, out of the package's rules and records.

    It says nothing that those do not, but spares each process their preparation. Needed when one of them is new.
    """
    from misfold.generators.records import RecordBase
    from misfold.generators.rules import RuleBase
    from misfold.generators.solving import prepared
    from misfold.generators.solving.source import RuleSource

    rules, records = RuleBase.load(), RecordBase.load()
    source = RuleSource(rules, records)
    lines = {operator: source.lines(operator) for operator in source.operators}
    path = output if output is not None else prepared.shipped(rules.version)
    prepared.write(path, rules.version, rules.digest, records.digest, lines)
    count = sum(max(len(item) - 1, 0) for item in lines.values())
    print(f"{count} partial operators of {len(lines)} operators in {path}", file=sys.stderr)


def _base(name: str) -> Any:
    from misfold.generators.rules import RuleBase

    return RuleBase.load(path=name) if Path(name).exists() or "/" in name else RuleBase.load(name)
