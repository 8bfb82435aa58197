"""Inference that can be stopped: rules of operators that are done are kept in a file beside the result."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from misfold.programs.errors import UsageError
from misfold.programs.hashing import text_hash

from ..rules.base import operator_data, parse_operator
from ..rules.rule import Rule
from ..traces.labelling import Labeller
from .infer import infer
from .material import Material
from .operator import Options

#: Called with the operator done, its rules, and the numbers done and to do.
Progress = Callable[[str, int, int], None]


class WorkFile:
    """Lines of JSON, one an operator, behind a first line that says what they were made from."""

    def __init__(self, path: Path, key: Mapping[str, Any]):
        self._path = path
        self.done: dict[str, dict[str, Any]] = {}
        header = json.dumps(key, sort_keys=True)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if lines and lines[0].decode(errors="replace").strip() == header:
            kept = [lines[0]]
            for line in lines[1:]:
                try:
                    item = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    item = None
                if item is None:
                    break  # the last line of a run that was killed
                self.done[item["function"]] = item["data"]
                kept.append(line)
            content = b"".join(kept)
        else:
            content = header.encode() + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._file = open(path, "ab")  # noqa: SIM115 - closed by ``close``
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error

    def add(self, function: str, data: dict[str, Any]) -> None:
        """Keep an operator's rules; they are on the disk when this returns."""
        self.done[function] = data
        self._file.write(json.dumps({"function": function, "data": data}).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, remove: bool = False) -> None:
        """Close the file, and remove it if all is done."""
        self._file.close()
        if remove:
            self._path.unlink(missing_ok=True)


def infer_all(
    material: Material,
    labeller: Labeller,
    options: Options,
    work: WorkFile,
    progress: Progress | None = None,
    count_calls: Callable[[int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Data of the rules of all functions (``base.operator_data``); what ``work`` has is not done again.

    Raises:
        TargetError: no worker can be had.
    """

    def alike(function: str) -> Iterator[Rule]:
        """Rules of functions with the same last name: methods and name spaces repeat most of torch."""
        last = _last(function)
        for name in by_last.get(last, ()):
            if name != function and name in work.done:
                yield from parse_operator(json.dumps(work.done[name]).encode(), name)

    by_last: dict[str, list[str]] = {}
    for name in material:
        by_last.setdefault(_last(name), []).append(name)
    # Functions first, methods and what writes in place behind them: what is there after a while serves most.
    names = sorted(material, key=lambda name: (name.startswith("torch.Tensor."), name.endswith("_"), name))
    todo = [(name, material[name]) for name in names if name not in work.done]
    results: Iterable[tuple[str, list[Rule]]] = infer(todo, labeller, options, count_calls, alike)
    for function, rules in results:
        if rules:
            work.add(function, operator_data(rules))
        if progress is not None:
            progress(function, len(work.done), len(material))
    return {name: work.done[name] for name in material if name in work.done}


def _last(function: str) -> str:
    """``add`` of ``torch.Tensor.add_``."""
    return function.rpartition(".")[2].rstrip("_")


def work_key(material: Material, options: Options, version: str) -> dict[str, Any]:
    """What the rules depend on: the calls, the options and the framework's version."""
    calls = "\n".join(facts[0].text() for group in material.values() for facts in group)
    return {
        "kind": "misfold inference under way",
        "calls": text_hash(calls),
        "options": asdict(options),
        "torch": version,
    }
