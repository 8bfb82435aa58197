"""Services of the reference workers: make cases, run them eagerly, and evaluate the reference that judges them."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from misfold.generators.generator import Generator
from misfold.generators.records import RecordBase
from misfold.oracles import reference
from misfold.oracles.reference import evaluate
from misfold.programs.case import Case, parse_case
from misfold.targets import execution
from misfold.targets.eager import Eager
from misfold.targets.running import run_case

from .settings import generator_options


@lru_cache(maxsize=1)
def _records(path: str | None) -> RecordBase:
    return RecordBase.load(path=path) if path else RecordBase.load()


@lru_cache(maxsize=4)
def generator_for(options: str) -> Generator:
    data = json.loads(options)
    path = data.pop("records", None)
    return Generator(generator_options(data), _records(path))


def warm_up() -> None:
    """Import torch and all that making and judging cases needs; once, in the fork server."""
    execution.warm_up()
    reference.warm_up()
    path = os.environ.get("MISFOLD_RECORDS")
    _records(path or None)


def refer(case: Case, repeats: int = 1) -> dict[str, Any]:
    """Eager outcome and reference of a case as plain data, with the seconds that each took."""
    eager = run_case(Eager(), case, None, repeats=repeats)
    start = time.perf_counter()
    found = evaluate(case, eager) if eager.kind == "values" else None
    spent = time.perf_counter() - start
    return {
        "eager": asdict(eager),
        "reference": None if found is None else asdict(found),
        "seconds": {"eager": eager.seconds.get("total", 0.0), "reference": spent},
    }


def make(request: dict[str, Any]) -> dict[str, Any]:
    """Cases ``indices`` of the campaign ``seed`` under ``options`` (a JSON text) and ``only`` (operators or None)."""
    generator = generator_for(request["options"])
    items = []
    for index in request["indices"]:
        start = time.perf_counter()
        case = generator.case(request["seed"], index, request.get("only"))
        spent = time.perf_counter() - start
        item = refer(case)
        item["seconds"]["generate"] = spent
        items.append({"index": index, "text": case.text, **item})
    return {"items": items}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Eager outcome and reference of the case ``case``, run ``repeats`` times."""
    return refer(parse_case(request["case"]), request.get("repeats", 1))
