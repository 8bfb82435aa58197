"""What two findings of the same bug share, for kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from misfold.compiler.dtypes import INDEX, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Cast,
    For,
    Function,
    If,
    Let,
    Load,
    Reduce,
    Select,
    Store,
    Unary,
)
from misfold.compiler.loops.visit import all_expressions, statements
from misfold.oracles.verdict import Verdict
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Outcome

from .signature import silent_signature

_WORDS = {Let: "let", Allocate: "alloc", Store: "store", Reduce: "reduce", If: "if", Assert: "assert"}


def kernel_patterns(function: Function) -> list[str]:
    """What a kernel is made of, each thing once: loops by kind, statements, and operators with the class of their
    element type: ``for parallel``, ``reduce add(float)``, ``floordiv(int)``, ``floordiv(index)``."""
    found: Counter[str] = Counter()
    for statement in statements(function.body):
        match statement:
            case For():
                found[f"for {statement.kind}" if statement.kind != "serial" else "for"] += 1
            case Reduce(op, buffer, _, _):
                found[f"reduce {op}({_class(buffer.dtype)})"] += 1
            case Let() | Store() | If() | Assert() | Allocate():
                found[_WORDS[type(statement)]] += 1
    for node in all_expressions(function.body):
        match node:
            case Unary(op, operand):
                found[f"{op}({_class(operand.dtype)})"] += 1
            case Binary(op, left, _):
                found[f"{op}({_class(left.dtype)})"] += 1
            case Cast(dtype, operand):
                found[f"{_class(dtype)}({_class(operand.dtype)})"] += 1
            case Select():
                found[f"select({_class(node.dtype)})"] += 1
            case Load(buffer, _):
                found[f"load({_class(buffer.dtype)})"] += 1
    # Every kernel stores, loads and loops: that says nothing.
    common = {"store", "for", "load(int)", "load(float)", "add(index)", "mul(index)"}
    return sorted(set(found) - common) or ["store"]


def _class(dtype: DType) -> str:
    if dtype == INDEX:
        return "index"
    if dtype.is_float:
        return "low-float" if dtype.bits < 32 else "float"
    return dtype.kind if dtype.is_bool or dtype.bits >= 32 else f"small-{dtype.kind}"


#: What kernels hold whatever is wrong with them: arithmetic of subscripts, tests of guards, moves between buffers.
_COMMON = frozenset(
    "let alloc if assert reduce:add add sub mul load select eq ne lt le gt ge and or xor not min max".split()
)


def telling_patterns(patterns: Sequence[str]) -> list[str]:
    """Those of a reduced kernel's patterns that tell faults apart; ``store`` if it has nothing but the common ones.

    Two reductions of one fault end at different local minima, which differ in these.
    """

    def common(pattern: str) -> bool:
        name, _, classes = pattern.partition("(")
        plain_type = classes.rstrip(")") in ("", "index", "bool", "float", "int")
        return plain_type and name.replace("reduce ", "reduce:") in _COMMON

    def trivial_cast(pattern: str) -> bool:
        return pattern in ("index(bool)", "int(bool)", "float(bool)", "bool(index)", "bool(int)")

    return [one for one in patterns if not common(one) and not trivial_cast(one)] or ["store"]


def silent_kernel_signature(
    target: str, verdict: Verdict, outcome: Outcome, patterns: Sequence[str], blame: str = "?"
) -> str:
    """Signature of a failure that does not name itself: the blamed pass, and the reduced kernel's patterns."""
    return silent_signature(target, verdict, outcome, telling_patterns(patterns), blame)


def kernel_title(verdict: Verdict, outcome: Outcome, pipeline: Pipeline, reduced: Function) -> str:
    """One line for a list of bugs."""
    patterns = kernel_patterns(reduced)
    things = ", ".join(patterns[:4]) + (", …" if len(patterns) > 4 else "")
    how = f" under {pipeline.name}" if pipeline.passes is None else f" after {len(pipeline.passes)} passes"
    if outcome.failure is None:
        return f"wrong {verdict.oracle} from {things}{how}"
    message = (outcome.failure.message.strip().splitlines() or [""])[0]
    return f"{outcome.failure.type.rpartition('.')[2]} in {things}{how}: {message[:100]}".rstrip(": ")
