"""Measures what TVM's passes need: ``python -m misfold.fuzz.kernels.prerequisites --count 20 --out FILE``.

Each pass is run on seeds after every prefix of the default order. Where it raises, ends the process, or leaves a
function that is not well-formed, after short prefixes but after no longer ones, it needs the pass in between; where it
does after long prefixes but not after shorter ones, it must not follow the pass in between. The file says with each
relation how many programs showed it. What passes do silently without what they need is not measured: those relations
are stated in ``targets/kernels/tvm_pipelines.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from misfold.programs.kernel_tvmscript import parse_tvmscript_case
from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.isolation.slot import Slot
from misfold.targets.kernels import registry
from misfold.targets.kernels.tvm_pipelines import DEFAULT, PASS_SPACE

from . import seeds

SERVICE = "misfold.fuzz.kernels.prerequisites:probe"
#: A relation is kept if so many programs show it: one alone may be a bug.
LEAST = 2


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """Whether each of ``passes`` works on the function of the case ``case`` after each prefix of the default order.

    ``works`` has for each pass one number for each prefix: 1, 0, or -1 where the prefix itself does not work.
    """
    import tvm
    from tvm import s_tir, tirx

    from misfold.targets.kernels.tvm import completed, made_passes, parse_script

    def applied(module: Any, one: Any) -> Any | None:
        try:
            made = one(module)
        except Exception:  # TVM says in many ways that a pass does not work here
            return None
        return made if s_tir.analysis.verify_well_formed(made, assert_mode=False) else None

    case = parse_tvmscript_case(request["case"])
    target = tvm.target.Target({"kind": "llvm"})
    names = dict.fromkeys((*DEFAULT, *request["passes"]))
    # Completed with nothing, the passes have the parameters that they need.
    made = dict(made_passes("prerequisites", completed([(name, {}) for name in names], ())))
    with tvm.transform.PassContext(opt_level=2):
        module = tvm.IRModule({"main": parse_script(case.script)})
        modules = [tirx.transform.BindTarget(target.with_host(target))(module)]
        for name in DEFAULT:
            modules.append(None if modules[-1] is None else applied(modules[-1], made[name]))
        works = {}
        for name in request["passes"]:
            words = partial(_word, modules, made[name], applied)
            works[name] = _in_children(len(modules), words)
    return {"works": works}


def _word(modules: Sequence[Any], one: Any, applied: Callable[[Any, Any], Any], place: int) -> int:
    return -1 if modules[place] is None else int(applied(modules[place], one) is not None)


def _in_children(count: int, work: Callable[[int], int]) -> list[int]:
    """What ``work`` gives for the numbers below ``count``, worked out in forked processes: 0 where one dies."""
    found: list[int] = []
    while len(found) < count:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                for number in range(len(found), count):
                    os.write(writing, bytes([work(number) + 1]))
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as pipe:
            found += [byte - 1 for byte in pipe.read()]
        os.waitpid(child, 0)
        if len(found) < count:
            found.append(0)
    return found


def relations(results: Sequence[dict[str, list[int]]]) -> dict[str, dict[str, Any]]:
    """For each pass ``after`` and ``not_after``: names of passes, with how many programs showed it."""
    found: dict[str, dict[str, Any]] = {}
    for name in PASS_SPACE.passes:
        rows = [one[name] for one in results if name in one]
        failing = [sum(row[place] == 0 for row in rows) for place in range(len(DEFAULT) + 1)]
        after = not_after = None
        good = [place for place, count in enumerate(failing) if count == 0]
        if good and good[0] > 0:
            after = (DEFAULT[good[0] - 1], max(failing[: good[0]]))
        if good and good[-1] < len(DEFAULT):
            not_after = (DEFAULT[good[-1]], max(failing[good[-1] + 1 :]))
        entry = {
            kind: {"pass": pair[0], "programs": pair[1]}
            for kind, pair in (("after", after), ("not_after", not_after))
            if pair is not None and pair[1] >= LEAST
        }
        if entry:
            found[name] = {**entry, "failing": failing}
    return found


def measure(count: int, seed: int) -> dict[str, Any]:
    """Probe all passes on ``count`` seeds, in isolated workers; everything that the file holds."""
    system = registry.get("tvm")
    results: list[dict[str, list[int]]] = []
    died = refused = 0
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        server = ForkServer(seeds.SERVER, [seeds.PRELOAD], Path(folder), Limits(seconds=60), {})
        server.start()
        slot = Slot(server)
        try:
            number = 0
            while len(results) < count:
                plan = {"plans": [{"what": "generate", "seed": seed * 1_000_003 + number}]}
                number += 1
                item = (slot.call(seeds.MAKE, plan, 60).data or {"items": [{}]})["items"][0]
                if "text" not in item:
                    continue
                answer = slot.call(SERVICE, {"case": item["text"], "passes": list(PASS_SPACE.passes)}, 120)
                if answer.data is None:
                    died += 1
                    continue
                works = answer.data["works"]
                if any(-1 in row for row in works.values()):
                    # The default order itself does not work on it: that is a bug, and says nothing of others.
                    refused += 1
                    continue
                results.append(works)
        finally:
            slot.close()
            server.close()
    return {
        "what": "measured prerequisites of passes; see misfold.fuzz.kernels.prerequisites",
        "versions": dict(system.versions()),
        "command": f"python -m misfold.fuzz.kernels.prerequisites --count {count} --seed {seed}",
        "programs": len(results),
        "died": died,
        "default order does not work": refused,
        "passes": relations(results),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.count, arguments.seed), indent=1) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
