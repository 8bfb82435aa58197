"""Evolving the pipelines of graph targets: sets of changes to the default, put together out of the named pipelines.

A target names its pipelines; each is legal, and differs from the default by some options, passes left out and passes
put in. What differs is what pipelines are made of here, so that any target that names a few can be evolved, without
knowing what its options mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from random import Random
from typing import Any

from misfold.programs.pipeline import Pipeline

Step = tuple[str, Mapping[str, Any]]
#: ``("option", name)`` or ``("option", name, key)`` of an option that is a dict; ``("drop", place)`` of a pass of the
#: default; ``("add", place, name)``: a pass before that place.
Slot = tuple[Any, ...]
#: Slots with their values; a dropped option has the value ``GONE``.
Changes = dict[Slot, Any]

GONE = "(gone)"
#: A pipeline that differs in more slots than so many cannot be made sense of by whoever reads the report.
MOST = 12
_NAME = 96


@dataclass(frozen=True)
class Space:
    """What one target's pipelines are made of: the default, its passes, and for each named pipeline its changes."""

    default: Pipeline
    base: tuple[Step, ...]
    bundles: Mapping[str, Changes]

    @staticmethod
    def of(pipelines: Sequence[Pipeline]) -> Space:
        """The space of a target's own pipelines, the default first."""
        default = pipelines[0]
        base = default.passes if default.passes is not None else _common(pipelines)
        space = Space(default, base, {})
        bundles = {one.name: found for one in pipelines[1:] if (found := space.changes(one))}
        return Space(default, base, bundles)

    def changes(self, pipeline: Pipeline) -> Changes:
        """How a pipeline differs from the default."""
        found: Changes = {}
        old, new = _flat(self.default.options), _flat(pipeline.options)
        for slot in (*old, *new):
            if slot not in new:
                found[slot] = GONE
            elif slot not in old or old[slot] != new[slot] or type(old[slot]) is not type(new[slot]):
                found[slot] = new[slot]
        if pipeline.passes is None:
            return found
        mine = [(name, repr(dict(parameters))) for name, parameters in self.base]
        its = [(name, repr(dict(parameters))) for name, parameters in pipeline.passes]
        for kind, first, last, start, end in SequenceMatcher(None, mine, its, autojunk=False).get_opcodes():
            if kind in ("delete", "replace"):
                found |= {("drop", place): True for place in range(first, last)}
            if kind in ("insert", "replace"):
                for name, parameters in pipeline.passes[start:end]:
                    found["add", first, name] = dict(parameters)
        return found

    def pipeline(self, changes: Changes) -> Pipeline:
        """The default with changes."""
        flat = _flat(self.default.options)
        for slot, value in changes.items():
            if slot[0] == "option":
                flat[slot] = value
        options = _nested({slot: value for slot, value in flat.items() if not _is_gone(value)})
        passes = self.default.passes
        if any(slot[0] != "option" for slot in changes):
            listed: list[Step] = []
            for place in range(len(self.base) + 1):
                listed += [(slot[2], value) for slot, value in changes.items() if slot[:2] == ("add", place)]
                if place < len(self.base) and ("drop", place) not in changes:
                    listed.append(self.base[place])
            passes = tuple(listed)
        return Pipeline(self.name(changes), options, passes)

    def name(self, changes: Changes) -> str:
        """The names of the pipelines whose changes are all among these, and a sign if there are others."""
        if not changes:
            return self.default.name
        inside = [name for name, found in self.bundles.items() if all(_has(changes, *item) for item in found.items())]
        largest = [
            name
            for name in inside
            if not any(self.bundles[name].keys() < self.bundles[other].keys() for other in inside)
        ]
        rest = changes.keys() - {slot for name in largest for slot in self.bundles[name]}
        return "+".join([*largest, *(["…"] if rest else [])])[:_NAME]


def evolve(pipeline: Pipeline, random: Random, space: Space, donors: Sequence[Pipeline] = ()) -> Pipeline:
    """The pipeline with one change of what it changes: more of it, less, another value, or some of a donor's."""
    old = space.changes(pipeline)
    for _ in range(8):
        new = _changed(dict(old), random, space, [space.changes(one) for one in donors])
        if new != old and len(new) <= MOST:
            return space.pipeline(new)
    return pipeline


def draw(random: Random, space: Space) -> Pipeline:
    """Up to three random named pipelines' changes together."""
    new: Changes = {}
    for name in random.sample(sorted(space.bundles), min(random.randint(1, 3), len(space.bundles))):
        new |= space.bundles[name]
    return space.pipeline(new)


def shrunk(pipeline: Pipeline, space: Space) -> list[Pipeline]:
    """The pipeline without each of its changes in turn."""
    old = space.changes(pipeline)
    return [space.pipeline({other: value for other, value in old.items() if other != slot}) for slot in old]


def _changed(changes: Changes, random: Random, space: Space, donors: Sequence[Changes]) -> Changes:
    kind = random.choices(("more", "less", "value", "cross"), (5, 2 if changes else 0, 2, 2 if donors else 0))[0]
    if kind == "more" and space.bundles:
        return changes | space.bundles[random.choice(sorted(space.bundles))]
    if kind == "less":
        del changes[random.choice(sorted(changes, key=repr))]
    elif kind == "value":
        slots = sorted([slot for slot in changes if slot[0] == "option"], key=repr)
        if slots:
            slot = random.choice(slots)
            seen = [found[slot] for found in space.bundles.values() if slot in found]
            changes[slot] = random.choice(seen) if seen else changes[slot]
    elif kind == "cross":
        donor = random.choice(donors)
        slots = sorted(changes.keys() | donor.keys(), key=repr)
        mixed: Changes = {}
        for slot in slots:
            one = random.choice((changes, donor))
            if slot in one:
                mixed[slot] = one[slot]
        return mixed
    return changes


def _common(pipelines: Sequence[Pipeline]) -> tuple[Step, ...]:
    """The default's passes, where only other pipelines list theirs: those that most of them have, in the order of the
    longest list in which all of these are."""
    lists = [one.passes for one in pipelines if one.passes is not None]
    names = {name for one in lists for name, _ in one}
    usual = {name for name in names if sum(name in dict(one) for one in lists) > len(lists) / 2}
    base: list[Step] = []
    for one in lists:
        # A pass that the base lacks goes behind the one that it stands behind here.
        for place, (name, parameters) in enumerate(one):
            if name in usual and name not in dict(base):
                before = [known for known, _ in one[:place] if known in dict(base)]
                at = [known for known, _ in base].index(before[-1]) + 1 if before else 0
                base.insert(at, (name, parameters))
    return tuple(base)


def _flat(options: Mapping[str, Any]) -> Changes:
    found: Changes = {}
    for name, value in options.items():
        if isinstance(value, Mapping) and value:
            found |= {("option", name, key): item for key, item in value.items()}
        else:
            found["option", name] = value
    return found


def _nested(flat: Changes) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for slot, value in flat.items():
        if len(slot) == 3:
            inner = options.setdefault(slot[1], {})
            if isinstance(inner, dict):
                inner[slot[2]] = value
        else:
            options.setdefault(slot[1], value)
    return options


def _is_gone(value: Any) -> bool:
    return type(value) is str and value == GONE


def _has(changes: Changes, slot: Slot, value: Any) -> bool:
    return slot in changes and repr(changes[slot]) == repr(value)
