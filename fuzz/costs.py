"""What cases cost on a target, from a campaign's store, and which stand out. Never evidence of a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from misfold.oracles.cost import AMOUNTS, Judged, Spent, judge_cost

from .spending import SpentRow
from .store import CaseRow, OutcomeRow, Store


@dataclass(frozen=True)
class Cost:
    """How much of something (``of``) one case took on one target, under one pipeline; see ``AMOUNTS`` for the units.

    Cases compiled together have a share each.
    """

    index: int
    target: str
    pipeline: str
    nodes: int
    amount: float
    of: str = "seconds"


def costs(store: Store, target: str | None = None, pipeline: str | None = None, of: str = "seconds") -> list[Cost]:
    """Costs of all cases that gave values, in order; ``of`` is one of ``AMOUNTS``.

    Raises:
        StoreError: the store cannot be read.
    """
    source = OutcomeRow if of == "seconds" else SpentRow
    amount = {"seconds": OutcomeRow.seconds, "memory": SpentRow.memory, "instructions": SpentRow.instructions}[of]
    query = (
        select(CaseRow.index, source.target, source.pipeline, CaseRow.nodes, amount)
        .join(source, (source.campaign_id == CaseRow.campaign_id) & (source.index == CaseRow.index))
        .where(amount.is_not(None))
        .order_by(CaseRow.index, source.id)
    )
    if of == "seconds":
        query = query.where(OutcomeRow.kind == "values")
    if target is not None:
        query = query.where(source.target == target)
    if pipeline is not None:
        query = query.where(source.pipeline == pipeline)
    with store.session(tables=[SpentRow]) as session:
        return [
            Cost(index, name, via, nodes, float(spent), of)
            for index, name, via, nodes, spent in session.execute(query)
            if spent is not None
        ]


def outliers(store: Store, of: str | None = None) -> Iterator[tuple[Cost, Judged]]:
    """Cases that took much more of something (None: of anything) than others of their size, each against all others
    of its target and pipeline."""
    for name in AMOUNTS if of is None else (of,):
        groups: dict[tuple[str, str], list[Cost]] = {}
        for cost in costs(store, of=name):
            groups.setdefault((cost.target, cost.pipeline), []).append(cost)
        for members in groups.values():
            spent = [Spent(cost.nodes, cost.amount) for cost in members]
            for place, cost in enumerate(members):
                judged = judge_cost(spent[place], spent[:place] + spent[place + 1 :], name)
                if judged.kind == "outlier":
                    yield cost, judged
