"""One random change of a case whose program is a graph."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import torch

from misfold.generators.records import RecordBase
from misfold.programs.bounds import Bounds, check
from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError

from .mutator import Edit
from .rebuilding import Rebuild
from .signatures import Signatures
from .table import GRAPH_MUTATORS

#: So many mutators are tried before it is said that nothing can be changed.
_ATTEMPTS = 8
#: A program that loses more than this fraction of its calls to a change is another program.
_LOST = 0.4
#: Programs do not grow beyond this number of calls.
MAX_NODES = 40
_BOUNDS = Bounds()


@dataclass(frozen=True)
class Scope:
    """What mutants may be made of besides what the program has already.

    Attributes:
        operators: names; None: all.
        dtypes: element types of inputs; None: all.
        max_nodes: calls of a program, unless it had more before.
    """

    operators: frozenset[str] | None = None
    dtypes: frozenset[str] | None = None
    max_nodes: int = MAX_NODES


_ALL = Scope()


@cache
def _signatures(operators: frozenset[str] | None = None) -> Signatures:
    return Signatures(RecordBase.load()) if operators is None else _signatures().within(operators)


def prepare() -> None:
    """Read and order the records for the mutators that need them: two seconds or so, once in a process."""
    _signatures().unary()


def mutate_graph(
    case: Case,
    random: Random,
    donors: Sequence[Case] = (),
    only: Collection[str] | None = None,
    records: RecordBase | None = None,
    bounds: Bounds = _BOUNDS,
    scope: Scope = _ALL,
) -> Case | None:
    """The case changed by one of the mutators, by one of ``only`` if that is given; None: none of those tried can.

    The program is executed by eager, in this process, while it is made: its types are those that eager gives. A
    backward pass is not run: the caller does that.

    Raises:
        KeyError: there is no mutator of a name in ``only``.
    """
    names = [name for name in GRAPH_MUTATORS if only is None or name in only]
    for name in only or ():
        GRAPH_MUTATORS[name]
    signatures = Signatures(records) if records is not None else _signatures(scope.operators)
    for _ in range(_ATTEMPTS):
        if not names:
            return None
        made = changed(names[random.randrange(len(names))], case, random, signatures, donors, bounds, scope)
        if made is not None:
            return made
    return None


def changed(
    name: str,
    case: Case,
    random: Random,
    signatures: Signatures,
    donors: Sequence[Case] = (),
    bounds: Bounds = _BOUNDS,
    scope: Scope = _ALL,
) -> Case | None:
    """The case changed by this mutator; None: it cannot be."""
    edit = GRAPH_MUTATORS[name].edit(case, random, signatures, donors)
    if edit is None:
        return None
    # Old operators warn that they are old; that is no news here.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            made = _rebuilt(case, edit, random, bounds, scope)
            if made is None or made.hash == case.hash or not _within(made, case, scope):
                return None
            check(made, bounds)
        except MisfoldError:
            return None
    return made


def _within(made: Case, case: Case, scope: Scope) -> bool:
    """Whether all that is new in a mutant is in a scope."""
    if len(made.graph.nodes) > max(scope.max_nodes, len(case.graph.nodes)):
        return False
    if scope.operators is not None and not set(made.graph.operators) <= scope.operators | set(case.graph.operators):
        return False
    types, before = ({value.known.dtype.name for value in one.graph.inputs} for one in (made, case))
    return scope.dtypes is None or types <= scope.dtypes | before


def _rebuilt(case: Case, edit: Edit, random: Random, bounds: Bounds, scope: Scope) -> Case | None:
    rebuild = Rebuild(case, random, bounds, scope.operators)
    if not rebuild.add_inputs(edit.inputs):
        return None
    for index, node in enumerate(case.graph.nodes):
        if index == edit.index and edit.make is not None:
            made = edit.make(rebuild, node)
            if made is None or len(made) != len(node.outputs):
                return None
            rebuild.bind(node, made)
        elif not rebuild.node(edit.nodes.get(index, node), edit.sizes):
            return None
    if rebuild.lost > _LOST * len(case.graph.nodes):
        return None
    if edit.finish is not None and not edit.finish(rebuild):
        return None
    return rebuild.finished() if len(rebuild.builder.nodes) <= MAX_NODES else None
