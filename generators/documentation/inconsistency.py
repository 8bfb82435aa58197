"""Documentation against behaviour: statements that eager torch contradicts, one report each.

A statement is one sentence about one parameter. Docstrings that share it (a family of classes, a method and its
function) make one report that lists them all. What a call that is refused or accepted shows:

- a listed value that every valid call refuses once it is put in, with a message that speaks of it;
- a value that is not listed, an element outside the stated range, or a dimension too many, and yet accepted;
- a shape of other dimensions than any that is stated, and yet accepted;
- a stated default that is not the signature's, a parameter that the signature does not have, or has without a default
  though it is said to be optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from misfold.programs.hashing import text_hash
from misfold.programs.types import TensorType

from ..traces.call import Call
from ..traces.errors import is_death
from ..traces.executing import LEFT_OUT
from . import script
from .defaults import same, stated_default
from .facts import Fact
from .labels import Label
from .normal import DEFAULT, TEXT, sentences
from .probes import CONFORMING, EXACT, OPEN, Probe
from .readers.modules import Documentation
from .readers.signatures import literal

# Under a condition a statement holds sometimes, and alternatives or a default are none.
_CONDITION = re.compile(
    r"\b(?:if|when|unless|where|only|default|defaults|e\.g|example|effect)\b|\bor a\b", re.IGNORECASE
)
_SIGN = re.compile(
    r"\bmust be (?:a )?positive|\bnon-?negative|\bpositive (?:integer|int|number|scalar|float)", re.IGNORECASE
)

# How a description says what a tensor's own shape is.
_SHAPED = re.compile(r"\b(?:tensors?|input|weights?|filters|bias|target|batch)\b.{0,20}\bof (?:shape|size)\b", re.I)
# "(Tensor, optional)" says that a parameter may be left out, "Optional[Tensor]" that it may be None.
_OPTIONAL = re.compile(r"(?:^|[,(] ?)optional\b")
# Sections on what an object is called with, not on its constructor's parameters.
_CALLED_WITH = (": Shape", ": Inputs")
# What stands for parameters, and is none.
_STANDING_FOR = frozenset({"args", "kwargs", "self", "cls"})

# What a message says that refuses a value as such, and not for what else the call has.
_INVALID = re.compile(
    r"invalid|not (?:a )?valid|unknown|unsupported|not supported|unrecogni[sz]ed|not recogni[sz]ed|must be "
    r"(?:one of|either)|"
    r"expected one of|should be one of|not implemented for|expected .*(?:dtype|scalar type)|(?:dtype|type) .*expected"
)

KINDS = {
    "refused": "a documented value is refused",
    "accepted": "what documentation rules out is accepted",
    "default": "the documented default is not the actual one",
    "dtype": "a documented element type is not supported",
    "shape": "a call breaks the documented shape and is valid",
    "unknown": "a documented parameter does not exist",
    "required": "a parameter documented as optional is required",
}


@dataclass
class Inconsistency:
    """One contradicted statement. ``apis`` share it; ``what`` is shown by ``script``; ``calls`` counts the evidence."""

    kind: str
    apis: list[str]
    parameter: str
    quote: str
    location: str
    what: str
    script: str
    calls: int = 1
    evidence: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What two reports of one statement share."""
        return text_hash(f"{self.kind}\n{self.parameter}\n{self.quote}")

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "kind": self.kind, "title": KINDS[self.kind], "apis": self.apis, "parameter": self.parameter,
            "quote": self.quote,
            "location": self.location, "what": self.what, "calls": self.calls, "evidence": self.evidence[:3],
            "script": self.script,
        }  # fmt: skip


def of_defaults(entries: Iterable[Documentation]) -> list[Inconsistency]:
    """Stated defaults that differ from the signature's. ``None`` in a signature may stand for a value that is filled in
    later, and is no contradiction."""
    found = []
    for entry in entries:
        for parameter in entry.parameters:
            stated = stated_default(parameter.description)
            fine, actual = literal(parameter.default)
            if stated is None or not fine or actual is None or same(stated[0], actual) or not _inspectable(entry):
                continue
            value, quote = stated
            what = f"{entry.api}: {parameter.name} is documented to be {value!r} by default and is {actual!r}"
            text = script.default(what, quote, parameter.where, entry.api, parameter.name, value)
            found.append(
                Inconsistency(
                    "default", [entry.api], parameter.name, parameter.description, parameter.where, what, text
                )
            )
    return merged(found)


def of_signatures(entries: Iterable[Documentation]) -> list[Inconsistency]:
    """Documented parameters that Python's own signature does not have, or has without a default though the
    documented type says "optional"."""
    found = []
    for entry in entries:
        signature = entry.signature
        if signature is None or not signature.actual or signature.open or not _is_public(entry.api):
            continue
        for parameter in entry.parameters:
            if parameter.where.endswith(_CALLED_WITH) or parameter.name in _STANDING_FOR:
                continue
            optional = _OPTIONAL.search(parameter.type) is not None
            if parameter.name not in signature.names:
                kind, what = "unknown", f"{entry.api} has no parameter {parameter.name}"
            elif optional and parameter.name not in signature.defaults:
                kind, what = "required", f"{entry.api}: {parameter.name} is documented to be optional and is required"
            else:
                continue
            quote = f"{parameter.name} ({parameter.type}): {parameter.description}"
            text = script.signature(what, quote, parameter.where, entry.api, parameter.name, kind)
            found.append(Inconsistency(kind, [entry.api], parameter.name, quote, parameter.where, what, text))
    return merged(found)


