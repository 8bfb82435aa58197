"""Whether targets do with the cases of a corpus what is expected of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from misfold.programs.errors import TargetError

from .entries import Entry
from .expectations import Expectation
from .laboratory import Laboratory, Observation

#: ``passed``: right, and expected to be. ``known``: fails as expected. ``fixed``: a known failure that is none any
#: more. ``changed``: fails, but not as expected. ``failed``: fails, and no failure was expected. ``undecided``: nothing
#: can be said. ``skipped``: the target cannot run here.
STATUSES = ("passed", "known", "fixed", "changed", "failed", "undecided", "skipped")
#: What a check must not end with; ``fixed`` joins them where a check is strict.
BAD = ("changed", "failed")


@dataclass(frozen=True)
class Checked:
    """One case on one target. ``detail`` says in a few lines what was expected and what was seen."""

    entry: Entry
    target: str
    status: str
    detail: str
    expected: Expectation | None = None
    observed: Observation | None = None

    def bad(self, strict: bool = False) -> bool:
        """Whether this asks for somebody's attention."""
        return self.status in BAD or (strict and self.status == "fixed")


def targets_of(entry: Entry, wanted: Collection[str] | None = None) -> tuple[str, ...]:
    """The targets to check a case on: those that it speaks of, as far as they are ``wanted``."""
    return tuple([name for name in entry.targets if wanted is None or name in wanted])


def check(entry: Entry, target: str, laboratory: Laboratory) -> Checked:
    """Run a case on a target and compare with what is expected.

    What is not as expected is run a second time in a fresh process, and counts as that run sees it: state that an
    earlier case left behind in a worker must not look like a change in the target.
    """
    try:
        system = laboratory.target(target, entry.kernel)
    except TargetError as error:
        return Checked(entry, target, "skipped", str(error))
    installed = system.versions()
    expected = next((one for one in entry.expectations if one.target == target and one.applies(installed)), None)
    observed = laboratory.observe(entry, target)
    if not _as_expected(expected, observed):
        observed = laboratory.observe(entry, target, fresh=True)
    status = _status(expected, observed)
    return Checked(entry, target, status, _detail(status, expected, observed), expected, observed)


def check_all(
    entries: Iterable[Entry], laboratory: Laboratory, wanted: Collection[str] | None = None
) -> Iterator[Checked]:
    """Check cases one after the other, each on its targets."""
    for entry in entries:
        for target in targets_of(entry, wanted):
            yield check(entry, target, laboratory)


def _as_expected(expected: Expectation | None, observed: Observation) -> bool:
    if expected is None:
        return observed.result == "ok"
    return expected.matches(observed.result, observed.oracle, observed.message)


def _status(expected: Expectation | None, observed: Observation) -> str:
    known = expected is not None and expected.fails
    if _as_expected(expected, observed):
        return "known" if known else "passed"
    if observed.result == "undecided":
        return "undecided"
    if known:
        return "fixed" if observed.result == "ok" else "changed"
    return "failed"


def _detail(status: str, expected: Expectation | None, observed: Observation) -> str:
    seen = f"{observed.result} (oracle {observed.oracle})"
    if observed.explanation:
        seen += f": {observed.explanation}"
    if expected is None or not expected.fails:
        return seen
    wanted = expected.result
    if expected.oracle:
        wanted += f" (oracle {expected.oracle})"
    if expected.message:
        wanted += f" with {expected.message!r}"
    return f"expected {wanted}\nseen {seen}" if status != "known" else seen
