"""A program at every stage of a pipeline: what ``misfold compile --print-after`` and the walk-through show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .driver import optimise, to_loops
from .dtypes import BF16, DType
from .errors import PipelineError
from .graph.evaluate import evaluate
from .graph.ir import Graph
from .graph.parser import parse_graph
from .graph.printer import print_graph
from .graph.verify import verify as verify_graph
from .loops.interpret import interpret
from .loops.ir import Function
from .loops.parser import parse_function
from .loops.printer import print_function
from .loops.verify import verify as verify_loops
from .pipelines import Pipeline

IR = Graph | Function


@dataclass(frozen=True)
class Stage:
    """The IR behind a pass; ``name`` is the pass, or ``input`` or ``lowering``."""

    name: str
    ir: IR

    @property
    def text(self) -> str:
        return print_graph(self.ir) if isinstance(self.ir, Graph) else print_function(self.ir)

    def outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the program computes at this stage, by the evaluator of graphs or the interpreter of loops.

        Args:
            inputs: one array for each ``in`` and ``inout`` parameter, or input of the graph, in order.

        Raises:
            UndefinedBehaviour: the program does what the loop IR leaves undefined.
            AssertionFailed: the program ended itself.
        """
        if isinstance(self.ir, Graph):
            return list(evaluate(self.ir, inputs))
        given = iter(inputs)
        arrays = [
            np.zeros(one.buffer.shape, numpy_dtype(one.buffer.dtype)) if one.role == "out" else np.array(next(given))
            for one in self.ir.parameters
        ]
        interpret(self.ir, arrays)
        return [array for one, array in zip(self.ir.parameters, arrays) if one.role != "in"]


def stages(program: IR, pipeline: Pipeline, verify: bool = True) -> list[Stage]:
    """The program at its beginning and behind every pass.

    Raises:
        VerificationError: the program itself breaks a rule of its language.
        PipelineError: the pipeline has graph passes and the program is a loop program.
        PassError: a pass failed, or left invalid IR.
    """
    if verify:
        verify_graph(program) if isinstance(program, Graph) else verify_loops(program)
    found: list[Stage] = []

    def observe(name: str, ir: IR) -> None:
        found.append(Stage(name, ir))

    if isinstance(program, Graph):
        to_loops(program, pipeline, observe, verify)
        return found
    if pipeline.graph_passes:
        raise PipelineError(f"pass {pipeline.graph_passes[0].name} works on graphs, and this is a loop program")
    observe("input", program)
    optimise(program, pipeline, observe, verify)
    return found


def parse(text: str) -> IR:
    """A graph or a loop program from its text: whichever keyword the text begins with, ``graph`` or ``function``.

    Raises:
        ParseError: it is neither.
    """
    words = (line.split("#")[0].split() for line in text.splitlines())
    first = next((word[0] for word in words if word), "")
    return parse_function(text) if first == "function" else parse_graph(text)


def input_types(program: IR) -> list[tuple[str, DType, tuple[int, ...]]]:
    """Name, element type and shape of what a program reads: what ``Stage.outputs`` wants arrays for."""
    if isinstance(program, Graph):
        return [(value.name, value.type.dtype, value.type.shape) for value in program.inputs]
    buffers = [one.buffer for one in program.parameters if one.role != "out"]
    return [(buffer.name, buffer.dtype, buffer.shape) for buffer in buffers]


def random_inputs(program: IR, seed: int) -> list[np.ndarray]:
    """Arrays for a program: small integers, which are exact in every element type and in most arithmetic."""
    random = np.random.default_rng(seed)
    return [
        random.integers(0 if dtype.kind in ("bool", "uint") else -4, 2 if dtype.is_bool else 5, shape).astype(
            numpy_dtype(dtype)
        )
        for _, dtype, shape in input_types(program)
    ]


#: How far two stages may be apart for reasons of rounding alone, by significand bits of the element type: sums may be
#: reordered, and a graph is evaluated with other math functions than loops are interpreted with.
_TOLERANCE = {11: 2.0**-7, 8: 2.0**-4, 24: 2.0**-16, 53: 2.0**-40}


def difference(first: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[bool, str]:
    """Whether two stages' outputs agree, bit for bit or up to rounding, and that in words."""
    worst = 0.0
    for a, b in zip(first, other, strict=True):
        if a.tobytes() == b.tobytes():
            continue
        if a.dtype.kind in "biu":
            return False, f"{int((a != b).sum())} of {a.size} integers differ"
        precision = {np.dtype(np.float16): 11, np.dtype(np.float32): 24, np.dtype(np.float64): 53}.get(a.dtype, 8)
        x, y = a.astype(np.float64), b.astype(np.float64)
        equal = (x == y) | (np.isnan(x) & np.isnan(y))
        scale = np.maximum(np.abs(np.where(np.isfinite(x), x, 0.0)).max(initial=0.0), 1.0)
        with np.errstate(invalid="ignore"):
            apart = np.where(equal, 0.0, np.abs(x - y))
        if not np.all(apart <= _TOLERANCE[precision] * scale):
            return False, f"elements differ by up to {np.nanmax(apart):.3g}, which is more than rounding"
        worst = max(worst, float(apart.max(initial=0.0)))
    return True, f"same up to rounding, {worst:.1g}" if worst else "same bits"


def numpy_dtype(dtype: DType) -> Any:
    """numpy's element type of the same layout; bfloat16 is ml_dtypes'."""
    if dtype is BF16:
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    names = {"bool": "bool", "u": "uint", "i": "int", "f": "float"}
    return np.dtype("bool" if dtype.is_bool else names[dtype.name[0]] + dtype.name[1:])
