"""Standalone reproducers: one file that imports the target's packages, torch and numpy, and judges itself."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from misfold.oracles.verdict import Claim
from misfold.programs import recipes
from misfold.programs.arguments import Argument, Symbol, map_leaves
from misfold.programs.case import Case, print_literal
from misfold.programs.graph import Graph, Node
from misfold.programs.pipeline import Pipeline
from misfold.programs.printer import print_graph
from misfold.targets.protocol import Target

# Seconds that a script gives the program: importing two frameworks and a first cold compile take up to 30 s on a slow
# machine; what takes longer hangs.
LIMIT = 60

# What scripts call the outputs of verdicts.
_PARTS = {"out": "out", "grad": "gradient", "x": "input"}

_LOW = {"torch.float16", "torch.bfloat16", "torch.float32"}
_CASTS = {f"torch.Tensor.{name}" for name in ("half", "bfloat16", "float")}


def float64_graph(graph: Graph) -> Graph:
    """The graph with every lower floating type named in it replaced by float64."""

    def leaf(item: Argument) -> Argument:
        return Symbol("torch.float64") if isinstance(item, Symbol) and item.name in _LOW else item

    def node(item: Node) -> Node:
        op = "torch.Tensor.double" if item.op in _CASTS else item.op
        kwargs = {key: map_leaves(argument, leaf) for key, argument in item.kwargs.items()}
        outputs = tuple(replace(value, type=None) for value in item.outputs)
        return Node(op, map_leaves(item.args, leaf), kwargs, outputs, item.unpack)

    return Graph(graph.inputs, tuple(map(node, graph.nodes)), graph.returns)


def describe(
    title: str, target: str, pipeline: str, verdict: str, explanation: str, versions: Mapping[str, str]
) -> str:
    """The heading of a finding's script."""
    stack = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{title}\n\n{target} ({pipeline}), {verdict}:\n{explanation}\n\nFound by fuzzing with misfold; {stack}."


def _sources(*functions: Callable[..., Any]) -> str:
    # Annotations name misfold's own types, which a script does not have: strip them with the future import at its top.
    return "\n\n".join(inspect.getsource(function) for function in functions)


def export_script(
    case: Case,
    target: Target,
    pipeline: Pipeline | None = None,
    *,
    heading: str = "",
    exact: bool | None = None,
    claim: Claim | None = None,
) -> str:
    """A script that runs the case eagerly and through the target, prints expected against actual and a verdict.

    Exit status: 1 if the target fails, 0 if not. ``heading`` becomes the script's docstring. ``exact`` says that any
    differing bit is wrong (by default what the case says). ``claim``: what is proved of an element of an output, which
    may be finer than what the script can find out by itself.
    """
    from misfold.targets import torch_values

    from . import standalone

    pipeline = pipeline or case.pipelines.get(target.name) or target.pipelines()[0]
    compile_source = target.script(case.graph, pipeline) or _through_misfold(target, pipeline)
    exact = case.exact if exact is None else exact
    types = {
        value.name: [value.known.dtype.name, list(value.known.shape), value.known.strides and list(value.known.strides)]
        for value in case.graph.inputs
    }
    rows = "".join(
        f"    {print_literal(name)}: ({_python(kind)}, {print_literal(case.recipes[name])}),\n"
        for name, kind in types.items()
    )
    gradient = case.gradient and target.gradients
    heading = (
        (heading or f"{target.name} ({pipeline.name}) against eager PyTorch")
        .replace('"""', "'''")
        .replace("\\", "\\\\")
    )
    wide = print_graph(float64_graph(case.graph)).replace("def program(", "def program_in_float64(")
    return f'''"""{heading}

Run it: exit status 1 means that it fails, 0 that it does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback


{_sources(standalone.in_child)}

# What follows may crash or hang: it is for the child, and importing torch takes seconds.
if __name__ == "__main__" and "--child" not in sys.argv:
    sys.exit(in_child({LIMIT}))

import numpy as np
import torch

TARGET = {print_literal(target.name)}
PIPELINE = {print_literal(pipeline.name)}


{print_graph(case.graph)}

{wide}
{_stated(claim)}
# name: ((element type, shape, strides or None), recipe)
INPUTS = {{
{rows}}}


{_sources(*recipes.STANDALONE)}

{_sources(torch_values.round_to_bfloat16, torch_values.make_tensor)}

def make_inputs(double=False):
    tensors = []
    for (dtype, shape, strides), recipe in INPUTS.values():
        tensor = make_tensor(recipe, shape, dtype, strides)
        if double and tensor.is_floating_point():
            tensor = tensor.detach().double().requires_grad_(tensor.requires_grad)
        tensors.append(tensor if {gradient} else tensor.detach())
    return tensors


{_sources(torch_values.cotangent, torch_values.gradients, torch_values.storage_names)}

{_sources(standalone.run_program, standalone.tolerances, standalone.differs, standalone.layout_differs)}

{_sources(standalone.explain_error)}

{compile_source}

def main():
    torch.manual_seed(0)
    eager_inputs = make_inputs()
    backward = {gradient}
    expected, expected_grads, expected_inputs = run_program(lambda t: program(*t), eager_inputs, backward, gradients)
    try:
        wide, wide_grads, wide_inputs = run_program(
            lambda t: program_in_float64(*t), make_inputs(True), backward, gradients
        )
    except Exception as error:
        print(f"no float64 reference: {{error}}")
        wide, wide_grads, wide_inputs = ([None] * len(part) for part in (expected, expected_grads, expected_inputs))
    inputs = make_inputs()
    try:
        compiled = compile_program(program, make_inputs())
        actual, actual_grads, actual_inputs = run_program(compiled, inputs, backward, gradients)
        again, _, _ = run_program(compiled, make_inputs(), backward, gradients)
    except Exception as error:
        return explain_error(TARGET, error)
    failed = len(expected) != len(actual)
    for what, left, right, truth in (
        ("out", expected, actual, wide),
        ("gradient", expected_grads, actual_grads, wide_grads),
        ("input", expected_inputs, actual_inputs, wide_inputs),
    ):
        for index, (one, other, reference) in enumerate(zip(left, right, truth)):
            failed |= differs(f"{{what}}{{index}}", one, other, reference, {exact})
{_CHECKED if claim else ""}    for index, (one, other) in enumerate(zip(actual, again)):
        if one.shape != other.shape or not torch.equal(torch.nan_to_num(one), torch.nan_to_num(other)):
            print(f"out{{index}} differs from run to run")
            failed = True
    if {target.aliases}:
        names = storage_names(expected_inputs, expected), storage_names(actual_inputs, actual)
        failed |= layout_differs(expected, actual, *names)
    word = "FAILS" if failed else "passes"
    print(f"{{word}}: {{TARGET}} ({{PIPELINE}}) {{'differs from' if failed else 'agrees with'}} eager")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
'''


