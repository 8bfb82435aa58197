"""A service of reference workers: a case at other sizes, with what is expected of each."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from misfold.programs.bounds import check
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import MisfoldError
from misfold.programs.graph import Graph
from misfold.programs.types import TensorType
from misfold.targets.eager import Eager
from misfold.targets.running import run_case

from ..reference import evaluate

SERVICE = "misfold.oracles.state.resizing:serve"


def sizes(case: Case) -> list[int]:
    """Sizes that dimensions of inputs have, which may stand for symbols: all of one size change together."""
    found = {size for value in case.graph.inputs for size in value.known.shape}
    # 0 and 1 mean broadcasting and emptiness, which compilers are right to treat as constants
    return sorted(size for size in found if size > 1)


def resized(case: Case, old: int, new: int) -> Case | None:
    """The case with every dimension of size ``old`` of an input of size ``new``; None where its text does not take it.

    Calls stay as they are: one that has the old size among its arguments is refused by eager, or means something else,
    and is right all the same.
    """

    def other(kind: TensorType) -> TensorType:
        # strides are those of the old shape; the new one is contiguous
        return TensorType(kind.dtype, tuple(new if size == old else size for size in kind.shape))

    inputs = tuple(
        replace(value, type=other(value.known)) if old in value.known.shape else value for value in case.graph.inputs
    )
    nodes = tuple(
        replace(node, outputs=tuple(replace(item, type=None) for item in node.outputs)) for node in case.graph.nodes
    )
    try:
        made = replace(case, graph=Graph(inputs, nodes, case.graph.returns))
        check(made)
    except MisfoldError:
        return None
    return made


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Up to ``most`` cases like ``case`` (a text) at other sizes that eager takes, chosen by ``seed``.

    The answer has ``cases``: each with ``text``, ``how`` (``5 -> 7``), ``eager`` and ``reference``.
    """
    case = parse_case(request["case"])
    random = Random(request.get("seed", 0))
    plans = [(old, new) for old in sizes(case) for new in {old + 1, 2 * old, 1, 0, max(2, old // 2)} - {old}]
    random.shuffle(plans)
    found: list[dict[str, Any]] = []
    for old, new in plans:
        if len(found) >= request.get("most", 4):
            break
        made = resized(case, old, new)
        if made is None:
            continue
        eager = run_case(Eager(), made)
        if eager.kind != "values":
            continue
        expected = evaluate(made, eager)
        if expected.valid and not expected.undefined:
            found.append(
                {
                    "text": made.text, "how": f"{old} -> {new}",
                    "eager": eager.to_data(), "reference": expected.to_data(),
                }
            )  # fmt: skip
    return {"cases": found}
