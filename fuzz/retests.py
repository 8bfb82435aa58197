"""What became of bugs when they were run again: under which versions, and with what result."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from .store import Bug, Store
from .tables import Retest


def add_retest(store: Store, bug: Bug, environment: str, versions: Mapping[str, str], result: str) -> None:
    """Keep one result.

    Raises:
        StoreError: the database cannot be written.
    """
    row = Retest(bug_id=bug.id, at=time.time(), environment=environment, versions=dict(versions), result=result[:200])
    with store.session(write=True, tables=[Retest]) as session:
        session.add(row)


def retests(store: Store, bug: Bug) -> Sequence[Retest]:
    """A bug's results, oldest first."""
    with store.session(tables=[Retest]) as session:
        return session.scalars(select(Retest).where(Retest.bug_id == bug.id).order_by(Retest.id)).all()


__all__ = ["Retest", "add_retest", "retests"]
