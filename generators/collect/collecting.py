"""The collection as a whole: sources, forked children, the cap per operator, the file."""

from __future__ import annotations

import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..lines import write_lines
from ..records import FORMAT, file_name
from .processes import fork_map
from .recording import Call
from .sources import docstring_calls, documented, opinfo_calls, opinfo_entries
from .verifying import Refused, verify

# Records per operator: enough for its argument structures and element types, few enough to load at once.
CAP = 24
# Calls examined for one operator in one source before giving up on finding more records.
EXAMINED = 120
SECONDS = 120.0


@dataclass
class Summary:
    """What a collection found. ``dropped`` counts calls by reason; ``failed`` are sources whose process ended badly."""

    path: Path
    torch: str
    records: int = 0
    operators: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.records} records of {self.operators} operators of torch {self.torch} in {self.path}"]
        lines += [f"  dropped {count:6}  {reason}" for reason, count in self.dropped.most_common()]
        lines += [f"  failed  {name}: {reason}" for name, reason in sorted(self.failed.items())]
        return "\n".join(lines)


def collect(
    folder: Path | str,
    *,
    jobs: int = 2,
    cap: int = CAP,
    only: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Make the file of records for the installed torch in ``folder``, and say what is in it.

    Takes some minutes. ``only`` restricts to sources whose name holds the text; ``progress`` is called with the numbers
    of sources done and to do. The file is the same on every run with the same ``PYTHONHASHSEED``: PyTorch's test data
    comes out of sets of text.

    Raises:
        ImportError: PyTorch's test data needs ``expecttest`` and ``scipy``.
    """
    # Forked children must not inherit thread pools.
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    entries = opinfo_entries()
    titles = [
        f"opinfo {entry.name}{'.' + entry.variant_test_name if entry.variant_test_name else ''}" for entry in entries
    ]
    names = documented()
    items: list[tuple[str, Any]] = [*zip(titles, entries), *((f"docstring {name}", name) for name in names)]
    items = [item for item in items if only is None or only in item[0]]
    summary = Summary(Path(folder) / file_name(torch.__version__), torch.__version__.partition("+")[0])
    found: dict[int, list[dict[str, Any]]] = {}
    again = list(range(len(items)))
    done = 0
    for cautious in (False, True):

        def work(index: int, cautious: bool = cautious) -> Any:
            title, source = items[index]
            calls: Iterable[Call] = docstring_calls(source) if title.startswith("docstring") else opinfo_calls(source)
            return records_from(calls, cap, cautious)

        failed = {}
        for result in fork_map(work, again, jobs=jobs, seconds=SECONDS):
            index = again[result.index]
            done += 1
            if progress is not None:
                progress(done, len(items))
            if result.failure is not None:
                failed[index] = result.failure
            else:
                found[index] = result.data["records"]
                summary.dropped.update(result.data["dropped"])
        again = sorted(failed)
        done -= len(again)
    summary.failed = {items[index][0]: failed[index].strip().splitlines()[-1] for index in again}
    merged = select(record for index in sorted(found) for record in found[index])
    chosen = {op: limited(records, cap) for op, records in sorted(merged.items())}
    summary.operators = len(chosen)
    summary.records = sum(map(len, chosen.values()))
    write(summary.path, chosen)
    return summary


def records_from(calls: Iterable[Call], cap: int, cautious: bool) -> dict[str, Any]:
    """Records of calls, at most ``cap`` of each operator, the most different first; and why others are not."""
    groups: dict[str, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        alike = groups[call.op][f"{call.structure} {call.dtypes}"]
        if len(alike) < 2:
            alike.append(call)
    records, dropped = [], Counter[str]()
    for group in groups.values():
        kept = 0
        for call in list(rounds(group))[:EXAMINED]:
            if kept >= cap:
                break
            try:
                record = verify(call, cautious)
            except Refused as reason:
                dropped[str(reason)] += 1
                continue
            record["key"] = [call.op, call.structure, call.dtypes]
            records.append(record)
            kept += 1
    return {"records": records, "dropped": dropped}


def rounds(group: dict[str, list[Call]]) -> Iterator[Call]:
    """A group's calls, so that any prefix is diverse: structures in turn, each time with another element type."""
    by_structure: dict[str, list[Call]] = defaultdict(list)
    for turn in range(2):
        for alike in group.values():
            if turn < len(alike):
                by_structure[alike[turn].structure].append(alike[turn])
    # The turn offsets the element type, so that few structures do not all take the first.
    queues = [
        [*queue[place % len(queue) :], *queue[: place % len(queue)]]
        for place, queue in enumerate(by_structure.values())
    ]
    while queues:
        for queue in queues:
            yield queue.pop(0)
        queues = [queue for queue in queues if queue]


def select(records: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Records by operator, without duplicates."""
    chosen: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for record in records:
        chosen[record["key"][0]].setdefault(json.dumps([record["program"], record["inputs"]]), record)
    return {op: list(group.values()) for op, group in chosen.items()}


def limited(records: list[dict[str, Any]], cap: int) -> list[dict[str, Any]]:
    """At most ``cap`` records of one operator: structures in turn."""
    queues: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        queues[record["key"][1]].append(record)
    taken: list[dict[str, Any]] = []
    lists = list(queues.values())
    while lists and len(taken) < cap:
        for queue in lists:
            taken.append(queue.pop(0))
        lists = [queue for queue in lists if queue]
    return taken[:cap]


def write(path: Path, chosen: dict[str, list[dict[str, Any]]]) -> None:
    """Write the file: a first line of JSON with an index, then one record a line. Equal records give equal bytes."""
    header = {
        "format": FORMAT,
        "torch": torch.__version__.partition("+")[0],
        "operators": {op: len(records) for op, records in chosen.items()},
    }
    lines = [json.dumps(header)]
    for records in chosen.values():
        for record in records:
            lines.append(json.dumps({key: record[key] for key in ("program", "inputs", "facts")}))
    write_lines(path, [line.encode() for line in lines])
