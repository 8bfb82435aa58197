"""What a parameter's facts say together: readings that others of the same parameter rule out are left out.

Sentences are read one by one, so that one may be taken for what it is not: "the number of elements" in the description
of a string is no bound of it. What the documented type says outright decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from .bounds import interval
from .facts import Fact
from .normal import DEFAULT, TEXT, TYPE

_TEXTUAL = frozenset({"string", "dtype", "bool"})
# What a sentence may be taken for beside another one that says it more exactly.
_GENERAL = {
    "int": frozenset({"int32", "int64"}),
    "dtype": frozenset({"int32", "int64", "float16", "float32", "float64"}),
}
_CALLABLES = ("callable", "function")


def consistent(facts: Iterable[Fact], documented_type: str = "") -> list[Fact]:
    """The facts that remain: a default lists no alternatives, strings and switches have no bounds, a callable's
    description speaks of its arguments, and of two bounds where one holds the other the narrower was meant."""
    kept = [fact for fact in facts if not (fact.category == "enum" and fact.field == DEFAULT)]
    words = documented_type.lower().replace(",", " ").split()
    if words[:1] and words[0] in _CALLABLES and "or" not in words:
        return [fact for fact in kept if fact.field == TYPE]
    stated = {fact.value for fact in kept if fact.category == "dtype" and fact.field == TYPE}
    said = stated or {fact.value for fact in kept if fact.category == "dtype"}
    if said and said <= _TEXTUAL:
        kept = [fact for fact in kept if fact.category != "range"]
    said = {fact.value for fact in kept if fact.category == "dtype"}
    tensor = any(fact.category == "structure" and fact.value == "tensor" for fact in kept)
    general = {name for name, narrower in _GENERAL.items() if said & narrower} | ({"dtype"} if tensor else set())
    kept = [fact for fact in kept if not (fact.category == "dtype" and fact.field == TEXT and fact.value in general)]
    ranges = {fact.value for fact in kept if fact.category == "range"}
    return [fact for fact in kept if fact.category != "range" or not any(_holds(fact.value, it) for it in ranges)]


def _holds(outer: str, inner: str) -> bool:
    """Whether one range properly holds another."""
    if outer == inner:
        return False
    left, right = interval(outer), interval(inner)
    if left is None or right is None:
        return False
    low = left.low < right.low or (left.low == right.low and (left.closed[0] or not right.closed[0]))
    high = left.high > right.high or (left.high == right.high and (left.closed[1] or not right.closed[1]))
    return low and high
