"""Running a bug's standalone script under other interpreters, to find the version with which it began or ended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from packaging.version import Version

from misfold.programs.errors import UsageError
from misfold.programs.versions import version_of

from .script import run_script

#: What a script can do in an environment.
FAILS, PASSES = "fails", "passes"
# An interpreter that only looks at metadata answers in a second on a loaded machine; disks may be cold.
_ASK_SECONDS = 60
_ASK = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": sys.version.split()[0]}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter and the versions of the packages that a target depends on, as far as it has them."""

    name: str
    python: Path
    versions: Mapping[str, str]

    def version(self, package: str) -> Version | None:
        """The version of a package, None where it is not installed or has no proper version."""
        return version_of(self.versions.get(package, ""))


@dataclass(frozen=True)
class Trial:
    """What a script did in an environment: ``fails``, ``passes``, or why it says nothing."""

    environment: Environment
    result: str

    @property
    def decided(self) -> bool:
        return self.result in (FAILS, PASSES)


def find_environment(name: str, packages: Sequence[str]) -> Environment:
    """Look at a virtual environment (its folder) or an interpreter (its file).

    Raises:
        UsageError: there is none, or it does not answer.
    """
    path = Path(name).expanduser()
    python = path / "bin" / "python" if path.is_dir() else path
    if not python.exists():
        raise UsageError(f"{name}: no interpreter there; name a virtual environment's folder or a Python")
    try:
        done = subprocess.run(
            [str(python.absolute()), "-I", "-c", _ASK, *packages],
            capture_output=True, text=True, timeout=_ASK_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        versions = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{name}: does not answer as a Python does: {error}") from None
    return Environment(name, python.absolute(), versions)


def run_in(environment: Environment, script: str, package: str, folder: Path, hangs: bool = False) -> Trial:
    """Run a script, which needs ``package``, in an environment; ``hangs``: its failure is that it does not end."""
    if package not in environment.versions:
        return Trial(environment, f"{package} is not installed")
    done = run_script(script, folder, environment.python, hangs=hangs)
    return Trial(environment, {"reproduces": FAILS}.get(done, done))


def in_order(environments: Sequence[Environment], package: str) -> list[Environment]:
    """By version of a package, oldest first; those without it last, in the order given."""
    known = [one for one in environments if one.version(package) is not None]
    other = [one for one in environments if one.version(package) is None]
    return sorted(known, key=lambda one: one.version(package) or Version("0")) + other


def bisect(
    environments: Sequence[Environment], trial: Callable[[Environment], Trial], *, every: bool = False
) -> list[Trial]:
    """Try environments, which are in order of versions, until it is known between which two the result changes.

    The ends are tried first. If they agree, or ``every`` is set, all are tried: a bug may have come and gone. Otherwise
    a binary search for one change. Where an environment says nothing, its neighbours are tried. Gives what was tried,
    in order.
    """
    done: dict[int, Trial] = {}

    def look(index: int) -> str:
        if index not in done:
            done[index] = trial(environments[index])
        return done[index].result

    first, last = 0, len(environments) - 1
    while first < last and not _decided(look(first)):
        first += 1
    while last > first and not _decided(look(last)):
        last -= 1
    if environments and (every or look(first) == look(last)):
        for index in range(len(environments)):
            look(index)
        return [done[index] for index in sorted(done)]
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        # Whatever says nothing is passed over, outward from the middle, within the two ends.
        near = sorted(range(low + 1, high), key=lambda index: abs(index - middle))
        usable = next((index for index in near if _decided(look(index))), None)
        if usable is None:
            break
        low, high = (usable, high) if look(usable) == look(low) else (low, usable)
    return [done[index] for index in sorted(done)]


def _decided(result: str) -> bool:
    return result in (FAILS, PASSES)


def changes(trials: Sequence[Trial], package: str) -> list[str]:
    """Between which versions the result changes, in words; one sentence if it does not."""
    decided = [one for one in trials if one.decided]
    if not decided:
        return ["no environment says anything"]
    found = []
    for before, after in pairwise(decided):
        if before.result != after.result:
            word = "begins" if after.result == FAILS else "ends"
            old, new = (one.environment.versions.get(package, "?") for one in (before, after))
            found.append(f"{word} after {package} {old}, at the latest with {new}")
    if found:
        return found
    versions = [one.environment.versions.get(package, "?") for one in decided]
    span = versions[0] if versions[0] == versions[-1] else f"{versions[0]} to {versions[-1]}"
    return [f"{'fails' if decided[0].result == FAILS else 'passes'} in every environment that was tried ({span})"]
