"""Whether a finding is ready to be reported: the rules of thumb by which maintainers take a report seriously.

They follow what PyTorch's template asks of fuzzers (default tolerances, a float64 baseline, equal random state, no
indices under ties) and what maintainers of PyTorch, TVM and ONNX Runtime answered to reports that were closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .facts import Facts

#: Oracles that compare numbers: only of these can rounding be the whole story.
_NUMERIC = ("values", "gradients", "mutation")
# What a script's line that says FAILS holds (``standalone``, ``kernel_standalone``) where nothing came to be compared,
# and the kinds of outcome that show so.
_ENDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^FAILS: (?:no result after|\S+ does not end within)", ("hang",)),
    (r"^FAILS: (?:the process died of|\S+ is killed by signal)", ("crash", "stamped")),
    (r"^FAILS: .*\braises\b", ("compile-error", "run-error")),
)


@dataclass(frozen=True)
class Objection:
    """Why a finding should not be reported: the rule's name, and what is the matter in one sentence."""

    rule: str
    why: str


def objections(facts: Facts) -> list[Objection]:
    """All that speaks against reporting, most important first; empty if nothing does."""
    return [Objection(rule, why) for rule, check in RULES.items() for why in check(facts)]


def _reproducing(facts: Facts) -> Iterator[str]:
    failed = sum(bool(trial.failure) for trial in facts.trials)
    if not failed:
        words = facts.trials[-1].words if facts.trials else "it was not run"
        yield f"it does not fail in a fresh process just now: {words}"
    elif facts.ran.result != "reproduces":
        yield f"the self-contained script does not show it just now: {facts.ran.result}"
    else:
        # On a busy machine a script may run out of time: it says that it fails, and shows something else.
        for pattern, kinds in _ENDS:
            found = re.search(pattern + ".*", facts.ran.output, re.MULTILINE)
            if found is not None and facts.kind not in kinds:
                yield f"the self-contained script shows another failure just now: {found[0][:120]}"


def _steady(facts: Facts) -> Iterator[str]:
    failed = [trial.failure for trial in facts.trials if trial.failure]
    if failed and len(failed) < len(facts.trials):
        yield f"it fails in {len(failed)} of {len(facts.trials)} fresh processes"
    if len(set(failed)) > 1:
        yield "it fails in different ways from process to process: " + "; ".join(sorted(set(failed)))[:300]
    if facts.oracle == "nondeterminism":
        yield "the result differs from run to run, as uninitialised memory or unordered threads do"
    if facts.status == "flaky":
        yield "its campaign saw it fail now and then only"


def _defined(facts: Facts) -> Iterator[str]:
    if facts.undefined:
        yield f"the program's meaning is undefined: {facts.undefined}"


def _comparable(facts: Facts) -> Iterator[str]:
    if facts.eager:
        yield f"the reference gives no result either ({facts.eager}): error messages that differ are no wrong result"


def _finite(facts: Facts) -> Iterator[str]:
    if facts.oracle == "nonfinite" or (facts.kind == "values" and facts.oracle in _NUMERIC and not facts.finite):
        yield "NaN or infinity is involved: with finite inputs and results on both sides it would say more"


def _beyond_rounding(facts: Facts) -> Iterator[str]:
    if facts.kind != "values" or facts.oracle not in _NUMERIC:
        return
    judged = [one for one in facts.measures if one.different and one.same is not None]
    if facts.verdict == "suspect" and judged and all(one.same for one in judged):
        yield "rounding explains it: torch._dynamo.utils.same with a float64 reference accepts the result"


def _right_side(facts: Facts) -> Iterator[str]:
    if facts.supports == "target":
        yield "float64 supports the target: eager is further off"


def _small(facts: Facts) -> Iterator[str]:
    if not facts.origin.reduced:
        yield "its case is not reduced: misfold reduce makes it smaller"


def _new(facts: Facts) -> Iterator[str]:
    if facts.status == "known":
        yield "it is a known issue"
    for one in facts.similar:
        if one.same:
            yield f"it is a known issue: {one.what}" + (f" ({one.link})" if one.link else "")


RULES: dict[str, Callable[[Facts], Iterator[str]]] = {
    "not reproducing": _reproducing,
    "flaky": _steady,
    "undefined behaviour": _defined,
    "no reference": _comparable,
    "non-finite": _finite,
    "rounding only": _beyond_rounding,
    "float64 disagrees": _right_side,
    "not reduced": _small,
    "known": _new,
}
