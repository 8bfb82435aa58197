"""A survey: every documented operator's constraints, its valid calls, and the probes made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random
from typing import TypeVar

from ..records import RecordBase
from ..traces.call import Call
from ..traces.changes import change
from ..traces.labelling import Labeller
from .calls import Bound, drawn, is_operator, recorded
from .facts import Constraints, Fact
from .openings import openings
from .probes import CONFORMING, OPEN, RANDOM, VIOLATING, Change, Probe, probes, several
from .readers.modules import Documentation
from .rules import Rules
from .schemas import drawn_by_types

T = TypeVar("T")

# Calls tried from constraints alone for an operator without records.
_DRAWN = 8
# How much later mistyped probes come, where 1.0 is after all others.
_LATER = 0.75
# Valid calls that an operator's probes start from; one of each structure.
_BASES = 6


@dataclass
class Surveyed:
    """One operator: its documentation, constraints by parameter, and valid calls to start from."""

    entry: Documentation
    constraints: dict[str, Constraints]
    bases: list[Bound] = field(default_factory=list)

    @property
    def api(self) -> str:
        return self.entry.api


# What a method, alias or in-place form says instead of documenting its parameters again.
_SEE = re.compile(
    r"(?:See|In-place version of|Alias (?:for|of)|out-of-place version of)\s+:(?:func|meth|"
    r"attr):`~?([\w.]+?)(?:\(\))?`",
    re.IGNORECASE,
)


def resolved(entries: Sequence[Documentation]) -> list[Documentation]:
    """Entries where those that only refer to another one have its parameters, and its signature if they state none."""
    by_name = {entry.api: entry for entry in entries}
    found = []
    for entry in entries:
        other: Documentation | None = entry
        for _ in range(3):  # "In-place version of Tensor.add", "see torch.add"
            if other is None or other.parameters:
                break
            match = _SEE.search(other.text)
            name = match[1] if match else ""
            other = next((by_name[n] for n in (name, f"torch.{name}", f"torch.Tensor.{name}") if n in by_name), None)
        if other is not None and other is not entry and other.parameters:
            entry = replace(entry, parameters=other.parameters, signature=entry.signature or other.signature)
        found.append(entry)
    return found


def surveyed(entries: Sequence[Documentation], rules: Rules) -> list[Surveyed]:
    """Constraints of all documented parameters; those of one operator once, though several docstrings name it."""
    found = []
    for entry in resolved(entries):
        names = {p.name for p in entry.parameters} | set(entry.signature.names if entry.signature else ())
        found.append(Surveyed(entry, {p.name: rules.read(p, names) for p in entry.parameters}))
    return found


def with_bases(items: Iterable[Surveyed], records: RecordBase, labeller: Labeller, seed: int) -> list[Surveyed]:
    """Those operators that valid calls are known of: recorded ones, or else drawn ones that eager torch accepts."""
    candidates: list[tuple[Surveyed, Bound]] = []
    for item in items:
        if not item.constraints:
            continue
        found = recorded(item.entry, records, _BASES) or list(drawn(item.entry, item.constraints, seed, _DRAWN))
        candidates += [(item, bound) for bound in found]
    labels = dict(labeller.labels(call for call in dict.fromkeys(bound.call() for _, bound in candidates)))
    chosen: dict[int, Surveyed] = {}
    for item, bound in candidates:
        if not labels[bound.call()][0] and len(item.bases) < _BASES:
            item.bases.append(bound)
            chosen[id(item)] = item
    return list(chosen.values())


def plan(items: Iterable[Surveyed], ratio: float, most: int, seed: int) -> Iterator[tuple[Surveyed, Probe]]:
    """Probes of all operators, operators in turn, so that any prefix covers many; at most ``most``.

    ``ratio`` is the share of violating ones, a tenth of which break two statements at once; half of the others change
    what documentation leaves open.
    """
    queues = [(item, _probes(item, ratio, Random(f"{seed} {item.api}"))) for item in shuffled(items, seed)]
    return _in_turn(queues, most)


def shuffled(items: Iterable[Surveyed], seed: int) -> list[Surveyed]:
    """Operators in an order of their own, so that a budget that ends early has met functions and methods alike."""
    return sorted(items, key=lambda item: Random(f"{seed} {item.api} order").random())


def _in_turn(queues: Sequence[tuple[Surveyed, Iterator[T]]], most: int) -> Iterator[tuple[Surveyed, T]]:
    """One of each queue after the other, as long as there are any; at most ``most``."""
    made = 0
    while queues and made < most:
        left = []
        for item, queue in queues:
            found = next(queue, None)
            if found is None:
                continue
            left.append((item, queue))
            made += 1
            yield item, found
            if made >= most:
                return
        queues = left


def plan_by_types(items: Iterable[Surveyed], most: int, seed: int) -> Iterator[tuple[Surveyed, Probe]]:
    """What ``plan`` is measured against: arguments drawn by the types of schemas alone, operators in turn."""
    nothing = Fact("none", "", "no statement")
    queues = [
        (item, drawn_by_types(item.api, Random(f"{seed} {item.api}")))
        for item in shuffled(items, seed)
        if is_operator(item.api)
    ]
    for item, call in _in_turn(queues, most):
        yield item, Probe(call, RANDOM, call, (Change("", nothing, "drawn by types", None),))


def plan_unconstrained(items: Iterable[Surveyed], most: int, seed: int) -> Iterator[tuple[Surveyed, Probe]]:
    """What ``plan`` is measured against too: the same valid calls, changed at random without looking at
    documentation."""
    ready = [(item, Random(f"{seed} {item.api}"), set[Call]()) for item in shuffled(items, seed)]
    nothing = Fact("none", "", "no statement")
    made = attempts = 0
    # Calls without anything to change would be asked for ever.
    while made < most and attempts < 20 * most and ready:
        for item, random, seen in ready:
            attempts += 1
            base = random.choice(item.bases).call()
            changed = change(base, random, {})
            if changed is None or changed[0] in seen:
                continue
            seen.add(changed[0])
            made += 1
            yield item, Probe(changed[0], RANDOM, base, (Change("", nothing, changed[1], None),))
            if made >= most:
                return


def _probes(item: Surveyed, ratio: float, random: Random) -> Iterator[Probe]:
    kinds: dict[str, list[Probe]] = {CONFORMING: [], VIOLATING: [], OPEN: []}
    seen: set[Call] = set()
    for base in item.bases:
        for probe in chain(probes(base, item.constraints), openings(base, item.constraints)):
            if probe.call not in seen:
                seen.add(probe.call)
                kinds[probe.kind].append(probe)
        double = several(base, item.constraints, random)
        if double is not None and double.call not in seen:
            seen.add(double.call)
            kinds[VIOLATING].append(double)
    for group in kinds.values():
        # From the end: most of what no operator would see comes last.
        group.sort(key=lambda probe: random.random() - _LATER * probe.mistyped)
    while any(kinds.values()):
        kind = VIOLATING if random.random() < ratio else random.choice((CONFORMING, OPEN))
        if not kinds[kind]:
            left = [name for name, found in kinds.items() if found and (ratio if name == VIOLATING else 1 - ratio)]
            if not left:
                return
            kind = random.choice(left)
        yield kinds[kind].pop()
