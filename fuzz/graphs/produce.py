"""The service of the reference workers that carries out the joint loop's plans: new graphs, and mutants of old ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from misfold.generators.options import Options
from misfold.mutators.graphs.mutate import Scope, mutate_graph, prepare
from misfold.programs.case import Case, parse_case
from misfold.programs.operators import operator_names

from .. import produce
from ..produce import calls_of, generator_for, observe, support_of

#: A mutant that the target of the plan is known to refuse is made anew so often at most.
_ATTEMPTS = 3


def warm_up() -> None:
    """As ``fuzz.produce.warm_up``, and what mutators need."""
    produce.warm_up()
    prepare()


def make(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out ``plans`` under the generator's ``options`` (a JSON text) and the campaign's ``seed``.

    Each plan has ``index``, ``what`` (``generate``, ``program``, ``pipeline``), ``seed`` and ``only`` (None, or a
    target with its versions: the calls that it takes are preferred); a mutation has ``text`` (the parent), ``mutator``
    and ``donors`` (texts) too. The items of the answer are as those of ``fuzz.produce.make``, or have just ``index``
    and a ``note`` that says why there is no case.
    """
    generator = generator_for(request["options"])
    items = []
    for plan in request["plans"]:
        start = time.perf_counter()
        if plan["what"] == "generate":
            case: Case | None = generator.case(request["seed"], plan["index"], calls_of(plan["only"]))
        elif plan["what"] == "pipeline":
            case = parse_case(plan["text"])
        else:
            case = _mutant(plan, generator.options)
        spent = time.perf_counter() - start
        if case is None:
            items.append({"index": plan["index"], "note": f"{plan['mutator']}: nothing to change"})
            continue
        if plan["what"] == "program":
            case = replace(case, about={"seed": request["seed"], "index": plan["index"], "mutator": plan["mutator"]})
        item = observe(case)
        item["seconds"]["generate"] = spent
        items.append({"index": plan["index"], "text": case.text, **item})
    return {"items": items}


def _mutant(plan: dict[str, Any], options: Options) -> Case | None:
    random = Random(plan["seed"])
    parent = parse_case(plan["text"])
    donors = [parse_case(text) for text in plan["donors"]]
    support = support_of(plan["only"])
    scope = Scope(_operators(options, plan["only"]), frozenset(options.dtypes), options.max_nodes)
    made = None
    for _ in range(_ATTEMPTS):
        again = mutate_graph(parent, random, donors, [plan["mutator"]], bounds=options.bounds, scope=scope)
        made = again or made
        if again is not None and (support is None or support.refused(again.graph) is None):
            return again
    return made


def _operators(options: Options, only: Mapping[str, Any] | None) -> frozenset[str] | None:
    """What a mutant may be made of: what a new program could be. None: anything."""
    return _admitted(options.include, options.exclude, calls_of(only))


@lru_cache(maxsize=16)
def _admitted(
    include: tuple[str, ...], exclude: tuple[str, ...], calls: frozenset[str] | None
) -> frozenset[str] | None:
    if calls is None and not include and not exclude:
        return None
    names = operator_names() if calls is None else {call.partition("(")[0] for call in calls}
    patterns = Options(include=include, exclude=exclude)
    return frozenset(name for name in names if patterns.admits(name))