def _is_public(api: str) -> bool:
    return not any(part.startswith("_") for part in api.split("."))


def _inspectable(entry: Documentation) -> bool:
    """Whether the signature is Python's own; one that is read from the same docstring proves nothing against it."""
    return entry.signature is not None and entry.signature.actual


def of_behaviour(
    probes: Iterable[tuple[str, Probe]], labels: Mapping[Call, tuple[str, Any, str]]
) -> list[Inconsistency]:
    """Statements that the outcomes of single-change probes contradict; ``labels`` are those of ``traces.labelling``."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[Probe, str]]] = {}
    for api, probe in probes:
        if len(probe.changes) != 1 or probe.kind == OPEN:
            continue
        change, error = probe.changes[0], labels[probe.call][0]
        # The default by itself has a check of its own, and a dtype is refused for the base's sake as often as not.
        if change.fact.category == "default" or error[:1] == LEFT_OUT or is_death(error):
            continue
        # Each listed value is a statement of its own; what breaks a statement breaks the sentence.
        value = change.fact.value if probe.kind == CONFORMING else change.what
        groups.setdefault((api, change.parameter, change.fact.quote, probe.kind, value), []).append((probe, error))
    found = []
    for (api, name, quote, kind, _), outcomes in groups.items():
        probe = outcomes[0][0]
        fact = probe.changes[0].fact
        if kind == CONFORMING:
            report = _refused(api, name, quote, fact, outcomes)
        else:
            report = _accepted(api, name, quote, fact, outcomes)
        if report is not None:
            found.append(report)
    return merged(found)


def _refused(api: str, name: str, quote: str, fact: Fact, outcomes: list[tuple[Probe, str]]) -> Inconsistency | None:
    if not explicit(fact) or any(not error for _, error in outcomes):
        return None
    # Refusing for another reason (a size, a type) is none against the statement: the message must speak of the value.
    speaking = [(probe, error) for probe, error in outcomes if _speaks(error, name, fact.value)]
    if not speaking:
        return None
    probe, error = speaking[0]
    what = f"{api} refuses {name}={script.expression(probe.changes[0].value)}: {error}"
    text = script.behaviour(what, quote, f"{api}: {name}", probe.base, probe.call, True)
    kind = "dtype" if fact.category == "dtype" else "refused"
    return Inconsistency(kind, [api], name, quote, f"{api}: {name}", what, text, len(speaking), [error])


def explicit(fact: Fact) -> bool:
    """Whether a sentence states a constraint outright: names its values, dimensions or bounds, without a condition.

    "Number of groups" makes zero and more likely, which is good for making calls, but states nothing.
    """
    if fact.category == "dtype":
        # "LongTensor" says it outright; "int" may stand for a number, and "float" for any of them.
        return fact.value in EXACT and fact.field != DEFAULT and not _CONDITION.search(fact.quote)
    if fact.category == "shape":
        # "where C is …" says what a name means; "(N, C) if …" is a condition.
        plainly = re.sub(r"\bwhere\b.*", "", fact.quote)
        return fact.field == TEXT and _SHAPED.search(plainly) is not None and not _CONDITION.search(plainly)
    if fact.category not in ("enum", "range", "ndim") or fact.field != TEXT or _CONDITION.search(fact.quote):
        return False
    parts = sentences(fact.quote)
    if fact.category == "range" and _SIGN.search(fact.quote):
        return fact.value in ("(0,inf)", "[0,inf)")
    return any(fact.value in Label(fact.category, "COPY").read(part) for part in parts)


def _speaks(error: str, name: str, value: str) -> bool:
    message = error.partition(":")[2].lower()
    if not _INVALID.search(message):
        return False
    words = re.findall(r"[\w.]+", message)
    return value.lower() in words or name.lower() in words or "implemented" in words


def _accepted(api: str, name: str, quote: str, fact: Fact, outcomes: list[tuple[Probe, str]]) -> Inconsistency | None:
    if not explicit(fact) or (fact.category == "dtype" and not isinstance(outcomes[0][0].changes[0].value, TensorType)):
        # Python takes anything for a switch; that is no statement about elements.
        return None
    taken = [probe for probe, error in outcomes if not error]
    if not taken:
        return None
    probe = taken[0]
    what = f"{api} accepts {probe.changes[0].what} for {name}: {name}={script.expression(probe.changes[0].value)}"
    text = script.behaviour(what, quote, f"{api}: {name}", probe.base, probe.call, False)
    kind = "shape" if fact.category == "shape" else "accepted"
    return Inconsistency(
        kind, [api], name, quote, f"{api}: {name}", what, text, len(taken), [p.call.text() for p in taken[:3]]
    )


def merged(found: Iterable[Inconsistency]) -> list[Inconsistency]:
    """One report per statement, with all operators that share it."""
    reports: dict[str, Inconsistency] = {}
    for item in found:
        known = reports.setdefault(item.key, item)
        if known is not item:
            known.apis += [api for api in item.apis if api not in known.apis]
            known.calls += item.calls
            known.evidence += item.evidence
    return list(reports.values())
