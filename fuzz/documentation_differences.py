"""Calls on eager torch and on other sides, held against each other: what differs, confirmed in a fresh process."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from misfold.generators.documentation import script
from misfold.generators.documentation.probes import Probe
from misfold.generators.documentation.sides import STAMPED, TARGETS, UNSUPPORTED
from misfold.generators.traces.call import Call
from misfold.generators.traces.drawing import WIDE
from misfold.programs.hashing import text_hash
from misfold.targets.isolation import Answer, ForkServer, Limits, Slot
from misfold.targets.isolation.limits import GIB
from misfold.targets.running import FAMILY, PRELOAD

_SERVICE = "misfold.generators.documentation.trying:serve"
# What one call may take with all its compiles, an Inductor compile on a loaded machine included.
_SECONDS = 60.0
#: Errors of torch.compile that say that it does not take a program: honest, and no difference in acceptance.
_HONEST = (
    UNSUPPORTED,
    "Unsupported",
    "BackendCompilerFailed: NotImplementedError",
    "BackendCompilerFailed: Unsupported",
    "NotImplementedError",
    "DataDependent",
    "UserError",
)
#: An error that says by itself that it is no answer to a user but a defect.
_INTERNAL = ("INTERNAL ASSERT", "please report", "SystemError", "std::")
DEATHS = ("crash", "hang", "memory")
KINDS = {
    "crash": "the process dies",
    "hang": "the call never returns",
    "memory": "memory is exhausted",
    "stamped": "memory around an input is written",
    "internal": "an internal error is the answer",
    "accepted": "accepted where eager torch refuses",
    "refused": "refused where eager torch accepts",
}
# A call that was given an integer of this size was asked for work without end: no answer to it is a defect.
_WORK = 2**31

Tell = Callable[[str, int, int], None]


@dataclass
class Difference:
    """What one or several calls show; ``kind`` is one of ``KINDS``, ``backend`` the side ("eager" for eager torch)."""

    kind: str
    api: str
    backend: str
    call: str
    eager: str
    compiled: str
    statement: str
    script: str
    draw: str = ""
    apis: list[str] = field(default_factory=list)
    seen: int = 1

    @property
    def key(self) -> str:
        """What two calls of one difference share: messages name the operator where it is the operator's own."""
        api = self.api if self.kind in DEATHS or self.kind == "stamped" else ""
        return text_hash(f"{self.kind}\n{api}\n{self.backend}\n{self.eager}\n{self.compiled}")

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "kind": self.kind, "title": KINDS[self.kind], "apis": self.apis or [self.api], "backend": self.backend,
            "call": self.call, "elements": self.draw, "eager": self.eager, "compiled": self.compiled,
            "statement": self.statement, "seen": self.seen, "script": self.script,
        }  # fmt: skip


