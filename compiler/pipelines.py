"""Pipelines: ordered lists of passes with parameters, and options of the code generator, as data.

``O0`` does what is needed and no more; ``O1`` cleans up; ``O2`` fuses, vectorises and blocks; ``O3`` spends more time
on loops. Any other list is a pipeline too, as long as its graph passes come before its loop passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .errors import PipelineError
from .passes.base import GraphPass, LoopPass, make

#: An entry of a list of passes: ``"name"``, ``["name"]`` or ``["name", {parameter: value}]``.
Entry = str | Sequence[Any]


@dataclass(frozen=True)
class Pipeline:
    """``codegen`` holds fields of ``codegen.Options`` that differ from their defaults."""

    name: str
    graph_passes: tuple[GraphPass, ...] = ()
    loop_passes: tuple[LoopPass, ...] = ()
    codegen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passes(self) -> tuple[GraphPass | LoopPass, ...]:
        return (*self.graph_passes, *self.loop_passes)

    def data(self) -> list[list[Any]]:
        """The list of passes that ``from_data`` takes."""
        return [one.data() for one in self.passes]


def from_data(name: str, passes: Sequence[Entry], codegen: Mapping[str, Any] | None = None) -> Pipeline:
    """A pipeline out of a list of passes.

    Raises:
        PipelineError: an unknown pass, parameter or value, or a graph pass behind a loop pass.
    """
    graph_passes: list[GraphPass] = []
    loop_passes: list[LoopPass] = []
    if not isinstance(passes, list | tuple):
        raise PipelineError(f"not a list of passes: {passes!r}")
    for entry in passes:
        made = make(*_entry(entry))
        if isinstance(made, LoopPass):
            loop_passes.append(made)
        elif loop_passes:
            raise PipelineError(
                f"pass {made.name} works on graphs, so it must come before {loop_passes[0].name}, which works on loops"
            )
        else:
            graph_passes.append(made)
    return Pipeline(name, tuple(graph_passes), tuple(loop_passes), dict(codegen or {}))


def _entry(entry: Entry) -> tuple[str, Mapping[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if isinstance(entry, list | tuple) and 1 <= len(entry) <= 2 and isinstance(entry[0], str):
        parameters = entry[1] if len(entry) == 2 else {}
        if isinstance(parameters, Mapping):
            return entry[0], parameters
    raise PipelineError(f"not a pass: {entry!r}; write 'name' or ['name', {{'parameter': value}}]")


# Lists of passes for the named pipelines. Each begins with what makes graphs small: all that follows costs time in
# proportion.
_CLEAN_GRAPH: tuple[Entry, ...] = (
    "decomposition",
    "constant-folding",
    "algebraic-simplification",
    "common-subexpression-elimination",
    "dead-code-elimination",
)

NAMED: Mapping[str, tuple[tuple[Entry, ...], Mapping[str, Any]]] = {
    "O0": (("decomposition",), {}),
    "O1": ((*_CLEAN_GRAPH, "operator-fusion", "simplify", "dead-store-elimination"), {}),
    "O2": (
        (
            *_CLEAN_GRAPH,
            "layout",
            "operator-fusion",
            "simplify",
            # Code for a block costs milliseconds: small products do not win them back.
            ("register-blocking", {"rows": 8, "vectors": 1, "smallest": 1 << 20}),
            "fusion",
            "scalar-replacement",
            # Before vectorisation, while there are few statements. What that leaves to be simplified, LLVM does.
            "dead-store-elimination",
            "loop-invariant-code-motion",
            "vectorisation",
            "buffer-reuse",
        ),
        {"contract": True},
    ),
    "O3": (
        (
            *_CLEAN_GRAPH,
            "layout",
            "operator-fusion",
            "simplify",
            "register-blocking",
            "fusion",
            "scalar-replacement",
            "loop-invariant-code-motion",
            "partition",
            ("vectorisation", {"accumulators": 4}),
            "simplify",
            "strength-reduction",
            "dead-store-elimination",
            "buffer-reuse",
        ),
        {"contract": True},
    ),
}


@cache
def named(name: str) -> Pipeline:
    """One of the pipelines in ``NAMED``.

    Raises:
        PipelineError: there is none of this name.
    """
    if name not in NAMED:
        raise PipelineError(f"there is no pipeline {name!r}; there are: {', '.join(NAMED)}")
    passes, codegen = NAMED[name]
    return from_data(name, passes, codegen)
