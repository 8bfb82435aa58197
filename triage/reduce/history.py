"""The history of a reduction: a folder with one case file per step, each of which can be run, and a log of all tests.

``000-start.case.py``, ``001-window.case.py``, … are the cases that failed in the same way, each smaller than the one
before; ``tests.jsonl`` has one line per test. A reduction into a folder that has a history of the same case goes on
where that one ended: what was tested is not tested again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from misfold.programs.errors import UsageError

LOG = "tests.jsonl"


class _Case(Protocol):
    @property
    def hash(self) -> str: ...
    @property
    def text(self) -> str: ...


class History:
    """A reduction's folder, opened for writing.

    Args:
        folder: is made where it is not there.
        suffix: of case files: ``.case.py`` or ``.kernel``.
        key: what the answers depend on besides the candidate: the case, target and failure. A folder whose log has
            another key is another reduction's.

    Raises:
        UsageError: the folder cannot be used, or holds another reduction's history.
    """

    def __init__(self, folder: Path, suffix: str, key: str):
        self.folder, self.suffix = folder, suffix
        #: Answers of earlier tests, by the candidates' content hash.
        self.answers: dict[str, str] = {}
        self._step = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / LOG
            if log.exists():
                self._read(log, key)
            self._log = log.open("a", encoding="utf-8")
            if not self.answers and log.stat().st_size == 0:
                self._write({"reduction": key})
        except OSError as error:
            raise UsageError(f"{folder}: cannot hold a history: {error.strerror}") from error
        for old in folder.glob(f"[0-9][0-9][0-9]-*{suffix}"):
            old.unlink()  # Known answers give the same steps again.

    def close(self) -> None:
        """Release the log."""
        self._log.close()

    def step(self, tier: str, case: _Case) -> None:
        """Keep a case that fails in the same way."""
        path = self.folder / f"{self._step:03d}-{tier.replace(' ', '-')}{self.suffix}"
        self._step += 1
        try:
            path.write_text(case.text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error

    def test(self, tier: str, hash: str, kind: str, what: str) -> None:
        """Keep a test's answer."""
        self._write({"tier": tier, "case": hash, "answer": kind, **({"what": what[:500]} if what else {})})

    def _write(self, line: dict[str, str]) -> None:
        try:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()
        except OSError as error:
            raise UsageError(f"{self.folder / LOG}: cannot be written: {error.strerror}") from error

    def _read(self, log: Path, key: str) -> None:
        lines = log.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                if number == 1:
                    if entry["reduction"] != key:
                        raise UsageError(f"{self.folder} holds the history of another reduction; choose another folder")
                    continue
                self.answers[str(entry["case"])] = str(entry["answer"])
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    return  # The last line may have been cut off when the process was killed.
                raise UsageError(f"{log}: line {number} is not a line of a history") from error
