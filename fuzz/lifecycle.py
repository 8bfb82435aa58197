"""What has become of a bug: a word that follows from its findings and from every time that it was run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from misfold.programs.versions import version_of
from misfold.triage.versions import FAILS, PASSES

from .retests import Retest, retests
from .store import Bug, Finding, Store

#: ``new``: its finding waits to be confirmed. ``confirmed``: it fails every time. ``known``: somebody noted it as a
#: known issue. ``fixed``: it no longer fails in a newer version. ``gone``: it no longer fails in the versions that it
#: was found in, nobody knows why. ``flaky``: sometimes it fails, sometimes not, in the same versions.
STATES = ("new", "confirmed", "known", "fixed", "gone", "flaky")
#: Of a package whose version is none: older than any.
UNKNOWN = Version("0")
#: The last so many results with the same versions decide: as many as one recheck makes.
RECENT = 3


@dataclass(frozen=True)
class State:
    """A bug's state, one of ``STATES``, and why in a few words ('' where nothing was run again)."""

    word: str
    why: str = ""


def state_of(store: Store, bug: Bug) -> State:
    """A bug's state now."""
    return decide(store.finding(bug.finding_id), retests(store, bug))


def decide(finding: Finding, results: Sequence[Retest]) -> State:
    """The state that a bug's representative and its results, oldest first, make.

    The newest versions that it was run under decide; with the versions that it was found in, it can be gone or flaky,
    with newer ones fixed. A pass under older versions only says that the bug is younger than they are.
    """
    if finding.status == "known":
        return State("known", next((str(one.get("what", "")) for one in finding.evidence if "what" in one), ""))
    settled = "confirmed" if finding.status in ("confirmed", "duplicate") else finding.status
    groups: dict[tuple[tuple[str, str], ...], list[Retest]] = {}
    for one in results:
        if one.result in (FAILS, PASSES):
            groups.setdefault(_shared(one.versions, finding.versions), []).append(one)
    own = _shared(finding.versions, finding.versions)
    ordered = sorted(groups, key=lambda key: _order(key, results))
    if not ordered:
        return State(settled if settled in STATES else "new")
    newest = ordered[-1]
    words = _words(groups[newest][-RECENT:])
    where = ", ".join(f"{name} {number}" for name, number in newest)
    same = all(dict(own).get(name) == number for name, number in newest)
    if words[PASSES] and words[FAILS]:
        return State("flaky", f"fails in {words[FAILS]} of {words.total()} runs with {where}")
    if words[FAILS]:
        return State("confirmed", f"fails with {where}")
    if same:
        return State("gone", f"no longer fails with {where}, in which it was found")
    if _newer(newest, own):
        return State("fixed", f"no longer fails with {where}")
    return State(settled if settled in STATES else "new", f"does not fail with {where}, which is older")


def _words(results: Sequence[Retest]) -> Counter[str]:
    return Counter(one.result for one in results)


# Whatever else an environment has installed, these tell nothing about a compiler.
_ASIDE = ("misfold", "python", "machine")


def _shared(versions: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The versions of packages that the bug's own versions name, in their order."""
    return tuple((name, str(versions[name])) for name in found if name in versions and name not in _ASIDE)


def _order(key: tuple[tuple[str, str], ...], results: Sequence[Retest]) -> tuple[Any, ...]:
    latest = max(one.at for one in results if _is(one, key))
    return (*[version_of(number) or UNKNOWN for _, number in key], latest)


def _is(one: Retest, key: tuple[tuple[str, str], ...]) -> bool:
    return all(str(one.versions.get(name)) == number for name, number in key)


def _newer(left: tuple[tuple[str, str], ...], right: tuple[tuple[str, str], ...]) -> bool:
    """Whether some package is newer on the left than on the right, and none is older."""
    known = dict(right)
    pairs = [
        (version_of(number) or UNKNOWN, version_of(known[name]) or UNKNOWN) for name, number in left if name in known
    ]
    return any(a > b for a, b in pairs) and all(a >= b for a, b in pairs)
