"""Services of the reference workers: make cases, run them eagerly, and evaluate the reference that judges them."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from misfold.generators.generator import Generator
from misfold.generators.records import RecordBase
from misfold.generators.solving.source import RuleSource
from misfold.generators.support import Support
from misfold.oracles import reference
from misfold.oracles.reference import evaluate
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import UsageError
from misfold.targets import execution
from misfold.targets.eager import Eager
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from .settings import generator_options


@lru_cache(maxsize=1)
def _records(path: str | None) -> RecordBase:
    return RecordBase.load(path=path) if path else RecordBase.load()


@lru_cache(maxsize=1)
def _rules(path: str | None) -> RuleSource:
    return RuleSource.load(_records(path))


@lru_cache(maxsize=4)
def generator_for(options: str) -> Generator:
    data = json.loads(options)
    path = data.pop("records", None)
    made = generator_options(data)
    return Generator(made, _records(path), _rules(path) if made.rules > 0 else None)


@lru_cache(maxsize=8)
def _support(target: str, versions: str) -> Support | None:
    return Support.load(target, json.loads(versions))


def support_of(wanted: Mapping[str, Any] | None) -> Support | None:
    """What a ``target`` with its ``versions`` is known to take, if it was measured."""
    return None if wanted is None else _support(wanted["target"], json.dumps(wanted["versions"], sort_keys=True))


def calls_of(wanted: Mapping[str, Any] | None) -> frozenset[str] | None:
    """The calls that a target is known to take, if they were measured."""
    support = support_of(wanted)
    return None if support is None else support.calls


def warm_up() -> None:
    """Import torch and all that making and judging cases needs; once, in the fork server."""
    # Old operators say that they are old each time they are called; it is nobody's news here, and takes time to say.
    warnings.simplefilter("ignore")
    # A second and a half, which torch takes at the first call of some operators, in every worker.
    importlib.import_module("torch._dynamo")
    execution.warm_up()
    reference.warm_up()
    # Some programs by rules need z3, and which of a worker's is the first of them depends on chance.
    importlib.import_module("z3")
    path = os.environ.get("MISFOLD_RECORDS") or None
    _records(path)
    # Without rules for the installed torch campaigns by records go on, and others say so.
    with contextlib.suppress(UsageError):
        _rules(path)


def observe(case: Case) -> dict[str, Any]:
    """Eager outcome of a case as plain data, with the seconds that it took."""
    eager = run_case(Eager(), case, None)
    return {"eager": eager.to_data(), "seconds": {"eager": eager.seconds.get("total", 0.0)}}


def refer(case: Case, repeats: int = 1) -> dict[str, Any]:
    """Eager outcome and reference of a case as plain data, with the seconds that each took."""
    # Drawn once: eager is given copies, and the reference, which may write them, comes last.
    inputs = make_inputs(case)
    eager = run_case(Eager(), case, None, repeats=repeats, inputs=inputs)
    start = time.perf_counter()
    found = evaluate(case, eager, inputs) if eager.kind == "values" else None
    spent = time.perf_counter() - start
    return {
        "eager": eager.to_data(),
        "reference": None if found is None else found.to_data(),
        "seconds": {"eager": eager.seconds.get("total", 0.0), "reference": spent},
    }


def make(request: dict[str, Any]) -> dict[str, Any]:
    """Cases of the campaign ``seed`` under ``options`` (a JSON text).

    Each of ``plans`` has an ``index``, and ``only``: None, or the ``target`` with its ``versions`` to whose calls the
    case is to keep. Each of the answer's items has the case's ``text`` and what ``observe`` says of it; its reference
    is evaluated (``serve``) when something has to be judged by it.
    """
    generator = generator_for(request["options"])
    items = []
    for plan in request["plans"]:
        start = time.perf_counter()
        case = generator.case(request["seed"], plan["index"], calls_of(plan["only"]))
        spent = time.perf_counter() - start
        item = observe(case)
        item["seconds"]["generate"] = spent
        items.append({"index": plan["index"], "text": case.text, **item})
    return {"items": items}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Eager outcome and reference of the case ``case``, run ``repeats`` times."""
    return refer(parse_case(request["case"]), request.get("repeats", 1))
