"""Rules as text for people: the structure, the mathematics, the scores, and the calls that pin the rule down."""

from __future__ import annotations

from collections.abc import Iterator

from misfold.programs.errors import MisfoldError

from .dtypes import DtypeRule
from .expressions import Undefined
from .rule import Evidence, Rule


def rule_lines(rule: Rule, evidence: bool = True) -> Iterator[str]:
    """A rule, one line after another."""
    yield rule.structure.text
    if rule.reason:
        yield f"  records only: {rule.reason}"
    for line in rule.text.splitlines():
        yield f"  {line}"
    for line in dtype_lines(rule.dtypes):
        yield f"  {line}"
    if rule.values:
        yield "  valid for some elements of the tensors only"
    scores = rule.scores
    if scores.calls:
        yield (
            f"  held out: {scores.calls} calls; shapes {scores.shapes}/{scores.accepted}, "
            f"element types {scores.dtypes}/{scores.accepted}, "
            f"precision {scores.precision:.3f}, recall {scores.recall:.3f}"
        )
    if evidence and rule.evidence:
        yield "  pinned down by"
        for item in rule.evidence:
            yield f"    {evidence_text(rule, item)}"


def dtype_lines(rule: DtypeRule) -> Iterator[str]:
    """Which element types go in, and what comes out."""
    if rule.listed is not None:
        items = [", ".join(types) for types in sorted(rule.listed)]
        shown = "; ".join(items[:6]) + (f"; … ({len(items)} combinations)" if len(items) > 6 else "")
        yield f"takes {shown}"
    else:
        for group, names in enumerate(rule.sets):
            tensors = [str(place) for place, mine in enumerate(rule.groups) if mine == group]
            same = " alike" if len(tensors) > 1 else ""
            yield f"tensor {', '.join(tensors)}{same}: {', '.join(names)}"
    words = list(dict.fromkeys(rule.families))
    text = words[0] if len(words) == 1 else ", ".join(rule.families)
    yield f"gives {text}"


def evidence_text(rule: Rule, item: Evidence) -> str:
    """A call and what became of it."""
    values = dict(zip(rule.symbols, item.values))
    try:
        call = rule.structure.build(values, item.dtypes).text()
    except MisfoldError:
        return f"{item.values}: {item.error}"
    if item.error:
        return f"{call}  ->  {item.error}"
    if not rule.cases:
        return call
    try:
        return f"{call}  ->  {', '.join(map(str, rule.output_types(values, item.dtypes)))}"
    except (Undefined, ValueError, MisfoldError):
        return call
