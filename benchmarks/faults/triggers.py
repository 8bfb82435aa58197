"""Why faults are missed: how many generated programs a fault shows on, and on how many of these the oracles see it.

A fault that changes what no program does needs other programs; one that changes it unseen needs other oracles.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from misfold.compiler.passes.base import LoopPass, registry
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline

from .switching import fault
from .witnesses import warm_up

#: Seconds for one case with one fault: far more than any takes, for machines that are busy.
SECONDS = 30.0
#: Passes of a random pipeline of kernels, at most.
_PASSES = 6

#: Of a case: with some faults, a text that says what came out, the kind of outcome, and whether it is judged wrong.
Run = Callable[[Sequence[str]], tuple[str, str, bool]]


def scan(names: Sequence[str], count: int, seed: int, kernels: bool) -> dict[str, dict[str, Any]]:
    """For each fault how many of ``count`` cases it ``changed``, and how many of those were ``judged`` wrong.

    ``first`` is the number of cases up to the first judged one; ``kinds`` counts outcomes of those it changed. Cases
    that fail without a fault are passed over, and counted as ``broken``.
    """
    warm_up(not kernels)
    rows: dict[str, dict[str, Any]] = {
        name: {"cases": 0, "changed": 0, "judged": 0, "first": None, "kinds": Counter()} for name in names
    }
    broken = 0
    for index in range(count):
        found = _case(names, lambda index=index: _kernel(seed, index) if kernels else _graph(seed, index))  # type: ignore[misc]
        if found is None:
            broken += 1
            continue
        for name, (changed, kind, judged) in found.items():
            row = rows[name]
            row["cases"] += 1
            row["changed"] += changed
            row["judged"] += changed and judged
            if changed:
                row["kinds"][kind] += 1
            if changed and judged and row["first"] is None:
                row["first"] = row["cases"]
    return {**{name: {**row, "kinds": dict(row["kinds"])} for name, row in rows.items()}, "": {"broken": broken}}


def _case(names: Sequence[str], prepare: Callable[[], Run | None]) -> dict[str, tuple[bool, str, bool]] | None:
    """What each fault makes of a case, in children of this process: whether it changes the outcome, that outcome's
    kind, whether it is judged wrong. None: the case says nothing, as it fails without a fault."""
    found: dict[str, tuple[bool, str, bool]] = {}
    todo = list(names)
    while todo:
        lines, status = _child(todo, prepare)
        if not lines:
            return None
        for name, *row in (json.loads(line) for line in lines[1:]):
            found[name] = (bool(row[0]), str(row[1]), bool(row[2]))
            todo.remove(name)
        if lines[0] == "none":
            return None
        if todo and status:
            # It died of the one that comes next.
            found[todo.pop(0)] = (True, "hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash", True)
        elif todo:
            return None
    return found


def _child(names: Sequence[str], prepare: Callable[[], Run | None]) -> tuple[list[str], int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 3 * SECONDS)
            run = prepare()
            if run is None:
                os.write(writing, b"none\n")
                os._exit(0)
            plain, kind, wrong = run(())
            # What is wrong without a fault is none's doing.
            usable = kind == "values" and not wrong
            os.write(writing, b"some\n" if usable else b"none\n")
            for name in names if usable else ():
                signal.setitimer(signal.ITIMER_REAL, SECONDS)
                text, kind, judged = run([name])
                os.write(writing, json.dumps([name, text != plain, kind, judged]).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        lines = pipe.read().splitlines()
    return lines, os.waitpid(child, 0)[1]


def _text(outcome: Any) -> str:
    failure = outcome.failure
    values = [value.data.hex() for value in outcome.values]
    return f"{outcome.kind} {failure and failure.type} {failure and failure.message} {values}"


def _graph(seed: int, index: int) -> Run | None:
    from misfold.generators.generator import Generator
    from misfold.generators.options import Options
    from misfold.generators.support import Support
    from misfold.oracles.judge import judge
    from misfold.oracles.reference import evaluate
    from misfold.targets.eager import Eager
    from misfold.targets.misfold import Misfold
    from misfold.targets.running import run_case

    target = Misfold()
    support = Support.load(target.name, target.versions())
    case = Generator(Options()).case(seed, index, None if support is None else support.calls)
    eager = run_case(Eager(), case)
    if eager.kind != "values":
        return None
    reference = evaluate(case, eager)
    pipelines = target.pipelines()
    source = random.Random(f"{seed}/{index}")
    # As campaigns do: the default every other time.
    pipeline = pipelines[0] if source.random() < 0.5 else source.choice(pipelines)

    def run(names: Sequence[str]) -> tuple[str, str, bool]:
        with fault(*names):
            outcome = run_case(target, case, pipeline)
        verdict = judge(case, eager, reference, outcome, aliases=True)
        return _text(outcome), outcome.kind, verdict.kind in ("proved", "suspect")

    return run


def _kernel(seed: int, index: int) -> Run | None:
    from misfold.generators.kernels import Options, generate
    from misfold.oracles.kernels import expect, judge_kernel
    from misfold.targets.kernels.misfold import Misfold
    from misfold.targets.kernels.running import run_kernel

    source = random.Random(f"{seed}/{index}")
    case = KernelCase(generate(random.Random(f"kernel {seed} {index}"), Options()), index)
    expected = expect(case)
    if expected.invalid is not None:
        return None
    known = {name: one for name, one in registry().items() if issubclass(one, LoopPass)}
    chosen = source.choices(sorted(known), k=source.randint(1, _PASSES))
    passes = tuple((name, _parameters(known[name], source)) for name in chosen)
    target, pipeline = Misfold(), Pipeline("random", {}, passes)

    def run(names: Sequence[str]) -> tuple[str, str, bool]:
        with fault(*names):
            outcome = run_kernel(target, case, pipeline)
        verdict = judge_kernel(case, expected, outcome, exact_overflow=True)
        return _text(outcome), outcome.kind, verdict.kind in ("proved", "suspect")

    return run


def _parameters(one: Any, source: random.Random) -> dict[str, Any]:
    return {item.name: source.choice(item.metadata["values"]) for item in fields(one) if source.random() < 0.5}
