"""The campaign's database: SQLAlchemy over SQLite in WAL mode, one file in the campaign's folder.

A finding is committed before anything else happens to it. Everything that a block of cases produced is committed in
one transaction together with the block itself, so that after a kill a block either counts or is made again.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, create_engine, event, func, insert, inspect, select, tuple_, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from misfold.programs.errors import StoreError

from .blocks import BLOCK
from .tables import SCHEMA, Base, Block, Bug, BugPattern, Campaign, CaseRow, Finding, OutcomeRow, Statistic

FILE = "campaign.sqlite"


class Store:
    """One campaign folder's database. Methods may be called from several threads."""

    def __init__(self, folder: Path, *, create: bool = False):
        self.folder = folder
        path = folder / FILE
        if not create and not path.is_file():
            raise StoreError(
                f"{folder}: no campaign here ({FILE} is missing); start one with: misfold run --folder {folder}"
            )
        self._lock = threading.RLock()
        self._made: set[type[Base]] = set()
        with self._errors():
            folder.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False})
            event.listen(self.engine, "connect", _pragmas)
            begun = inspect(self.engine).has_table(Campaign.__tablename__)
            if not begun and not create:
                raise StoreError(f"{folder}: no campaign was begun here; start it with: misfold run --folder {folder}")
            # Before anything is made or read: tables of another version are left as they are.
            found = self._schema() if begun else None
            if found is not None and found != SCHEMA:
                raise StoreError(
                    f"{path}: made by another version of misfold (schema {found}, expected {SCHEMA}); "
                    "go on with that version, or choose another folder"
                )
            if create:
                Base.metadata.create_all(self.engine)

    def _schema(self) -> int | None:
        """The version of the tables that the folder's campaign was begun with, if one was."""
        with Session(self.engine) as session:
            return session.scalars(select(Campaign.schema).order_by(Campaign.id)).first()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Database and disk errors as one StoreError."""
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"{self.folder / FILE}: {error.orig}") from error
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"{self.folder / FILE}: {error}") from error

    @contextmanager
    def session(self, *, write: bool = False, tables: Iterable[type[Base]] = ()) -> Iterator[Session]:
        """A session; with ``write`` it is the only writer and commits at the end. ``tables`` are made if the folder was
        begun before there were any.

        Raises:
            StoreError: the database cannot be read or written, for example because the disk is full.
        """
        with self._errors():
            if missing := [table for table in tables if table not in self._made]:
                Base.metadata.create_all(self.engine, tables=[cast(Table, table.__table__) for table in missing])
                self._made.update(missing)
            if not write:
                with Session(self.engine, expire_on_commit=False) as session:
                    yield session
                return
            with self._lock, Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session

    def close(self) -> None:
        """Release the file; the write-ahead log is folded in."""
        self.engine.dispose()

    # -- campaigns ---------------------------------------------------------------------------------------------------

    def campaign(self) -> Campaign | None:
        """The campaign of this folder, if there is one."""
        with self.session() as session:
            return session.scalars(select(Campaign).order_by(Campaign.id)).first()

    def begin(self, seed: int, settings: Mapping[str, Any], versions: Mapping[str, Any], at: float) -> Campaign:
        """Start a campaign."""
        campaign = Campaign(seed=seed, settings=dict(settings), versions=dict(versions), started=at, schema=SCHEMA)
        with self.session(write=True) as session:
            session.add(campaign)
        return campaign

    def add_seconds(self, campaign: Campaign, seconds: float) -> None:
        """Add to the time that the campaign has been running."""
        with self.session(write=True) as session:
            session.execute(
                update(Campaign).where(Campaign.id == campaign.id).values(seconds=Campaign.seconds + seconds)
            )

    # -- blocks of cases ---------------------------------------------------------------------------------------------

    def blocks(self, campaign: Campaign) -> dict[int, int]:
        """How many cases each block has that was committed: fewer than others the one in which the campaign ended."""
        number = CaseRow.index // BLOCK
        with self.session() as session:
            found = dict.fromkeys(session.scalars(select(Block.number).where(Block.campaign_id == campaign.id)), 0)
            made = select(number, func.count()).where(CaseRow.campaign_id == campaign.id).group_by(number)
            for block, count in session.execute(made):
                found[block] = count
            return found

    def finish_block(
        self, campaign: Campaign, number: int, cases: Sequence[dict[str, Any]], outcomes: Sequence[dict[str, Any]]
    ) -> None:
        """Commit a block, or the rest of one, with its cases and outcomes (rows as dicts of column values without the
        campaign)."""
        with self.session(write=True) as session:
            session.merge(Block(campaign_id=campaign.id, number=number))
            if cases:
                session.execute(insert(CaseRow), [{**row, "campaign_id": campaign.id} for row in cases])
            if outcomes:
                session.execute(insert(OutcomeRow), [{**row, "campaign_id": campaign.id} for row in outcomes])

    def counts(self, campaign: Campaign) -> dict[str, dict[str, int]]:
        """Per target: how many outcomes of each kind and, as ``verdict:…``, of each verdict."""
        table: dict[str, dict[str, int]] = {}
        with self.session() as session:
            rows = session.execute(
                select(OutcomeRow.target, OutcomeRow.kind, OutcomeRow.verdict, func.count())
                .where(OutcomeRow.campaign_id == campaign.id)
                .group_by(OutcomeRow.target, OutcomeRow.kind, OutcomeRow.verdict)
            )
            for target, kind, verdict, count in rows:
                entry = table.setdefault(target, {})
                entry[kind] = entry.get(kind, 0) + count
                entry[f"verdict:{verdict}"] = entry.get(f"verdict:{verdict}", 0) + count
        return table

    def number_of_cases(self, campaign: Campaign) -> int:
        """How many cases the campaign has made."""
        with self.session() as session:
            query = select(func.count()).select_from(CaseRow).where(CaseRow.campaign_id == campaign.id)
            return session.scalar(query) or 0

    # -- findings and bugs -------------------------------------------------------------------------------------------

    def add_finding(self, campaign: Campaign, **columns: Any) -> tuple[Finding, bool]:
        """Commit a finding; if the same case, target and pipeline is there already, give that one and False."""
        with self.session(write=True) as session:
            known = session.scalars(
                select(Finding).where(
                    Finding.campaign_id == campaign.id,
                    Finding.index == columns["index"],
                    Finding.target == columns["target"],
                    Finding.pipeline == columns["pipeline"],
                    Finding.variant == columns.get("variant", ""),
                )
            ).first()
            if known is not None:
                return known, False
            finding = Finding(campaign_id=campaign.id, **columns)
            session.add(finding)
        return finding, True

    def settle_finding(self, finding: Finding, **columns: Any) -> None:
        """Update a finding's columns."""
        with self.session(write=True) as session:
            session.execute(update(Finding).where(Finding.id == finding.id).values(**columns))

    def file_under_bug(
        self,
        finding: Finding,
        signature: str,
        title: str,
        at: float,
        patterns: Iterable[str] = (),
        failure: str = "",
    ) -> tuple[Bug, bool]:
        """Put a finding under the bug of a signature; True if the bug is new.

        ``patterns`` are those of the operators in the finding's reduced program, ``failure`` what a failure that names
        itself says; a new bug keeps them.
        """
        with self.session(write=True) as session:
            bug = session.scalars(select(Bug).where(Bug.signature == signature)).first()
            new = bug is None
            if bug is None:
                bug = Bug(
                    signature=signature, failure=failure, title=title, target=finding.target, kind=finding.kind,
                    finding_id=finding.id, at=at, occurrences=0,
                )  # fmt: skip
                session.add(bug)
                session.flush()
                numbered = _numbered(patterns)
                of_bug = {"bug_id": bug.id, "target": bug.target, "kind": bug.kind, "total": len(numbered)}
                session.add_all(BugPattern(pattern=name, number=number, **of_bug) for name, number in numbered)
            bug.occurrences += 1
            session.execute(update(Finding).where(Finding.id == finding.id).values(bug_id=bug.id))
        return bug, new

    def set_script(self, bug: Bug, result: str) -> None:
        """Record what running the bug's exported script by itself gave."""
        with self.session(write=True) as session:
            session.execute(update(Bug).where(Bug.id == bug.id).values(script=result))

    def findings(self, *, bug: int | None = None) -> list[Finding]:
        """All findings, or those of a bug, oldest first."""
        query = select(Finding).order_by(Finding.id)
        if bug is not None:
            query = query.where(Finding.bug_id == bug)
        with self.session() as session:
            return list(session.scalars(query))

    def finding(self, number: int) -> Finding:
        """One finding.

        Raises:
            StoreError: there is none of that number.
        """
        with self.session() as session:
            found = session.get(Finding, number)
        if found is None:
            raise StoreError(f"{self.folder}: no finding {number}; list them with: misfold findings {self.folder}")
        return found

    def bug_of_signature(self, signature: str) -> Bug | None:
        """The bug of a signature, if there is one."""
        with self.session() as session:
            return session.scalars(select(Bug).where(Bug.signature == signature)).first()

    def bug_of_failure(self, failure: str) -> Bug | None:
        """The oldest bug whose failure names itself in these words."""
        with self.session() as session:
            return session.scalars(select(Bug).where(Bug.failure == failure).order_by(Bug.id)).first()

    def bug_within(self, target: str, kind: str, patterns: Iterable[str]) -> Bug | None:
        """The oldest bug of a target and kind whose operators' patterns are all among these."""
        matched = (
            select(BugPattern.bug_id)
            .where(
                BugPattern.target == target,
                BugPattern.kind == kind,
                tuple_(BugPattern.pattern, BugPattern.number).in_(_numbered(patterns)),
            )
            .group_by(BugPattern.bug_id, BugPattern.total)
            .having(func.count() == BugPattern.total)
        )
        with self.session() as session:
            return session.scalars(select(Bug).where(Bug.id.in_(matched)).order_by(Bug.id)).first()

    def count_findings(self, bug: Bug, status: str) -> int:
        """How many findings of a bug have a status."""
        with self.session() as session:
            query = select(func.count()).select_from(Finding).where(Finding.bug_id == bug.id, Finding.status == status)
            return session.scalar(query) or 0

    def bugs(self) -> list[Bug]:
        """All bugs, oldest first."""
        with self.session() as session:
            return list(session.scalars(select(Bug).order_by(Bug.id)))

    # -- statistics --------------------------------------------------------------------------------------------------

    def add_statistic(self, campaign: Campaign, at: float, data: Mapping[str, Any]) -> None:
        """Keep counters of this moment (seconds since the campaign began to run)."""
        with self.session(write=True) as session:
            session.add(Statistic(campaign_id=campaign.id, at=at, data=json.loads(json.dumps(data))))

    def statistics(self, campaign: Campaign) -> list[Statistic]:
        """All kept counters, oldest first."""
        with self.session() as session:
            return list(
                session.scalars(select(Statistic).where(Statistic.campaign_id == campaign.id).order_by(Statistic.id))
            )


def _numbered(patterns: Iterable[str]) -> list[tuple[str, int]]:
    """Each pattern with the count of its like so far: equal ones become different, so that sets can be compared."""
    return [(name, number) for name, count in Counter(patterns).items() for number in range(count)]


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # A commit survives the death of the process; only a power cut could take back the last one.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


__all__ = ["FILE", "Base", "Block", "Bug", "BugPattern", "Campaign", "CaseRow", "Finding", "OutcomeRow", "Store"]