_CHECKED = """            if CLAIM[0] == f"{what}{index}":
                failed |= claim_broken(CLAIM, one, other)
"""


def _stated(claim: Claim | None) -> str:
    """The claim as a script has it, and what checks it; nothing if there is none."""
    if claim is None:
        return ""
    from . import standalone

    part = claim.output.rstrip("0123456789")
    row = [_PARTS[part] + claim.output.removeprefix(part), claim.at, claim.value, claim.bound]
    return f"""
# What is proved: output, element, value, and how far from it any honest evaluation may be.
CLAIM = {print_literal(row)}


{_sources(standalone.claim_broken)}
"""


def _python(kind: list[Any]) -> str:
    dtype, shape, strides = kind
    return f"({print_literal(dtype)}, {tuple(shape)}, {strides and tuple(strides)})"


def _through_misfold(target: Target, pipeline: Pipeline) -> str:
    return f"""
def compile_program(program, inputs):
    # {target.name} has no standalone source: this needs misfold and the target's plug-in.
    from misfold.programs.parser import parse_graph
    from misfold.programs.pipeline import Pipeline
    from misfold.targets import registry

    import inspect

    target = registry.get({print_literal(target.name)})
    target.warm_up()
    pipeline = Pipeline.from_data({print_literal(pipeline.to_data())})
    return target.compile(parse_graph(inspect.getsource(program)), inputs, pipeline)

"""


@dataclass(frozen=True)
class Ran:
    """A script's run: ``reproduces``, ``passes``, or what went wrong with the script itself; and what it printed.

    ``output`` is standard output, ``errors`` standard error (a traceback comes there), with the script's own folder
    left out of paths. ``seconds`` is wall time.
    """

    result: str
    output: str
    errors: str
    seconds: float


# What scripts print when their time limit is reached.
_TIME_LIMIT = re.compile(r"^FAILS: (?:no result after|.* does not end within) ", re.MULTILINE)


def execute_script(script: str, folder: Path, python: Path | str = sys.executable, *, hangs: bool = False) -> Ran:
    """Run a script in a fresh interpreter, in a folder of its own under ``folder``.

    ``hangs``: that it does not end is the failure; of any other, a time limit that is reached says nothing, since a
    loaded machine reaches it too.
    """
    folder = folder.resolve()  # the script runs in a folder of its own
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "reproduce.py"
        path.write_text(script, encoding="utf-8")
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": scratch, "TMPDIR": scratch, "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                [str(python), str(path)], cwd=scratch, env=environment, timeout=2 * LIMIT,
                text=True, errors="replace",
                stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Ran("timed out", "", "", time.monotonic() - begun)
        output, errors = (text.replace(f"{scratch}/", "") for text in (done.stdout, done.stderr))
    if done.returncode == 1 and "\nFAILS: " in f"\n{output}":
        result = "reproduces" if hangs or not _TIME_LIMIT.search(output) else "timed out"
    else:
        result = "passes" if done.returncode == 0 else f"exit status {done.returncode}"
    return Ran(result, output, errors, time.monotonic() - begun)


def run_script(script: str, folder: Path, python: Path | str = sys.executable, *, hangs: bool = False) -> str:
    """As ``execute_script``, for those who only ask for the result."""
    return execute_script(script, folder, python, hangs=hangs).result
