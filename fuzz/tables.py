"""The tables of the campaign's database. Coverage and the joint loop keep tables of their own (``coverage.reached``,
``joint.rows``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: The version of the tables: goes up when a table's columns change. A new table needs none: it is made where it is
#: missing when a campaign is opened to be written.
SCHEMA = 4

#: What a finding can be: not yet confirmed; 3 of 3 in fresh processes; not every time; a wrong value that further
#: inputs did not support; one more of a bug that has its confirmed findings already; a known issue.
STATUSES = ("new", "confirmed", "flaky", "suspect", "duplicate", "known")


class Base(DeclarativeBase):
    """Tables of the store."""


class Campaign(Base):
    """A long run. ``settings`` and ``versions`` are what makes a case the same again."""

    __tablename__ = "campaigns"
    id: Mapped[int] = mapped_column(primary_key=True)
    schema: Mapped[int] = mapped_column(Integer, default=SCHEMA)
    seed: Mapped[int] = mapped_column(Integer)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    started: Mapped[float] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float, default=0.0)


class Block(Base):
    """A run of consecutive case indices that is finished."""

    __tablename__ = "blocks"
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class CaseRow(Base):
    """A case that was made; its ``text`` (see ``texts``) where seed and index alone do not make it again."""

    __tablename__ = "cases"
    __table_args__ = (UniqueConstraint("campaign_id", "index"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    index: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(16))
    nodes: Mapped[int] = mapped_column(Integer)
    exact: Mapped[bool] = mapped_column(Boolean)
    gradient: Mapped[bool] = mapped_column(Boolean)
    note: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)


class OutcomeRow(Base):
    """What a target did with a case, in short."""

    __tablename__ = "outcomes"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    index: Mapped[int] = mapped_column(Integer)
    target: Mapped[str] = mapped_column(String(64))
    pipeline: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(16))
    seconds: Mapped[float] = mapped_column(Float)
    note: Mapped[str] = mapped_column(Text, default="")


class Finding(Base):
    """A case with a bad verdict."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("campaign_id", "index", "target", "pipeline", "variant"),
        Index("findings_by_bug", "bug_id", "status"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    bug_id: Mapped[int | None] = mapped_column(ForeignKey("bugs.id"), default=None)
    index: Mapped[int] = mapped_column(Integer)
    target: Mapped[str] = mapped_column(String(64))
    pipeline: Mapped[str] = mapped_column(String(128))
    # Content hash of a case that was met while another finding of the same index was reduced; '' as it was made.
    variant: Mapped[str] = mapped_column(String(16), default="")
    kind: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(16))
    oracle: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16), default="new")
    explanation: Mapped[str] = mapped_column(Text)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    text: Mapped[str] = mapped_column(Text)
    reduced: Mapped[str | None] = mapped_column(Text, default=None)
    evidence: Mapped[list[Any]] = mapped_column(JSON, default=list)
    # Where it comes from: triage.localise.blame.Blame as data, of the bugs' representatives.
    blame: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    # What it took to reduce it: tests, seconds, sizes before and after.
    reduction: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[float] = mapped_column(Float)


class Bug(Base):
    """All findings with one signature."""

    __tablename__ = "bugs"
    id: Mapped[int] = mapped_column(primary_key=True)
    signature: Mapped[str] = mapped_column(Text, unique=True)
    # Of a failure that names itself, before anything is known of its cause: such findings are recognised by it.
    failure: Mapped[str] = mapped_column(Text, default="", index=True)
    title: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    finding_id: Mapped[int] = mapped_column(Integer)
    occurrences: Mapped[int] = mapped_column(Integer, default=1)
    script: Mapped[str] = mapped_column(String(32), default="not run")
    at: Mapped[float] = mapped_column(Float)


class BugPattern(Base):
    """One operator of a bug's reduced program, by which programs that may show the same bug are recognised.

    ``number`` counts the operators of one pattern; a bug with two of them is not shown by a program with one.
    """

    __tablename__ = "bug_patterns"
    __table_args__ = (Index("bugs_by_pattern", "target", "kind", "pattern", "number"),)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bugs.id"), primary_key=True)
    pattern: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    # Of the bug, all patterns counted.
    total: Mapped[int] = mapped_column(Integer)


class Statistic(Base):
    """Counters of a campaign at a moment, for curves over time."""

    __tablename__ = "statistics"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    at: Mapped[float] = mapped_column(Float)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class Retest(Base):
    """A bug's script, run once more. ``result`` is ``fails``, ``passes``, or why it says nothing."""

    __tablename__ = "retests"
    id: Mapped[int] = mapped_column(primary_key=True)
    bug_id: Mapped[int] = mapped_column(ForeignKey("bugs.id"), index=True)
    at: Mapped[float] = mapped_column(Float)
    environment: Mapped[str] = mapped_column(Text)
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[str] = mapped_column(String(200))


class PapersRow(Base):
    """A bug's papers: the report's draft and the regression case, written together (``papers``)."""

    __tablename__ = "papers"
    bug_id: Mapped[int] = mapped_column(ForeignKey("bugs.id"), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float)
    # What speaks against reporting it, as ``rule: why``; empty where the draft is ready.
    objections: Mapped[list[Any]] = mapped_column(JSON)
    # Why there is no regression case, or no draft; '' where there is one.
    no_case: Mapped[str] = mapped_column(Text, default="")
    no_draft: Mapped[str] = mapped_column(Text, default="")
