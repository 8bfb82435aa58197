"""Likely-same clusters: bugs that may have one cause, for a person to look at. Nothing is merged.

Two bugs are exactly the same if their signatures are equal. They are likely the same if they agree in enough of what
signatures are made of: the blamed stage, what kind of failure it is, the message or frames, and the operators of the
reduced programs. How much each counts is fixed here and the score is shown, so that a reader can judge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: From this score on two bugs are shown together: a stage and half of the operators in common, or a whole message.
LIKELY = 0.6


@dataclass(frozen=True)
class Profile:
    """What is compared of a bug.

    ``blame`` is '' or '?' where nothing is known; ``message`` the normalised message of a failure that has one;
    ``patterns`` the operators of its reduced program with the classes of their element types.
    """

    name: str
    target: str
    kind: str
    blame: str
    message: str
    frames: tuple[str, ...]
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """How alike two bugs are, from 0 to 1, and why."""

    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """Bugs that are likely the same, by name, and for each pair that is alike why."""

    names: tuple[str, ...]
    reasons: Mapping[tuple[str, str], Likeness]


def likeness(one: Profile, other: Profile) -> Likeness:
    """How alike two bugs are; 0 for those of different targets."""
    if one.target != other.target:
        return Likeness(0.0, ())
    reasons: list[str] = []
    if one.message and other.message:
        score = _messages(one, other, reasons)
    elif bool(one.message) != bool(other.message):
        # One speaks and the other does not: only a known common cause speaks for them.
        score = 0.3 if _same_blame(one, other, reasons) else 0.0
    else:
        score = 0.1 if one.kind == other.kind else 0.0
        if _same_blame(one, other, reasons):
            score += 0.4
    common = _overlap([_operator(name) for name in one.patterns], [_operator(name) for name in other.patterns])
    if common:
        reasons.append(f"{common:.0%} of the operators in common")
    exact = _overlap(one.patterns, other.patterns)
    score += 0.3 * common + 0.2 * exact
    return Likeness(round(min(score, 1.0), 3), tuple(reasons))


def clusters(profiles: Sequence[Profile], least: float = LIKELY) -> list[Cluster]:
    """Groups of at least two bugs, each likely the same as every other one of its group; the largest first.

    Complete linkage: a chain of pairs that are alike does not pull two bugs together that are not.
    """
    pairs: dict[tuple[str, str], Likeness] = {}
    for index, one in enumerate(profiles):
        for other in profiles[index + 1 :]:
            found = likeness(one, other)
            if found.score >= least:
                pairs[one.name, other.name] = found
    groups = [[profile.name] for profile in profiles]
    order = {profile.name: place for place, profile in enumerate(profiles)}

    def alike(left: str, right: str) -> bool:
        return (left, right) in pairs or (right, left) in pairs

    for left, right in sorted(pairs, key=lambda pair: (-pairs[pair].score, order[pair[0]], order[pair[1]])):
        first = next(group for group in groups if left in group)
        second = next(group for group in groups if right in group)
        if first is not second and all(alike(a, b) for a in first for b in second):
            first += second
            groups.remove(second)
    found_clusters = []
    for group in groups:
        if len(group) > 1:
            members = tuple(sorted(group, key=order.__getitem__))
            inside = {pair: like for pair, like in pairs.items() if pair[0] in members and pair[1] in members}
            found_clusters.append(Cluster(members, inside))
    return sorted(found_clusters, key=lambda cluster: (-len(cluster.names), order[cluster.names[0]]))


def _messages(one: Profile, other: Profile, reasons: list[str]) -> float:
    words = _overlap(one.message.split(), other.message.split())
    score = 0.5 * words
    if words > 0.5:
        reasons.append("the same message" if words == 1 else f"{words:.0%} of the message in common")
    if one.frames and other.frames and one.frames[-1] == other.frames[-1]:
        reasons.append(f"raised in {one.frames[-1]}")
        score += 0.3
    if _same_blame(one, other, reasons):
        score += 0.1
    return score


def _same_blame(one: Profile, other: Profile, reasons: list[str]) -> bool:
    if one.blame in ("", "?") or one.blame != other.blame:
        return False
    reasons.append(f"both from {one.blame}")
    return True


def _operator(pattern: str) -> str:
    return pattern.partition("(")[0]


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Common elements of two sets by all of them."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left | right else 0.0
