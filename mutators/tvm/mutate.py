"""One random change of a TVMScript function."""

from __future__ import annotations

import random as randomness
import re
from collections.abc import Callable, Collection
from typing import Any

from misfold.generators.tvm_seeds.draw import normal_text
from misfold.targets.kernels.tvm import parse_script

from . import expressions, statements
from .names import TVM_MUTATORS

_APPLY: dict[str, Callable[[Any, randomness.Random], Any | None]] = {
    "tvm-constant": expressions.constant,
    "tvm-operator": expressions.operator,
    "tvm-operands": expressions.operands,
    "tvm-subexpression": expressions.subexpression,
    "tvm-delete": statements.delete,
    "tvm-duplicate": statements.duplicate,
    "tvm-swap": statements.swap,
    "tvm-guard": statements.guard,
    "tvm-predicate": statements.predicate,
    "tvm-loop-kind": statements.loop_kind,
    "tvm-loop-bounds": statements.loop_bounds,
    "tvm-index-arithmetic": expressions.index_arithmetic,
    "tvm-cast": expressions.cast,
    "tvm-select": expressions.select,
    "tvm-intrinsic": expressions.intrinsic,
    "tvm-pragma": statements.pragma,
    "tvm-schedule": statements.schedule,
}
assert list(_APPLY) == list(TVM_MUTATORS)
#: So many attempts are made before it is said that nothing can be changed, and a mutant has at most so many characters:
#: compiling takes as long as a text is.
_ATTEMPTS = 4
MOST = 6000
_REGIONS = re.compile(r"^\s*T\.(?:reads|writes)\(.*\)\n", re.MULTILINE)


def mutate_script(
    script: str, random: randomness.Random, only: Collection[str] | None = None
) -> tuple[str, str] | None:
    """A checked script changed by one of the mutators (of ``only`` if that is given), in normal form, and the name of
    the mutator; None: none of those tried changed it.

    The result is well-formed, and says anew what its blocks read and write. Whether it is free of undefined behaviour
    only its interpretation tells.
    """
    names = [name for name in _APPLY if only is None or name in only]
    for _ in range(_ATTEMPTS):
        if not names:
            return None
        name = random.choice(names)
        try:
            made = _APPLY[name](parse_script(script), random)
            text = None if made is None else _renewed(made)
        except Exception:  # TVM says in many ways that a node cannot be made
            continue
        if text is not None and text != script and len(text) <= MOST:
            return text, name
    return None


def _renewed(function: Any) -> str | None:
    """The function's normal text with the access regions of blocks found anew, by TVM's parser."""
    return normal_text(parse_script(_REGIONS.sub("", function.script())))
