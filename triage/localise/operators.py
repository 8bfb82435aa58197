"""Which operator first diverges: all intermediates are returned, and compared one by one in their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.programs.aliasing import written_arguments
from misfold.programs.errors import MisfoldError

from .blame import FAILS, FAILS_OTHERWISE, Divergence
from .probe import Probe, Stopped


def first_divergence(probe: Probe) -> Divergence | None:
    """The first operator with a wrong result; None for failures that are no wrong answers, and single operators.

    Returning intermediates changes what a compiler fuses and keeps in memory: the failure may go. Then ``reproduces``
    is False and no operator is named.
    """
    graph = probe.case.graph
    if not probe.silent or len(graph.nodes) < 2:
        return None
    try:
        case, names = with_intermediates(probe.case)
        word, verdict = probe.judged(case, probe.pipeline)
    except (MisfoldError, Stopped):
        return None
    output = verdict.output or ""
    if word not in (FAILS, FAILS_OTHERWISE) or not output.startswith("out"):
        return Divergence(None, None, False, "with all intermediates returned the failure does not show")
    value = names[int(output.removeprefix("out"))]
    index = graph.producers.get(value)
    operator = None if index is None else graph.nodes[index].op
    return Divergence(operator, value, True, verdict.explanation)


def with_intermediates(case: Any) -> tuple[Any, list[str]]:
    """The case that returns every value that its nodes compute, in order, then what it returned; and their names.

    Values whose memory is written later are left out: at the end they hold what was written.

    Raises:
        GraphError: there is nothing to return.
    """
    graph = case.graph
    written = {name for node in graph.nodes for name in written_arguments(node)}
    names = [value.name for node in graph.nodes for value in node.outputs if value.name not in written]
    names = list(dict.fromkeys([*names, *graph.returns]))
    return replace(case, graph=replace(graph, returns=tuple(names))), names
