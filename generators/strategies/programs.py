"""Strategies for graphs and cases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING

from misfold.programs.bounds import Bounds
from misfold.programs.case import Case
from misfold.programs.errors import UsageError
from misfold.programs.graph import Graph

from ..options import Options
from ..records import RecordBase
from .library import strategies
from .sizes import shapes
from .steps import SCALE, VALUES, Manner, Step, Vocabulary, assemble
from .tensors import SIMPLEST, check_dtypes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# How far back the tensor arguments of one call look for values; any further ones are fresh inputs.
_BACK = (6, 2, 2)
_BOUNDS = Bounds()


@cache
def _records() -> RecordBase:
    return RecordBase.load()


@cache
def _vocabulary(
    include: tuple[str, ...], exclude: tuple[str, ...], dtypes: tuple[str, ...], exact: bool
) -> tuple[Vocabulary, tuple[str, ...]]:
    options, records = Options(include=include, exclude=exclude), _records()
    vocabulary = Vocabulary(records, [op for op in records.operators if options.admits(op)], dtypes, exact)
    if not vocabulary.operators:
        raise UsageError("the patterns and element types admit no operator; see: misfold operators")
    return vocabulary, tuple(vocabulary.operators)


@cache
def _manners(layouts: bool, gradients: bool) -> list[Manner]:
    """What the arguments of a step are, what is simpler first."""
    found = [
        Manner(uses, values, layout, gradient)
        for uses in product(*[range(back + 1) for back in _BACK])
        for values in range(VALUES)
        for layout in range(4 if layouts else 1)
        for gradient in (False, True)[: 2 if gradients else 1]
    ]
    return sorted(found, key=lambda one: (one.layout > 0, one.gradient, one.values > 0, sum(one.uses)))


def cases(
    *,
    min_nodes: int = 1,
    max_nodes: int = 8,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    dtypes: Sequence[str] = SIMPLEST,
    max_dim: int = 17,
    zero: bool = False,
    layouts: bool = False,
    exact: bool = False,
    gradients: bool = False,
    bounds: Bounds = _BOUNDS,
) -> SearchStrategy[Case]:
    """Cases: valid programs with recipes for their inputs, whose outputs in eager PyTorch are finite.

    They shrink to fewer calls, simpler operators, smaller dimensions, float32, small integers as inputs, and
    contiguous ones. ``misfold.targets.torch_values`` has ``to_function`` and ``make_inputs`` to run them.

    Args:
        min_nodes, max_nodes: calls in a program.
        include, exclude: patterns (``*``, ``?``) on operators' full or last names; by default all are in.
        dtypes: element types of inputs and outputs.
        max_dim: the largest new size of a dimension; those that an operator needs are kept.
        zero: whether dimensions of 0 are drawn too.
        layouts: whether inputs may be permuted, stepped or expanded.
        exact: inputs are small integers, and operators such as round nothing on these.
        gradients: inputs may require gradients; the backward pass then has been run, and is finite.
        bounds: limits on sizes and work.

    Raises:
        UsageError: the arguments leave nothing to draw, or Hypothesis is not installed.
    """
    if not 1 <= min_nodes <= max_nodes:
        raise UsageError(f"calls per program: 1 <= {min_nodes} <= {max_nodes} does not hold")
    st = strategies()
    vocabulary, operators = _vocabulary(tuple(include), tuple(exclude), check_dtypes(dtypes), exact)
    # Four choices a step, and the one that says whether there is another: Hypothesis deletes five neighbouring choices
    # at once, but not more, so that only steps of this length can be deleted from the middle of a program.
    step = st.builds(
        Step,
        st.sampled_from(operators),
        st.integers(0, SCALE - 1),
        st.sampled_from(shapes(max_dim, zero)),
        st.sampled_from(_manners(layouts, gradients)),
    )
    # Some steps are refused; so more of them are drawn than calls are wanted.
    lists = st.lists(step, min_size=min_nodes, max_size=max_nodes + max_nodes // 2 + 1)
    wanted = partial(
        assemble,
        vocabulary=vocabulary,
        bounds=bounds,
        min_nodes=min_nodes,
        max_nodes=max_nodes,
        exact=exact,
        gradients=gradients,
    )
    found: SearchStrategy[Case | None] = lists.map(wanted)
    made: SearchStrategy[Case] = found.filter(lambda case: case is not None)  # type: ignore[assignment]
    return made


def graphs(
    *,
    min_nodes: int = 1,
    max_nodes: int = 8,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    dtypes: Sequence[str] = SIMPLEST,
    max_dim: int = 17,
    zero: bool = False,
    layouts: bool = False,
    bounds: Bounds = _BOUNDS,
) -> SearchStrategy[Graph]:
    """Graphs: the programs of ``cases``, without inputs; arguments and errors as there."""
    return cases(
        min_nodes=min_nodes,
        max_nodes=max_nodes,
        include=include,
        exclude=exclude,
        dtypes=dtypes,
        max_dim=max_dim,
        zero=zero,
        layouts=layouts,
        bounds=bounds,
    ).map(lambda case: case.graph)
