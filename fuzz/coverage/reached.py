"""What a campaign has reached so far: in memory for quick answers, in the store for curves and comparisons."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Float, ForeignKey, Integer, String, UniqueConstraint, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from ..store import Base, Campaign, Store


class SourceRow(Base):
    """A source of coverage that a campaign used."""

    __tablename__ = "coverage_sources"
    __table_args__ = (UniqueConstraint("campaign_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    name: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(256))
    size: Mapped[int] = mapped_column(Integer)


class PointRow(Base):
    """A point, and when (in seconds of the campaign's running time) it was first reached."""

    __tablename__ = "coverage_points"
    source_id: Mapped[int] = mapped_column(ForeignKey("coverage_sources.id"), primary_key=True)
    point: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float] = mapped_column(Float)


@dataclass(frozen=True)
class History:
    """One source's points in the order in which they were reached, with the second of each."""

    name: str
    key: str
    size: int
    points: np.ndarray
    seconds: np.ndarray


class Reached:
    """All points of a campaign. Methods may be called from several threads.

    ``clock`` gives the seconds that the campaign has been running, earlier runs of it included.
    """

    def __init__(self, store: Store, campaign: Campaign, clock: Callable[[], float]):
        self._store, self._campaign, self._clock = store, campaign, clock
        self._lock = threading.Lock()
        self._known: dict[str, set[int]] = {}
        self._ids: dict[str, int] = {}
        self._new: dict[str, list[tuple[int, float]]] = {}
        self.sizes: dict[str, int] = {}
        #: Why a source does not work here, by its name.
        self.unavailable: dict[str, str] = {}
        for history in histories(store, campaign):
            self._known[history.name] = set(history.points.tolist())
            self.sizes[history.name] = history.size

    def add(self, answer: Mapping[str, Any]) -> dict[str, list[int]]:
        """Take the coverage out of a worker's answer; the points that are new to the campaign, by source."""
        found: dict[str, list[int]] = {}
        with self._lock:
            self.unavailable.update(answer.get("no_coverage", {}))
            for name, part in answer.get("coverage", {}).items():
                known = self._known.setdefault(name, set())
                fresh = [point for point in np.frombuffer(part["points"], np.uint32).tolist() if point not in known]
                if fresh:
                    known.update(fresh)
                    now = self._clock()
                    self._new.setdefault(name, []).extend((point, now) for point in fresh)
                    found[name] = fresh
                if name not in self.sizes or name not in self._ids:
                    self.sizes[name] = part["size"]
                    self._ids[name] = _source_id(self._store, self._campaign, name, part["key"], part["size"])
        return found

    def totals(self) -> dict[str, int]:
        """How many points of each source have been reached."""
        with self._lock:
            return {name: len(points) for name, points in self._known.items()}

    def flush(self) -> None:
        """Commit what is new.

        Raises:
            StoreError: the store cannot be written; what is new stays so.
        """
        with self._lock:
            new = {name: list(items) for name, items in self._new.items() if items}
        if not new:
            return
        rows = [
            {"source_id": self._ids[name], "point": point, "at": at}
            for name, items in new.items()
            for point, at in items
        ]
        with self._store.session(write=True) as session:
            session.execute(insert(PointRow), rows)
        with self._lock:
            for name, items in new.items():
                del self._new[name][: len(items)]


def _source_id(store: Store, campaign: Campaign, name: str, key: str, size: int) -> int:
    query = select(SourceRow).where(SourceRow.campaign_id == campaign.id, SourceRow.name == name)
    with store.session(write=True) as session:
        row = session.scalars(query).first()
        if row is None:
            row = SourceRow(campaign_id=campaign.id, name=name, key=key, size=size)
            session.add(row)
            session.flush()
        return row.id


def histories(store: Store, campaign: Campaign) -> list[History]:
    """What a campaign's store holds, by source.

    Raises:
        StoreError: it cannot be read.
    """
    found = []
    with store.session() as session:
        for row in session.scalars(
            select(SourceRow).where(SourceRow.campaign_id == campaign.id).order_by(SourceRow.name)
        ):
            query = select(PointRow.point, PointRow.at).where(PointRow.source_id == row.id).order_by(PointRow.at)
            pairs = session.execute(query).all()
            points = np.array([point for point, _ in pairs], np.int64)
            seconds = np.array([at for _, at in pairs], np.float64)
            found.append(History(row.name, row.key, row.size, points, seconds))
    return found
