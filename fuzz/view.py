"""What a running campaign looks like: a live table in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .campaign import Runner

# Seconds between two plain lines.
PLAIN = 15.0


def duration(seconds: float) -> str:
    """``95`` as ``1:35``, ``3700`` as ``1:01:40``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def headline(runner: Runner) -> str:
    """One line: time, cases, speed, bugs, and what is left."""
    tally, settings = runner.tally, runner.settings
    elapsed = max(time.monotonic() - runner.started, 1e-9)
    parts = [duration(elapsed), f"{tally.cases} cases", f"{tally.cases / elapsed:.1f} cases/s"]
    if settings.count is not None:
        parts.append(f"{max(settings.count - runner.cases_before - tally.cases, 0)} cases left")
    if settings.time is not None:
        parts.append(f"{duration(max(settings.time - elapsed, 0))} left" if elapsed < settings.time else "finishing")
    if runner.stop.until is not None and runner.stop.until < float("inf"):
        parts.append(f"triage for {duration(max(runner.stop.until - time.monotonic(), 0))} more")
    found = tally.findings
    parts.append(f"{found['confirmed'] + found['duplicate']} findings")
    if runner.reached is not None:
        parts += [f"{count:,} {name}" for name, count in sorted(runner.reached.totals().items())]
    if runner.pending:
        parts.append(f"{len(runner.pending)} to confirm")
    if runner.unwritten:
        parts.append(f"{len(runner.unwritten)} to write up")
    return " · ".join(parts)


def table(runner: Runner) -> Table:
    """Per target: ok, unsupported, undecided, failing, and cases per minute."""
    elapsed = max(time.monotonic() - runner.started, 1e-9)
    grid = Table(box=None, pad_edge=False)
    grid.add_column("target", style="bold")
    for column in ("ok", "unsupported", "undecided", "failing", "cases/min"):
        grid.add_column(column, justify="right")
    for name, counter in runner.tally.targets.items():
        ran = counter["ok"] + counter["undecided"] + counter["failing"]
        failing = Text(str(counter["failing"]), style="red" if counter["failing"] else "")
        grid.add_row(
            name, str(counter["ok"]), str(counter["unsupported"]), str(counter["undecided"]), failing,
            f"{60 * ran / elapsed:.0f}",
        )  # fmt: skip
    return grid


class View:
    """Shows a runner. A context manager; ``update`` is cheap and may be called as often as one likes."""

    def __init__(self, console: Console):
        self.console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._printed = 0.0

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, runner: Runner) -> None:
        """Show the runner's counters."""
        if self._live is not None:
            lines = [
                Text(f"misfold · seed {runner.settings.seed} · {runner.folder}", style="bold"),
                Text(headline(runner)),
            ]
            if runner.stop.soon():
                lines.append(Text("stopping; Ctrl-C again stops at once", style="yellow"))
            self._live.update(Group(*lines, table(runner)))
            return
        moment = time.monotonic()
        if moment - self._printed >= PLAIN:
            self._printed = moment
            targets = "; ".join(
                f"{name} {counter['ok']}/{counter['unsupported']}/{counter['failing']}"
                for name, counter in runner.tally.targets.items()
            )
            self.console.print(
                f"{headline(runner)} · {targets} (ok/unsupported/failing)", soft_wrap=True, highlight=False
            )
