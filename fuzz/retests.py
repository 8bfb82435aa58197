"""What became of bugs when they were run again: under which versions, and with what result."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import JSON, Float, ForeignKey, String, Table, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from .store import Base, Bug, Store


class Retest(Base):
    """A bug's script, run once more. ``result`` is ``fails``, ``passes``, or why it says nothing."""

    __tablename__ = "retests"
    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bugs.id"), index=True)
    at: Mapped[float] = mapped_column(Float)
    environment: Mapped[str] = mapped_column(Text)
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[str] = mapped_column(String(200))


def add_retest(store: Store, bug: Bug, environment: str, versions: Mapping[str, str], result: str) -> None:
    """Keep one result."""
    # Folders that were begun before anything was tested again do not have the table.
    Base.metadata.create_all(store.engine, tables=[cast(Table, Retest.__table__)])
    with Session(store.engine) as session, session.begin():
        row = Retest(bug_id=bug.id, at=time.time(), environment=environment, versions=dict(versions))
        row.result = result[:200]
        session.add(row)


def retests(store: Store, bug: Bug) -> Sequence[Retest]:
    """A bug's results, oldest first."""
    Base.metadata.create_all(store.engine, tables=[cast(Table, Retest.__table__)])
    with Session(store.engine, expire_on_commit=False) as session:
        return session.scalars(select(Retest).where(Retest.bug_id == bug.id).order_by(Retest.id)).all()
