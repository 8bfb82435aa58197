"""What TVMScript kernels are made of, for signatures and titles."""

from __future__ import annotations

import ast

from misfold.oracles.verdict import Verdict
from misfold.programs.kernel_tvmscript_check import called, checked_function
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Outcome

#: What every seed has says nothing.
_COMMON = frozenset(
    ("prim_func", "Buffer", "func_attr", "reads", "writes", "sblock", "axis.remap", "axis.spatial", "grid",
     "sblock_alloc_buffer", "int32", "int64", "float32")
)  # fmt: skip


def tvmscript_patterns(script: str) -> list[str]:
    """What a script is made of, each thing once: what of T it calls, operators, conditions."""
    found: set[str] = set()
    for node in ast.walk(checked_function(script)):
        match node:
            case ast.Call():
                found.add(called(node) or "range")
            case ast.BinOp(op=operator):
                found.add(type(operator).__name__.lower())
            case ast.Compare(ops=operators):
                found |= {type(one).__name__.lower() for one in operators}
            case ast.If():
                found.add("if")
            case ast.BoolOp(op=operator):
                found.add(type(operator).__name__.lower())
    return sorted(found - _COMMON - {"range", "add", "mult"}) or ["store"]


def tvmscript_title(verdict: Verdict, outcome: Outcome, pipeline: Pipeline, script: str) -> str:
    """One line for a list of bugs."""
    patterns = tvmscript_patterns(script)
    things = ", ".join(patterns[:4]) + (", …" if len(patterns) > 4 else "")
    how = f" under {pipeline.name}" if pipeline.passes is None else f" after {len(pipeline.passes)} passes"
    if outcome.failure is None:
        return f"wrong {verdict.oracle} from TVMScript: {things}{how}"
    message = (outcome.failure.message.strip().splitlines() or [""])[0]
    return f"{outcome.failure.type.rpartition('.')[2]} in TVMScript: {things}{how}: {message[:100]}".rstrip(": ")
