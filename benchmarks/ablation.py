"""What each choice of the joint loop is worth: campaigns of equal time, each without one of them.

    python -m benchmarks.ablation --seconds 600 --trials 5 --plot coverage.png

Runs ``misfold run --kernels`` in fresh folders, with the same seeds for every configuration, one after the other.
Prints one JSON object as its last line: for each configuration the median, least and most of the places reached, the
cases, and the findings that are not plainly the same (target, kind, message), and the places reached over time.
``--plot`` draws the medians over time with their spread (matplotlib, of the extra "dev").
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.kernels import spread
from misfold.fuzz.kernels.campaign import KernelRunner
from misfold.fuzz.settings import Settings

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "full": {},
    "no coverage": {"guided": False},
    "no IR mutation": {"programs": False},
    "no pass mutation": {"pipelines": False},
    "random passes": {"random_pipelines": True},
    "no specific mutators": {"specific": False},
}
#: Points in time of a curve.
STEPS = 40


def trial(settings: Settings, folder: Path) -> dict[str, Any]:
    """One campaign: places reached over time, cases, distinct findings."""
    runner = KernelRunner(folder, settings, grace=0.0)
    curve: list[tuple[float, int]] = []

    def watch(running: Any) -> None:
        if running.reached is not None:
            curve.append((round(time.monotonic() - running.started, 1), sum(running.reached.totals().values())))

    runner.run(watch)
    snapshot = runner.tally.snapshot()
    findings = _findings(folder)
    return {
        "reached": curve[-1][1] if curve else None,
        "cases": snapshot["cases"],
        "findings": len(findings),
        "curve": sampled(curve, settings.time or 0.0),
    }


def _findings(folder: Path) -> set[tuple[str, str, str]]:
    """The findings of a campaign that are not plainly the same: by target, kind and normal message."""
    from misfold.fuzz.store import Store
    from misfold.targets.outcome import Failure

    store = Store(folder)
    try:
        return {
            (one.target, one.kind, Failure(**one.failure).normal_message if one.failure else one.oracle)
            for one in store.findings()
        }
    finally:
        store.close()


def sampled(curve: list[tuple[float, int]], seconds: float) -> list[list[float]]:
    """A curve at ``STEPS`` equal distances in time: the last known value at each."""
    points: list[list[float]] = []
    for step in range(1, STEPS + 1):
        moment = seconds * step / STEPS
        known = [value for at, value in curve if at <= moment]
        points.append([round(moment, 1), known[-1] if known else 0])
    return points


def plot(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw the median of each configuration over time, and the spread of its trials.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, trials in results.items():
        times = [point[0] for point in trials[0]["curve"]]
        columns = list(zip(*[[point[1] for point in one["curve"]] for one in trials]))
        (line,) = axes.plot(times, [statistics.median(column) for column in columns], label=name)
        axes.fill_between(times, list(map(min, columns)), list(map(max, columns)), alpha=0.15, color=line.get_color())
    axes.set_xlabel("seconds")
    axes.set_ylabel("places reached")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--targets", default="tvm")
    parser.add_argument("--coverage", default="auto")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(CONFIGURATIONS), help="configurations, by commas")
    parser.add_argument("--plot", type=Path, default=None)
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.only.split(",")]
    for name in names:
        if name not in CONFIGURATIONS:
            parser.error(f"there is no configuration {name!r}; there are: {', '.join(CONFIGURATIONS)}")
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    # Trial by trial, so that what a machine does meanwhile is shared by all configurations.
    for number in range(arguments.trials):
        for name in names:
            settings = Settings(
                seed=arguments.seed + number, targets=tuple(arguments.targets.split(",")), time=arguments.seconds,
                jobs=arguments.jobs, kernels=True, coverage=tuple(arguments.coverage.split(",")),
                loop=CONFIGURATIONS[name], triage_share=0.0,
            )  # fmt: skip
            with tempfile.TemporaryDirectory(prefix="misfold-benchmark-") as folder:
                results[name].append(trial(settings, Path(folder) / "campaign"))
    if arguments.plot is not None:
        plot(results, arguments.plot)
    summary = {
        name: {key: spread([one[key] for one in trials]) for key in ("reached", "cases", "findings")}
        for name, trials in results.items()
    }
    curves = {name: [one["curve"] for one in trials] for name, trials in results.items()}
    settings_of = {"seconds": arguments.seconds, "trials": arguments.trials, "targets": arguments.targets}
    print(json.dumps({**settings_of, "configurations": summary, "curves": curves}))


if __name__ == "__main__":
    main()
