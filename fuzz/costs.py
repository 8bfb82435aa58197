"""What cases cost on a target, from a campaign's store, and which stand out. Never evidence of a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from misfold.oracles.cost import Judged, Spent, judge_cost

from .store import CaseRow, OutcomeRow, Store


@dataclass(frozen=True)
class Cost:
    """Seconds that one case took on one target, under one pipeline. Cases compiled together have a share each."""

    index: int
    target: str
    pipeline: str
    nodes: int
    seconds: float


def costs(store: Store, target: str | None = None, pipeline: str | None = None) -> list[Cost]:
    """Costs of all cases that gave values, in order.

    Raises:
        StoreError: the store cannot be read.
    """
    query = (
        select(CaseRow.index, OutcomeRow.target, OutcomeRow.pipeline, CaseRow.nodes, OutcomeRow.seconds)
        .join(OutcomeRow, (OutcomeRow.campaign_id == CaseRow.campaign_id) & (OutcomeRow.index == CaseRow.index))
        .where(OutcomeRow.kind == "values")
        .order_by(CaseRow.index, OutcomeRow.id)
    )
    if target is not None:
        query = query.where(OutcomeRow.target == target)
    if pipeline is not None:
        query = query.where(OutcomeRow.pipeline == pipeline)
    with store.session() as session:
        return [Cost(*row) for row in session.execute(query)]


def outliers(store: Store) -> Iterator[tuple[Cost, Judged]]:
    """Cases that took much longer than others of their size, each against all others of its target and pipeline."""
    groups: dict[tuple[str, str], list[Cost]] = {}
    for cost in costs(store):
        groups.setdefault((cost.target, cost.pipeline), []).append(cost)
    for members in groups.values():
        spent = [Spent(cost.nodes, cost.seconds) for cost in members]
        for place, cost in enumerate(members):
            judged = judge_cost(spent[place], spent[:place] + spent[place + 1 :])
            if judged.kind == "outlier":
                yield cost, judged
