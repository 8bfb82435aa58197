"""What cases cost beside time, in a campaign's store: memory at its peak, and instructions where they are counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, String, insert
from sqlalchemy.orm import Mapped, mapped_column

from misfold.targets.outcome import Outcome

from .store import Base, Campaign, Store


class SpentRow(Base):
    """One case on one target under one pipeline; a figure that there is not is NULL. Merged cases have equal shares."""

    __tablename__ = "spent"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    index: Mapped[int] = mapped_column(Integer)
    target: Mapped[str] = mapped_column(String(64))
    pipeline: Mapped[str] = mapped_column(String(128))
    #: Bytes above what the worker had before.
    memory: Mapped[int | None] = mapped_column(BigInteger, default=None)
    instructions: Mapped[int | None] = mapped_column(BigInteger, default=None)


def row(index: int, target: str, pipeline: str, outcome: Outcome) -> dict[str, Any] | None:
    """What an outcome says that it cost; None if it says nothing."""
    spent = outcome.facts.get("spent") or {}
    if not spent:
        return None
    return {
        "index": index, "target": target, "pipeline": pipeline, "memory": spent.get("memory"),
        "instructions": spent.get("instructions"),
    }  # fmt: skip


def save(store: Store, campaign: Campaign, rows: Iterable[dict[str, Any] | None]) -> None:
    """Commit what cases cost. It is no part of what a block is worth: a kill in between loses figures, nothing else.

    Raises:
        StoreError: the store cannot be written.
    """
    known = [{**item, "campaign_id": campaign.id} for item in rows if item is not None]
    if known:
        with store.session(write=True, tables=[SpentRow]) as session:
            session.execute(insert(SpentRow), known)
