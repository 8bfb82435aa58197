"""The joint loop's corpus in the store, so that a resumed campaign goes on from where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Integer, String, Text, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from ..store import Base, Campaign, Store
from .corpus import Entry


class EntryRow(Base):
    """An entry of the corpus. Entries that had to make room are kept here all the same."""

    __tablename__ = "corpus_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    pipeline: Mapped[dict[str, Any]] = mapped_column(JSON)
    earned: Mapped[list[Any]] = mapped_column(JSON)
    parent: Mapped[int | None] = mapped_column(Integer, default=None)
    mutator: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64), default="")
    #: Put aside by distillation: others reach all that it does.
    dropped: Mapped[bool] = mapped_column(Boolean, default=False)


class LearntRow(Base):
    """What a campaign has learnt so far: by name, as plain data."""

    __tablename__ = "learnt"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


def save(store: Store, campaign: Campaign, entries: list[Entry], learnt: dict[str, Any]) -> None:
    """Commit new entries and what has been learnt.

    Raises:
        StoreError: the store cannot be written.
    """
    rows = [
        {
            "campaign_id": campaign.id, "target": one.target, "number": one.number, "text": one.text,
            "pipeline": one.pipeline, "earned": [list(point) for point in one.earned], "parent": one.parent,
            "mutator": one.mutator, "digest": one.digest,
        }
        for one in entries
    ]  # fmt: skip
    with store.session(write=True) as session:
        if rows:
            session.execute(insert(EntryRow), rows)
        for name, data in learnt.items():
            where = (LearntRow.campaign_id == campaign.id) & (LearntRow.name == name)
            if session.scalars(select(LearntRow).where(where)).first() is None:
                session.add(LearntRow(campaign_id=campaign.id, name=name, data=data))
            else:
                session.execute(update(LearntRow).where(where).values(data=data))


def load(store: Store, campaign: Campaign) -> tuple[list[Entry], dict[str, Any]]:
    """All entries that were not put aside, the oldest first, and what has been learnt."""
    with store.session() as session:
        query = (
            select(EntryRow)
            .where(EntryRow.campaign_id == campaign.id, EntryRow.dropped.is_(False))
            .order_by(EntryRow.id)
        )
        entries = [
            Entry(
                row.number, row.text, row.target, row.pipeline, tuple((name, point) for name, point in row.earned),
                row.parent, row.mutator, digest=row.digest,
            )
            for row in session.scalars(query)
        ]  # fmt: skip
        learnt = {
            row.name: row.data for row in session.scalars(select(LearntRow).where(LearntRow.campaign_id == campaign.id))
        }
    return entries, learnt


def keep_only(store: Store, campaign: Campaign, entries: Sequence[Entry]) -> None:
    """Put all entries aside but these, whose pipelines and earned points may have changed.

    Raises:
        StoreError: the store cannot be written.
    """
    mine = EntryRow.campaign_id == campaign.id
    with store.session(write=True) as session:
        session.execute(update(EntryRow).where(mine).values(dropped=True))
        for one in entries:
            session.execute(
                update(EntryRow)
                .where(mine, EntryRow.target == one.target, EntryRow.number == one.number)
                .values(dropped=False, pipeline=one.pipeline, earned=[list(point) for point in one.earned])
            )
