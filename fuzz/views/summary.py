"""A campaign as one self-contained HTML page."""

from __future__ import annotations

import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from sqlalchemy import func, select

from misfold.programs.errors import StoreError

from ..coverage.reached import PointRow, SourceRow
from ..investigate import BUGS
from ..papers import papers_data, waiting
from ..selecting import Listed, listed
from ..store import Bug, Campaign, OutcomeRow, Store
from ..tally import COLUMNS
from .charts import Line, chart

TEMPLATE = "summary.html.j2"


def summary_page(store: Store, output: Path | None = None) -> str:
    """The page. Links to scripts are relative to ``output``'s folder where the page is written to a file.

    Raises:
        StoreError: the folder's campaign has not begun.
    """
    campaign = store.campaign()
    if campaign is None:
        raise StoreError(f"{store.folder}: no campaign was begun here")
    bugs = listed(store)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    seconds = max(campaign.seconds, 1.0)
    return template.render(
        folder=store.folder.name,
        seed=campaign.seed,
        began=time.strftime("%Y-%m-%d %H:%M", time.localtime(campaign.started)),
        lasted=_duration(campaign.seconds),
        cases=store.number_of_cases(campaign),
        versions=campaign.versions,
        charts=_charts(store, campaign, bugs, seconds),
        columns=COLUMNS,
        outcomes=_outcomes(store, campaign),
        matrix=_matrix(bugs),
        targets=sorted({one.bug.target for one in bugs}),
        states=Counter(one.state.word for one in bugs),
        bugs=[_row(store, one, output) for one in bugs],
        waits=str(waiting(store)),
    )


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def _charts(store: Store, campaign: Campaign, bugs: list[Listed], seconds: float) -> list[str]:
    found = []
    if coverage := _coverage(store, campaign):
        found.append(chart("Points of the compilers reached", coverage, seconds))
    by_target: dict[str, list[float]] = {}
    for one in bugs:
        # A campaign may have rested between its runs; bugs know the time of day only.
        by_target.setdefault(one.bug.target, []).append(max(0.0, one.bug.at - campaign.started))
    lines = [
        Line(target, [(at, float(count)) for count, at in enumerate(sorted(times), 1)])
        for target, times in sorted(by_target.items())
    ]
    found.append(chart("Bugs, by when they were filed", lines, seconds))
    return found


def _coverage(store: Store, campaign: Campaign) -> list[Line]:
    lines = []
    with store.session() as session:
        sources = session.scalars(select(SourceRow).where(SourceRow.campaign_id == campaign.id))
        for source in list(sources):
            query = (
                select(PointRow.at, func.count())
                .where(PointRow.source_id == source.id)
                .group_by(PointRow.at)
                .order_by(PointRow.at)
            )
            total, points = 0, []
            for at, count in session.execute(query):
                total += count
                points.append((float(at), float(total)))
            lines.append(Line(f"{source.name} (of {source.size})", points))
    return lines


def _outcomes(store: Store, campaign: Campaign) -> list[dict[str, Any]]:
    """Per target how many outcomes of each sort, as the live view counts them, and how long they took."""
    rows: dict[str, Counter[str]] = {}
    with store.session() as session:
        query = (
            select(OutcomeRow.target, OutcomeRow.kind, OutcomeRow.verdict, func.count(), func.sum(OutcomeRow.seconds))
            .where(OutcomeRow.campaign_id == campaign.id)
            .group_by(OutcomeRow.target, OutcomeRow.kind, OutcomeRow.verdict)
        )
        for target, kind, verdict, count, seconds in session.execute(query):
            if kind == "rejected":
                column = "unsupported"
            elif verdict == "undecided":
                column = "undecided"
            else:
                column = "failing" if verdict in ("proved", "suspect") else "ok"
            row = rows.setdefault(target, Counter())
            row[column] += count
            row["all"] += count
            row["seconds"] += round(seconds or 0.0)
    return [
        {"target": target, **{key: row[key] for key in (*COLUMNS, "all", "seconds")}}
        for target, row in sorted(rows.items())
    ]


def _matrix(bugs: list[Listed]) -> list[dict[str, Any]]:
    """Per operator of reduced programs the bugs of each target, those with most bugs first."""
    table: dict[str, dict[str, list[str]]] = {}
    for one in bugs:
        for operator in one.operators:
            table.setdefault(operator.removeprefix("torch."), {}).setdefault(one.bug.target, []).append(one.name)
    rows = [{"operator": name, "bugs": row, "total": sum(map(len, row.values()))} for name, row in table.items()]
    return sorted(rows, key=lambda row: (-row["total"], row["operator"]))


def _row(store: Store, one: Listed, output: Path | None) -> dict[str, Any]:
    kind = "wrong result" if one.bug.kind == "values" else one.bug.kind
    return {
        "name": one.name,
        "number": one.bug.id,
        "target": one.bug.target,
        "kind": kind,
        "verdict": one.finding.verdict,
        "state": one.state.word,
        "why": one.state.why,
        "seen": len(one.findings),
        "blame": (one.finding.blame or {}).get("key", ""),
        "title": one.bug.title,
        "operators": " ".join(one.operators),
        "explanation": one.finding.explanation,
        "program": one.finding.reduced or one.finding.text,
        "script": _link(store.folder / BUGS / f"{one.name}.py", output),
        "script_result": one.bug.script,
        **_papers(store, one.bug, output),
    }


def _papers(store: Store, bug: Bug, output: Path | None) -> dict[str, Any]:
    data = papers_data(store, bug)
    links = {name: data[name] and _link(store.folder / data[name], output) for name in ("draft", "case")}
    return {**links, "draft_state": data["state"], "draft_why": "; ".join([*data["objections"], *data["problems"]])}


def _link(path: Path, output: Path | None) -> str | None:
    """A link to a file: relative to the page where it can be, None where the file is missing."""
    if not path.is_file():
        return None
    path = path.resolve()
    if output is not None and path.is_relative_to(output.resolve().parent):
        return quote(path.relative_to(output.resolve().parent).as_posix())
    return path.as_uri()
