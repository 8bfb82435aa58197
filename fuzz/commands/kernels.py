"""``replay`` and ``export`` for kernels."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from misfold.programs.errors import TargetError, UsageError
from misfold.programs.kernel import KernelCase, is_kernel_case
from misfold.programs.kernel_tvmscript import TVMScriptCase, is_tvmscript_case, parse_any_kernel
from misfold.programs.pipeline import Pipeline
from misfold.targets.isolation.limits import Limits
from misfold.targets.options import unknown

from ..folders import find, is_file_name, open_store
from ..kernels.campaign import find_kernel_targets, kernel_servers
from ..kernels.examine import KernelExaminer
from ..kernels.investigate import KernelInvestigator
from ..settings import KERNEL_TARGETS


def kernel_of(what: str, folder: Path | None, full: bool) -> tuple[KernelCase | TVMScriptCase, str] | None:
    """The kernel that a user names and a heading for it, or None if what is named is none."""
    path = Path(what)
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        return (parse_any_kernel(text, what), path.name) if _is_kernel(text) else None
    if is_file_name(what):
        return None
    item = find(open_store(folder), what)
    text = item.text if full or not item.reduced else item.reduced
    return (parse_any_kernel(text), f"finding F{item.id}") if _is_kernel(text) else None


def _is_kernel(text: str) -> bool:
    return is_kernel_case(text) or is_tvmscript_case(text)


def pick(target: Any, case: KernelCase | TVMScriptCase, name: str | None) -> Pipeline:
    """The pipeline called ``name``; without a name the case's own for the target, or the target's default.

    Raises:
        TargetError: there is none of this name.
    """
    own = case.pipelines.get(target.name)
    if name is None:
        return own or target.pipelines()[0]
    known = {one.name: one for one in (*([own] if own else []), *target.pipelines())}
    if name not in known:
        raise TargetError(f"{target.name}: {unknown('pipeline', name, known)}")
    return known[name]


@contextmanager
def _examiner(names: tuple[str, ...], seconds: float):  # type: ignore[no-untyped-def]
    targets = find_kernel_targets(names)
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        servers = kernel_servers(targets, Path(scratch), Limits(seconds=seconds))
        try:
            servers.start()
            yield KernelExaminer(servers.servers, targets, Path(scratch) / "targets", seconds)
        finally:
            servers.close()


def replay_kernel(
    console: Console,
    case: KernelCase | TVMScriptCase,
    names: tuple[str, ...],
    pipeline: str | None,
    times: int,
    seconds: float,
) -> bool:
    """Run a kernel in fresh processes and judge it; whether a target fails."""
    failed = False
    with _examiner(names or tuple(case.pipelines) or KERNEL_TARGETS, seconds) as examiner:
        for name, system in examiner.targets.items():
            chosen = pick(system, case, pipeline)
            for _ in range(times):
                result = examiner.examine(case, name, chosen, fresh=True, repeats=2)
                failed |= result.bad
                style = "red" if result.bad else "green"
                console.print(
                    f"{name} ({escape(chosen.name)}): [{style}]{result.verdict.kind}[/{style}] "
                    f"({result.outcome.kind}, oracle {result.verdict.oracle})"
                )
                if result.verdict.explanation:
                    console.print(f"  {escape(result.verdict.explanation)}")
    return failed


def export_kernel(case: KernelCase | TVMScriptCase, heading: str, target: str | None, pipeline: str | None) -> str:
    """The standalone script of a kernel.

    Raises:
        UsageError: the case names several targets and none was chosen.
    """
    if target is None:
        if len(case.pipelines) > 1:
            raise UsageError(f"the case names several targets ({', '.join(case.pipelines)}); choose one with --target")
        target = next(iter(case.pipelines), KERNEL_TARGETS[0])
    with _examiner((target,), 60.0) as examiner:
        chosen = pick(examiner.targets[target], case, pipeline)
        result = examiner.examine(case, target, chosen, fresh=True)
        investigator = KernelInvestigator(None, None, examiner, {}, time.time, deque())  # type: ignore[arg-type]
        title = f"{heading}: {target} ({chosen.name}), {result.verdict.kind}:\n{result.verdict.explanation}"
        return investigator.script(result, title)
