"""Programs written by hand that show a fault, and how any case is run with some faults and judged."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from misfold.compiler.loops.parser import parse_function
from misfold.programs.case import Case, parse_case
from misfold.programs.kernel import KernelCase, is_kernel_case, parse_kernel_case
from misfold.programs.parser import parse_graph
from misfold.programs.pipeline import Pipeline

#: Seconds that one case may take in a child: compiling a witness takes tenths of one.
SECONDS = 10.0


@dataclass(frozen=True)
class Witness:
    """The text of a program, the pipeline that it is compiled with, and its inputs."""

    program: str
    is_kernel: bool
    pipeline: Pipeline | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def case(self) -> Case | KernelCase:
        """The case, for the target ``misfold``."""
        pipelines = {} if self.pipeline is None else {"misfold": self.pipeline}
        if self.is_kernel:
            return KernelCase(parse_function(self.program), 1, pipelines)
        graph = parse_graph(self.program)
        recipes = {
            value.name: self.inputs.get(value.name, {"draw": "integers", "low": -9, "high": 9, "seed": 1 + number})
            for number, value in enumerate(graph.inputs)
        }
        return Case(graph, recipes, pipelines, exact=True)


def graph(program: str, *, options: Mapping[str, Any] | None = None, **inputs: Any) -> Witness:
    """A witness that is a graph. Inputs are integers from -9 to 9, unless a list of values or a recipe is given."""
    recipes = {
        name: {"draw": "values", "values": one} if isinstance(one, list) else one for name, one in inputs.items()
    }
    pipeline = None if options is None else Pipeline("witness", dict(options))
    return Witness(program, False, pipeline, recipes)


def kernel(passes: str | Sequence[Any], program: str) -> Witness:
    """A witness that is a kernel, with the passes it is compiled with: names, or pairs of a name and parameters."""
    listed = passes.split() if isinstance(passes, str) else passes
    entries = tuple((one, {}) if isinstance(one, str) else (one[0], dict(one[1])) for one in listed)
    return Witness(program, True, Pipeline("witness", {}, entries))


def parse(text: str) -> Case | KernelCase:
    """The case of a file's text, of either kind."""
    return parse_kernel_case(text) if is_kernel_case(text) else parse_case(text)


@dataclass(frozen=True)
class Shown:
    """What came of a case: the kind of outcome, the verdict's kind and its explanation."""

    outcome: str
    verdict: str
    explanation: str

    @property
    def bad(self) -> bool:
        return self.verdict in ("proved", "suspect")


def show(
    case: Case | KernelCase, faults: Sequence[str], pipeline: Pipeline | None = None, seconds: float = SECONDS
) -> Shown:
    """Compile a case for the compiler with some faults, run and judge it, in a child of this process.

    ``pipeline`` is by default the one that the case names for ``misfold``. The child is ended after ``seconds``, which
    is a hang.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            # What a crash prints is nobody's news.
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            if isinstance(case, KernelCase):
                found = _judged_kernel(case, faults, pipeline)
            else:
                found = _judged_graph(case, faults, pipeline)
            os.write(writing, json.dumps(found).encode())
        except BaseException as error:
            os.write(writing, json.dumps(["harness", "harness", f"{type(error).__name__}: {error}"]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if data:
        outcome, verdict, explanation = json.loads(data)
        if outcome == "harness":
            raise RuntimeError(f"the case could not be examined: {explanation}")
        return Shown(outcome, verdict, explanation)
    number = os.WTERMSIG(status)
    if number == signal.SIGALRM:
        return Shown("hang", "proved", f"no end after {seconds:g} s")
    return Shown("crash", "proved", signal.Signals(number).name if number else "the process ended")


def _judged_graph(case: Case, faults: Sequence[str], pipeline: Pipeline | None) -> list[str]:
    from misfold.oracles.judge import judge
    from misfold.oracles.reference import evaluate
    from misfold.targets.eager import Eager
    from misfold.targets.misfold import Misfold
    from misfold.targets.running import run_case

    from .switching import fault

    eager = run_case(Eager(), case)
    reference = evaluate(case, eager) if eager.kind == "values" else None
    with fault(*faults):
        outcome = run_case(Misfold(), case, pipeline)
    verdict = judge(case, eager, reference, outcome, aliases=True)
    return [outcome.kind, verdict.kind, verdict.explanation]


def _judged_kernel(case: KernelCase, faults: Sequence[str], pipeline: Pipeline | None) -> list[str]:
    from misfold.oracles.kernels import expect, judge_kernel
    from misfold.targets.kernels.misfold import Misfold
    from misfold.targets.kernels.running import run_kernel

    from .switching import fault

    expected = expect(case)
    with fault(*faults):
        outcome = run_kernel(Misfold(), case, pipeline)
    verdict = judge_kernel(case, expected, outcome, exact_overflow=True)
    return [outcome.kind, verdict.kind, verdict.explanation]


def warm_up(graphs: bool) -> None:
    """Import what children would import each for itself."""
    from misfold.targets.kernels.misfold import Misfold as KernelTarget

    KernelTarget().warm_up()
    if graphs:
        from misfold.oracles import reference
        from misfold.targets import execution
        from misfold.targets.misfold import Misfold

        execution.warm_up()
        reference.warm_up()
        Misfold().warm_up()