@dataclass
class Compared:
    """What comparing found. ``counts`` are of (call, side, draw) by outcome."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: dict[str, Difference] = field(default_factory=dict)
    #: Operators of which a call was compared, and calls by side.
    apis: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)

    def add(self, found: Difference) -> None:
        """Keep a difference, or count it with the one like it."""
        known = self.differences.setdefault(found.key, found)
        if known is not found:
            known.seen += 1
        if found.api not in known.apis:
            known.apis.append(found.api)


def compare(
    chosen: Sequence[tuple[str, Probe]],
    sides: Mapping[str, int],
    tell: Tell,
    deadline: float | None,
    suspects: Sequence[tuple[str, Probe, str]] = (),
) -> Compared:
    """Probes of operators (name, probe) on every side, on each the first so many of them.

    ``suspects`` took an eager process down (crash, hang, memory): they are made once more alone, with more time.

    Raises:
        TargetError: no worker can be had.
    """
    result = Compared()
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        limits = Limits(seconds=_SECONDS, memory=2 * GIB)
        family = [side for side in sides if side in TARGETS]
        environment = {"TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor", "TMPDIR": folder, FAMILY: ",".join(family)}
        preload = ["torch", "misfold.generators.documentation.trying:prepare", *([PRELOAD] if family else [])]
        with (
            ForkServer("documentation", preload, Path(folder) / "workers", limits, environment) as server,
            Slot(server) as slot,
        ):
            asking = _Asking(server, slot, result)
            for api, probe, kind in suspects:
                asking.suspect(api, probe, kind)
            for done, (api, probe) in enumerate(chosen):
                if deadline is not None and time.monotonic() > deadline:
                    break
                wanted = [side for side, most in sides.items() if done < most]
                if not wanted:
                    break
                tell("calls compiled", done, len(chosen))
                asking.compare(api, probe, wanted)
    return result


class _Asking:
    """Asks workers and judges their answers."""

    def __init__(self, server: ForkServer, slot: Slot, result: Compared):
        self._server, self._slot, self._result = server, slot, result

    def suspect(self, api: str, probe: Probe, kind: str) -> None:
        """What took down an eager worker, once more in a fresh one."""
        answer = self._fresh(probe.call, [])
        if answer.kind not in DEATHS:
            self._result.counts["dead once, and not again"] += 1
        elif answer.kind != "crash" and _asks_for_work(probe.call):
            self._result.counts["asked for work without end"] += 1
        else:
            self._result.add(_difference(answer.kind, api, probe, "eager", _reason(answer), "", 0))

    def compare(self, api: str, probe: Probe, sides: Sequence[str]) -> None:
        """One probe on some sides."""
        self._result.apis.add(api)
        self._result.calls.update(sides)
        answer = self._slot.call(_SERVICE, {"call": probe.call.to_data(), "sides": list(sides)})
        if answer.kind not in DEATHS:
            self._judge(api, probe, sides, answer)
            return
        # Which side it was is asked one by one.
        for side in ("", *sides):
            alone = self._fresh(probe.call, [side] if side else [])
            if alone.kind in DEATHS and not side:
                self.suspect(api, probe, alone.kind)
                return
            self._judge(api, probe, [side] if side else [], alone)

    def _fresh(self, call: Call, sides: Sequence[str]) -> Answer:
        """The answer of a worker that nothing has happened to."""
        with Slot(self._server) as slot:
            return slot.call(_SERVICE, {"call": call.to_data(), "sides": list(sides)})

    def _judge(self, api: str, probe: Probe, sides: Sequence[str], answer: Answer) -> None:
        result = self._result
        if answer.kind != "ok" or answer.data is None:
            result.counts[answer.kind] += 1
            if answer.kind in DEATHS and not (answer.kind != "crash" and _asks_for_work(probe.call)):
                result.add(_difference(answer.kind, api, probe, ", ".join(sides), "", _reason(answer), 0))
            return
        found = list(_differences(api, probe, answer.data, result.counts))
        if not found:
            return
        fresh = [item for item in found if item.key not in result.differences]
        confirmed = {item.key for item in found} - {item.key for item in fresh}
        if fresh:
            again = self._fresh(probe.call, sides)
            if again.kind == "ok" and again.data is not None:
                confirmed |= {item.key for item in _differences(api, probe, again.data, Counter())}
        for item in found:
            if item.key in confirmed:
                result.add(item)
            else:
                result.counts["not confirmed"] += 1


def _differences(api: str, probe: Probe, data: Mapping[str, Any], counts: Counter[str]) -> Any:
    """What an answer shows, with ``counts`` of all outcomes."""
    for draw, (eager, _) in zip(data["draws"], data["eager"]):
        if any(text in eager for text in _INTERNAL):
            yield _difference("internal", api, probe, "eager", eager, "", draw)
    for side, told in data["sides"].items():
        for draw, (eager, _), (other, _) in zip(data["draws"], data["eager"], told["results"]):
            state = _state(eager, other, bool(told["graphs"]))
            counts[f"{side}: {state}"] += 1
            if state in KINDS:
                yield _difference(state, api, probe, side, eager, other, draw)


def _state(eager: str, other: str, compiled: bool) -> str:
    if other.startswith(STAMPED):
        return "stamped"
    if eager and not other:
        # Accepted with nothing compiled is accepted by a rewriting in front of the backend: no less a difference.
        return "accepted"
    if other and any(text in other for text in _INTERNAL) and not any(text in eager for text in _INTERNAL):
        return "internal"
    if other and not eager:
        return "unsupported" if any(text in other for text in _HONEST) else "refused"
    if eager:
        return "refused alike"
    return "accepted alike" if compiled else "accepted alike, nothing compiled"


def _asks_for_work(call: Call) -> bool:
    from misfold.generators.traces.arguments import leaves

    arguments = (*call.args, *(value for _, value in call.kwargs))
    return any(type(leaf) is int and abs(leaf) >= _WORK for item in arguments for leaf in leaves(item))


def _reason(answer: Answer) -> str:
    death = answer.death
    return answer.kind if death is None else f"{death.type}: {death.message}"[:200]


def _difference(kind: str, api: str, probe: Probe, side: str, eager: str, compiled: str, draw: int) -> Difference:
    first = probe.changes[0]
    verb = {"conforming": "keeps", "violating": "breaks"}.get(probe.kind)
    about = f" ({verb} {first.fact.quote[:200]!r})" if verb else ""
    statement = f"{first.parameter}: {first.what}{about}" if first.parameter else first.what
    if draw == WIDE and eager:
        statement = f"elements that eager torch refuses, in a call with {statement}"
    backend = side.partition(",")[0]
    text = script.difference(probe.call, backend, draw == WIDE)
    wild = "wild" if draw == WIDE else ""
    return Difference(kind, api, side, probe.call.text(), eager, compiled, statement, text, wild, [api])
