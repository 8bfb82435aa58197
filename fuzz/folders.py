"""Which campaign a command means, and which finding."""

from __future__ import annotations

import re
import time
from pathlib import Path

from misfold.programs.errors import StoreError, UsageError

from .store import FILE, Finding, Store

ROOT = Path("campaigns")


def is_file_name(what: str) -> bool:
    """Whether what a user names is a file or ``-`` (standard input), rather than a finding or bug of a campaign.

    A name that looks like a file's is one, also where there is no such file: the error is about files then.
    """
    return what == "-" or "/" in what or what.endswith((".py", ".kernel")) or Path(what).exists()


def new_folder(seed: int) -> Path:
    """A folder for a new campaign."""
    return ROOT / f"{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"


def latest_folder() -> Path:
    """The campaign under ``./campaigns`` that was written to last.

    Raises:
        StoreError: there is none.
    """
    found = sorted(ROOT.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise StoreError("no campaign under ./campaigns; start one with: misfold run, or name one with --folder")
    return found[-1].parent


def open_store(folder: Path | None) -> Store:
    """The store of a folder, or of the latest campaign."""
    return Store(folder or latest_folder())


def find(store: Store, name: str) -> Finding:
    """The finding called ``name``: ``F12`` or ``12``, or the representative of bug ``B3``.

    Raises:
        UsageError: the name is neither.
        StoreError: there is none of that number.
    """
    match = re.fullmatch(r"([BbFf]?)(\d{1,9})", name.strip())
    if match is None:
        raise UsageError(f"{name!r} is neither a finding (F12) nor a bug (B3) nor a case file")
    number = int(match[2])
    if match[1].upper() != "B":
        return store.finding(number)
    for bug in store.bugs():
        if bug.id == number:
            return store.finding(bug.finding_id)
    raise StoreError(f"{store.folder}: no bug B{number}; list them with: misfold findings --folder {store.folder}")
