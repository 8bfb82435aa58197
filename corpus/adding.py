"""Adding a case to a regression corpus: what is expected is what was seen, if it is seen every time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from misfold.programs.errors import UsageError
from misfold.programs.files import write_text

from .entries import Entry, entry_of, is_case_file, read_entry
from .expectations import RESULTS, Expectation
from .laboratory import Laboratory, Observation

#: Runs in fresh processes that must agree.
RUNS = 3
# What is kept of a message to recognise a failure by: long enough to tell failures apart.
_MESSAGE = 100
# Letters of a title in a file's name: enough to know it again in a listing.
_NAME = 44


def range_of(text: str) -> Mapping[str, str]:
    """``"torch>=2.13,<2.14"`` as a mapping of the package to its specifier.

    Raises:
        UsageError: it is no package with a version range.
    """
    try:
        found = Requirement(text)
    except InvalidRequirement:
        raise UsageError(f'{text!r} is no package with a version range; write it as in "torch>=2.13,<2.14"') from None
    return {found.name: str(found.specifier)}


def from_here(system: Any) -> Mapping[str, str]:
    """From the installed version of a target's own package on, as versions of an expectation; none where it names no
    package."""
    return {package: f">={version.partition('+')[0]}" for package, version in list(system.versions().items())[:1]}


def expectation_of(observed: Observation, target: str, versions: Mapping[str, str]) -> Expectation:
    """What is to be expected from now on of a target that did this."""
    if observed.result == "ok":
        return Expectation(target, "ok")
    message = None
    if observed.result in ("compile-error", "run-error"):
        # The first line without numbers at its end, which change with every version.
        first = next((line.strip() for line in observed.message.splitlines() if line.strip()), "")
        message = re.split(r"0x|/|\d{3}", first)[0].rstrip(" (:[")[:_MESSAGE] or None
    return Expectation(target, observed.result, versions, observed.oracle, message)


def add_entry(
    entry: Entry,
    targets: Sequence[str],
    folder: Path,
    laboratory: Laboratory,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Run a case and write it to a corpus with what was seen as what is expected; gives the file.

    ``versions`` are where that holds, by default from the installed version of the target's own package on.

    Raises:
        UsageError: the runs differ, or nothing can be said of a run, or no target fails, or the case is there already.
        TextError: the file cannot be written.
    """
    expectations = []
    for name in targets:
        system = laboratory.target(name, entry.kernel)
        seen = [laboratory.observe(entry, name, fresh=True) for _ in range(RUNS)]
        kinds = {(one.result, one.oracle) for one in seen}
        if len(kinds) > 1:
            words = ", ".join(sorted(f"{result} ({oracle})" for result, oracle in kinds))
            raise UsageError(f"{entry.name} on {name}: {RUNS} runs differ: {words}; a regression case must be stable")
        if seen[0].result not in RESULTS:
            raise UsageError(f"{entry.name} on {name}: nothing can be said: {seen[0].explanation}")
        expectations.append(expectation_of(seen[0], name, versions or from_here(system)))
    if not any(one.fails for one in expectations):
        raise UsageError(f"{entry.name}: no target fails ({', '.join(targets)})")
    same = next((file for file in _files(folder) if read_entry(file).case.hash == entry.case.hash), None)
    if same is not None:
        raise UsageError(f"{entry.name} is in the corpus already: {same}")
    suffix = ".kernel" if entry.kernel else ".case.py"
    target = next(one.target for one in expectations if one.fails)
    path = folder / f"{target}-{_slug(entry.title)}-{entry.case.hash[:6]}{suffix}"
    made = replace(entry.with_expectations(expectations), path=path)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(made.case.text, path)
    # Read back at once: what cannot be read must not lie in a corpus.
    entry_of(made.case.text, path)
    return path


def _files(folder: Path) -> list[Path]:
    return (
        sorted(file for file in folder.rglob("*") if file.is_file() and is_case_file(file)) if folder.is_dir() else []
    )


def _slug(title: str) -> str:
    name = ""
    for word in re.findall(r"[a-z0-9]+", title.lower()):
        if len(name) + len(word) > _NAME:
            break
        name += f"-{word}" if name else word
    return name or "case"
