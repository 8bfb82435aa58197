"""Reduction of a graph by a predicate alone: what scripts and tests call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from misfold.programs.case import Case
from misfold.targets.outcome import TensorValue

from .graphs import GraphReduction, graph_weight
from .search import PASSES, SAME, Answer, Bounds, Search


def reduce_case(
    case: Case,
    fails: Callable[[Case], bool],
    capture: Callable[[Case], Mapping[str, TensorValue]],
    budget: int = 400,
) -> Case:
    """The smallest case found that ``fails`` accepts, after at most ``budget`` tests.

    ``capture`` gives what each value of a case was when it was made; {} where that is not known. A value that becomes
    an input gets the captured type. Pipelines stay as they are.
    """

    def test(candidate: Case) -> Answer:
        return Answer(SAME if fails(candidate) else PASSES)

    search = Search(case, [test], graph_weight("", ()), Bounds(budget, float("inf")))
    return GraphReduction(search, "", (), capture).run()
