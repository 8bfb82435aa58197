"""What the printer and the parser of the loop IR must agree on."""

from __future__ import annotations

from misfold.compiler.text import NAME

from .ir import LoopKind
from .operators import BINARY

#: Words that cannot be names of buffers, variables or functions.
KEYWORDS = frozenset(
    "function alloc for parallel vectorised unrolled let if else assert true false inf nan".split(),
)
#: The word that starts a loop of each kind.
LOOPS: dict[LoopKind, str] = {
    "serial": "for",
    "parallel": "parallel",
    "vectorised": "vectorised",
    "unrolled": "unrolled",
}
KINDS = {word: kind for kind, word in LOOPS.items()}

# As in Python, from loose to tight; comparisons do not chain, the others associate to the left.
_LEVELS = ("== != < <= > >=", "|", "^", "&", "<< >>", "+ -", "* / // %")
COMPARISON = 0
#: How tightly each infix operator binds, by the operator's name.
PRECEDENCE = {
    operator.name: level
    for operator in BINARY.values()
    for level, symbols in enumerate(_LEVELS)
    if operator.infix in symbols.split()
}
#: Names of the infix operators by their symbols.
INFIX = {operator.infix: operator.name for operator in BINARY.values() if operator.infix}


def is_name(text: str) -> bool:
    """Whether a buffer, a variable or a function can have this name."""
    return NAME.fullmatch(text) is not None and text not in KEYWORDS
