"""What two findings of the same bug share.

A failure that speaks (an exception, a failed check) is named by its normalised message and the deepest frames in the
target's own code, which say where it comes from. A failure that does not (wrong values, a crash, a hang) is named by
the stage or pass that is to blame and by the operators of the smallest subgraph that still shows it, in their plainest
form, with the class of each operator's element types.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from misfold.oracles.verdict import Verdict
from misfold.programs.graph import Graph, Node
from misfold.targets.outcome import Failure, Outcome

#: Outcome kinds whose failure names itself by a message.
SPOKEN = ("compile-error", "run-error")

# Deeper frames say more of the cause, but the last ones are often shared helpers: two are enough to tell causes
# apart and few enough that another caller of the same broken code is not another bug.
FRAMES = 2


def own_frames(frames: Sequence[str], own_modules: Sequence[str]) -> tuple[str, ...]:
    """The deepest frames that lie in the target's own modules (all frames if none does), outermost first.

    A frame is ``module:function``; native ones, whose module is not known, count by their function's name space.
    """

    def is_own(frame: str) -> bool:
        module, _, function = frame.partition(":")
        return module.startswith(prefixes) or function.startswith(prefixes)

    prefixes = tuple(own_modules)
    own = [frame for frame in frames if is_own(frame)]
    return tuple((own or list(frames))[-FRAMES:])


#: Places of torch's interface that offer one operator under one name; those of torch.linalg and torch.fft are others.
_ALIASES = ("torch.nn.functional.", "torch.special.", "torch.Tensor.", "torch.")


def plain_name(op: str) -> str:
    """An operator's name wherever it is called from, in place or not: ``add`` of ``torch.Tensor.add_``."""
    name = op.removeprefix(next((prefix for prefix in _ALIASES if op.startswith(prefix)), ""))
    return name if name.endswith("__") else name.rstrip("_")


def node_patterns(graph: Graph) -> list[str]:
    """Each operator with the classes of its tensor arguments' element types: ``add(float, signed)``."""
    return [f"{plain_name(node.op)}({', '.join(_classes(graph, node))})" for node in graph.nodes]


def _classes(graph: Graph, node: Node) -> list[str]:
    classes = []
    for ref in node.references():
        kind = graph.values[ref.name].type
        if kind is None:
            classes.append("?")
        else:
            # Half-precision floats take other paths in every compiler than float32 and float64 do.
            low = kind.dtype.is_float and kind.dtype.itemsize < 4
            classes.append("low-float" if low else kind.dtype.kind)
    return classes


def error_signature(target: str, kind: str, failure: Failure, own_modules: Sequence[str]) -> str:
    """Signature of a failure that names itself."""
    return " | ".join([target, kind, failure.type, failure.normal_message, *own_frames(failure.frames, own_modules)])


#: Oracles that look at values from different sides: one fault may be seen by any of them.
VALUES = frozenset({"values", "gradients", "mutation", "nonfinite"})


def failure_words(verdict: Verdict, outcome: Outcome) -> tuple[str, str]:
    """The kind of failure and what kind of it, for failures that do not name themselves."""
    if outcome.failure is not None:
        return outcome.kind, outcome.failure.type
    return "wrong", "values" if verdict.oracle in VALUES else verdict.oracle


def failure_key(target: str, verdict: Verdict, outcome: Outcome, own_modules: Sequence[str]) -> str:
    """What a smaller case has to show to be the same failure: what is known of it before its cause is."""
    if outcome.failure is not None and outcome.kind in SPOKEN:
        return error_signature(target, outcome.kind, outcome.failure, own_modules)
    return " | ".join([target, *failure_words(verdict, outcome)])


def silent_signature(target: str, verdict: Verdict, outcome: Outcome, patterns: Sequence[str], blame: str = "?") -> str:
    """Signature of a failure that does not name itself: what is blamed, and patterns of the reduced program."""
    return " | ".join([target, *failure_words(verdict, outcome), blame, ", ".join(sorted(patterns))])


#: Between the patterns of a signature; a comma inside parentheses belongs to a pattern.
_COMMA = re.compile(r", (?![^(]*\))")
#: What stands for patterns where none tells anything.
NOTHING = frozenset({"", "store"})


def nested(signature: str, known: Iterable[str]) -> str:
    """The first of the known signatures of silent failures that is this one but for further patterns on one side, or
    the signature itself.

    Reductions of one fault end at different local minima: one keeps an operator that another one lost. With the same
    thing to blame, and all patterns of one program among those of the other, they are one bug. Where nothing is blamed,
    or one side has no pattern that tells, this cannot be said.
    """
    head, patterns = _parts(signature)
    known = list(known)
    if signature in known or head.endswith("?") or not patterns:
        return signature
    for one in known:
        other, theirs = _parts(one)
        if other == head and theirs and (theirs <= patterns or patterns <= theirs):
            return one
    return signature


def _parts(signature: str) -> tuple[str, Counter[str]]:
    head, _, text = signature.rpartition(" | ")
    return head, Counter() if text in NOTHING else Counter(_COMMA.split(text))


def title(verdict: Verdict, outcome: Outcome, reduced: Graph) -> str:
    """One line for a list of bugs."""
    names = list(dict.fromkeys(op.removeprefix("torch.").removeprefix("nn.functional.") for op in reduced.operators))
    operators = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    if outcome.failure is None:
        return f"wrong {verdict.oracle} from {operators}"
    message = outcome.failure.message.strip().splitlines() or [""]
    kind = outcome.failure.type.rpartition(".")[2]
    return f"{kind} in {operators}: {message[0][:120]}" if message[0] else f"{kind} in {operators}"
