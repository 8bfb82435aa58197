"""Tracing somebody's own script: it runs in this process, as Python would run it, and every torch call is written down.

This is the one place where code from outside is executed on purpose: the user asked for it by naming the file.
"""

from __future__ import annotations

import runpy
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from misfold.programs.errors import UsageError

from .call import Call, Trial
from .signatures import canonical
from .watching import Watcher


@dataclass(frozen=True)
class Trace:
    """What a script did: its distinct calls in normal form, how often each function was called, calls that the language
    has no word for by reason, and how the script ended (empty if well)."""

    trials: list[Trial]
    counts: Counter[str]
    refused: dict[str, int]
    ended: str


def trace_script(path: Path | str, arguments: Sequence[str] = ()) -> Trace:
    """Run a script as ``__main__`` with ``arguments`` as ``sys.argv[1:]``, and record the torch calls that it makes.

    Calls made by other threads or processes that it starts are not seen. If it raises, exits or is interrupted, what it
    did before is there.

    Raises:
        UsageError: there is no such file, or it is not Python.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give the path of a Python script")
    origin = f"script:{path.stem}"
    argv, search = sys.argv, list(sys.path)
    sys.argv = [str(path), *arguments]
    sys.path[0:0] = [str(path.resolve().parent)]
    ended = ""
    watcher = Watcher(origin)
    try:
        with watcher:
            runpy.run_path(str(path), run_name="__main__")
    except SyntaxError as error:
        raise UsageError(f"{error.filename or path}:{error.lineno}: not Python: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not Python: {error.reason}") from error
    except SystemExit as error:
        ended = "" if error.code in (None, 0) else f"SystemExit: {error.code}"
    except (Exception, KeyboardInterrupt) as error:
        ended = traceback.format_exception_only(error)[-1].strip()
    finally:
        sys.argv, sys.path[:] = argv, search
    return Trace(normal(watcher.calls), watcher.count, watcher.refused, ended)


def normal(trials: Sequence[Trial]) -> list[Trial]:
    """Trials in their calls' normal form, without duplicates; a call that succeeded once counts as valid."""
    found: dict[Call, Trial] = {}
    for trial in trials:
        call = canonical(trial.call)
        if call not in found or (trial.valid and not found[call].valid):
            found[call] = Trial(call, trial.outputs, trial.error, trial.origin, trial.values)
    return list(found.values())


def versions() -> dict[str, str]:
    """Versions of what judged a trace."""
    return {"torch": torch.__version__.partition("+")[0]}
