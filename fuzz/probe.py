"""Measure which operators a target takes: every record alone, per operator and element types of its operands."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from misfold.generators.records import Record, RecordBase
from misfold.generators.support import FAILING, REFUSED, TAKEN, operand_classes
from misfold.targets.isolation.limits import Limits
from misfold.targets.outcome import FAILURES

from .campaign import Servers, collect_versions, find_targets
from .examine import Examiner
from .spreading import spread

# Records tried per operator and operand types: support can depend on arguments, and one taken call is enough.
TRIES = 2


def plan(records: RecordBase) -> dict[tuple[str, str], list[Record]]:
    """Records to try per operator and operand types."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for name in records.operators:
        for record in records.of(name):
            group = groups.setdefault((name, operand_classes(record.graph, record.node)), [])
            if len(group) < TRIES:
                group.append(record)
    return groups


def state(kinds: set[str]) -> str:
    """What outcomes of one-operator programs come to: one that gives values is enough to be taken."""
    if "values" in kinds:
        return TAKEN
    return FAILING if kinds & FAILURES else REFUSED


def probe(target: str, jobs: int, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The target's support table as the data of a support file: versions, and operators → operand types → state."""
    systems = find_targets((target,))
    system = systems[target]
    groups = plan(RecordBase.load())
    pipeline = system.pipelines()[0]
    table: dict[str, dict[str, str]] = {}
    done = 0

    def measure(examiner: Examiner, key: tuple[str, str]) -> str:
        return state({examiner.run(record.case(), target, pipeline).kind for record in groups[key]})

    def take(key: tuple[str, str], found: str) -> None:
        nonlocal done
        done += 1
        name, classes = key
        table.setdefault(name, {})[classes] = found
        progress(done, len(groups))

    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        servers = Servers(systems, Path(folder), Limits(seconds=60))

        def examiner() -> Examiner:
            return Examiner(servers.servers, systems, Path(folder) / "targets", 60)

        spread(sorted(groups), jobs, servers, examiner, measure, take)
    ordered = {name: dict(sorted(classes.items())) for name, classes in sorted(table.items())}
    return {"target": target, "versions": collect_versions(systems), "operators": ordered}


def write_table(data: Mapping[str, Any], path: Path) -> None:
    """Write a support table, one operator a line, so that a change of it reads well."""
    head = json.dumps({key: value for key, value in data.items() if key != "operators"})[1:-1]
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(classes)}" for name, classes in data["operators"].items())
    path.write_text(f'{{{head}, "operators": {{\n{rows}\n}}}}\n', encoding="utf-8")
