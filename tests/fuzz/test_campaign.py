"""Whole campaigns as a user runs them, over a plug-in target with planted bugs, and under attack."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from misfold.fuzz.store import FILE, Store
from misfold.programs.errors import StoreError

OPERATORS = "torch.nn.functional.relu,torch.exp,torch.tanh,torch.sigmoid,torch.add,torch.mul,torch.neg"
# Without coverage the seed decides every case, so that two campaigns can be compared.
BASE = ["--targets", "planted", "--seed", "5", "--nodes", "1-3", "--case-seconds", "2", "--gradients", "0"]
BASE += ["--no-coverage"]
# Drafts take longer than all the rest; whole campaigns write them, those that end early do not.
BRIEF = [*BASE, "--no-drafts"]


# A hang costs its time limit for every run of it, and its script costs a minute: it has a test of its own.
HANGING = ["--operators", "torch.log,torch.add", "--nodes", "1", "--count", "30", "--case-seconds", "1"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "misfold.fuzz", *arguments]


def misfold(*arguments: str, cwd: Path | None = None, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=cwd, timeout=timeout)


def identities(folder: Path, met: bool = True) -> list[tuple[int, str, str, str]]:
    """``met``: those too that were met while others were reduced. Which finding of a signature is reduced depends on
    which is first at hand, and so on time; what the campaign's own cases show does not."""
    found = Store(folder).findings()
    return sorted((item.index, item.target, item.pipeline, item.kind) for item in found if met or not item.variant)


def test_an_afternoons_target_is_short() -> None:
    lines = Path(__file__).with_name("planted.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < 60


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
    """One finished campaign over the planted target, shared by the tests that only read it."""
    from .conftest import install_plugin

    folder = tmp_path_factory.mktemp("campaign") / "c"
    with pytest.MonkeyPatch.context() as patch:
        install_plugin(tmp_path_factory.mktemp("site"), patch)
        result = misfold("run", *BASE, "--operators", OPERATORS, "--count", "60", "--folder", str(folder))
        yield folder, result


def bugs_of(folder: Path) -> list[dict[str, Any]]:
    result = misfold("findings", "--folder", str(folder), "--json")
    assert result.returncode == 0, result.stderr
    data: list[dict[str, Any]] = json.loads(result.stdout)
    return data


def test_a_campaign_finds_the_planted_bugs(campaign: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, result = campaign
    assert result.returncode == 0, result.stderr
    bugs = {(bug["kind"], bug["title"]) for bug in bugs_of(folder)}
    kinds = {kind for kind, _ in bugs}
    assert {"crash", "compile-error", "values"} <= kinds, bugs
    wrong = next(title for kind, title in bugs if kind == "values")
    assert "relu" in wrong
    assert "SIGABRT in exp" in {title.partition(":")[0] for kind, title in bugs if kind == "crash"}


def test_a_hang_is_found_without_stopping_the_campaign(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    process = start(folder, *HANGING)
    wait_for(lambda: has_findings(folder, 1), process)
    wait_for(lambda: any(item.status == "confirmed" for item in Store(folder).findings()), process)
    process.kill()
    process.wait()
    found = next(item for item in Store(folder).findings() if item.status == "confirmed")
    assert found.kind == "hang"
    assert "planted:run" in " ".join(found.failure["frames"])


def test_one_planted_bug_is_one_bug(campaign: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = campaign
    errors = [bug for bug in bugs_of(folder) if bug["kind"] == "compile-error"]
    assert len(errors) == 1
    assert errors[0]["occurrences"] > 1


def test_every_bug_ends_with_a_blame_a_draft_and_a_regression_case(
    campaign: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = campaign
    bugs = bugs_of(folder)
    for bug in bugs:
        assert bug["script"] == "reproduces", bug
        assert (bug["papers"]["draft"], bug["papers"]["problems"]) == (f"bugs/{bug['bug']}.md", []), bug
        assert "not filed anywhere" in (folder / bug["papers"]["draft"]).read_text()
        assert '"expect": [{"target": "planted"' in (folder / bug["papers"]["case"]).read_text()
    assert "misfold triage" not in result.stdout
    cases = [str(folder / bug["papers"]["case"]) for bug in bugs]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *cases]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=folder)
    assert f"{len(bugs)} xfailed" in done.stdout, done.stdout


def test_what_the_budget_did_not_reach_is_taken_up_later(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    arguments = ["--operators", "torch.nn.functional.relu", "--nodes", "1", "--count", "30"]
    result = misfold("run", *BASE, *arguments, "--triage-time", "0s", "--folder", str(folder))
    assert result.returncode == 0, result.stderr
    assert f"misfold triage --folder {folder}" in result.stdout
    waiting = [item for item in Store(folder).findings() if item.status == "new"]
    result = misfold("triage", "--folder", str(folder), "-j", "1")
    assert result.returncode == 0, result.stderr
    assert waiting
    assert all(item.status != "new" for item in Store(folder).findings())
    assert [bug["papers"]["state"] in ("ready", "not ready") for bug in bugs_of(folder)] == [True]
    nothing = misfold("triage", "--folder", str(tmp_path / "none"))
    assert (nothing.returncode, "Traceback" in nothing.stderr) == (1, False)


def test_unsupported_programs_are_counted_not_reported(
    campaign: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = campaign
    store = Store(folder)
    counts = store.counts(store.campaign())["planted"]
    assert counts["rejected"] > 0
    assert f"{counts['rejected']} unsupported" in result.stdout
    assert all(item.kind != "rejected" for item in store.findings())


def test_the_summary_names_the_seed_and_the_next_command(
    campaign: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = campaign
    assert "60 cases" in result.stdout
    assert "seed 5" in result.stdout
    assert "misfold show B" in result.stdout
    assert f"--folder {folder}" in result.stdout


def test_show_export_and_replay_of_a_finding(
    campaign: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, _ = campaign
    bug = next(bug for bug in bugs_of(folder) if bug["kind"] == "values")
    shown = misfold("show", bug["bug"], "--folder", str(folder))
    assert "torch.nn.functional.relu" in shown.stdout
    assert "confirmed" in shown.stdout
    script = tmp_path / "bug.py"
    assert misfold("export", bug["bug"], "--folder", str(folder), "-o", str(script)).returncode == 0
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (run.returncode, "supports eager" in run.stdout) == (1, True), run.stdout + run.stderr
    case = tmp_path / "case.py"
    assert misfold("export", bug["bug"], "--folder", str(folder), "--case", "-o", str(case)).returncode == 0
    assert misfold("replay", str(case)).returncode == 1
    careful = subprocess.run(
        command("replay", "-", "--target", "planted", "--pipeline", "careful"),
        input=case.read_text(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert careful.returncode == 0, careful.stdout + careful.stderr


def test_a_finished_campaign_is_resumed_without_doing_anything_twice(
    campaign: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = campaign
    before = identities(folder)
    result = misfold("run", "--folder", str(folder), "--count", "60", "--case-seconds", "2", "--no-drafts")
    assert result.returncode == 0, result.stderr
    assert "60 cases" in result.stdout
    assert identities(folder) == before


def test_a_folder_keeps_its_campaign(campaign: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = campaign
    result = misfold("run", "--folder", str(folder), "--seed", "6", "--count", "60")
    assert result.returncode == 2
    assert "holds a campaign with seed 5" in result.stderr
    assert "Traceback" not in result.stderr


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", *BASE, "--folder", str(folder), *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Any, process: subprocess.Popen[str], seconds: float = 120) -> None:
    """Wait until a condition holds; the process must not end before."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end, "the campaign did not get that far"
        time.sleep(0.05)


def has_findings(folder: Path, count: int) -> bool:
    try:
        return len(Store(folder).findings()) >= count
    except StoreError:
        return False  # not made yet


def test_a_killed_campaign_loses_and_doubles_nothing(
    campaign: tuple[Path, subprocess.CompletedProcess[str]], plugin: Path, tmp_path: Path
) -> None:
    whole, _ = campaign
    cut = tmp_path / "cut"
    process = start(cut, "--operators", OPERATORS, "--count", "60", "--no-drafts")
    wait_for(lambda: has_findings(cut, 2), process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive, "the fork servers and workers end with the campaign"
    before = identities(cut)
    result = misfold("run", "--folder", str(cut), "--count", "60", "--case-seconds", "2", "--no-drafts")
    assert result.returncode == 0, result.stdout + result.stderr
    after = identities(cut)
    assert set(before) <= set(after)
    own = identities(cut, met=False)
    assert len(set(own)) == len(own)
    assert own == identities(whole, met=False)
    assert not [item for item in Store(cut).findings() if item.status == "new"]


def test_a_folder_is_one_campaigns_which_finishes_and_summarises_when_interrupted(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    process = start(folder, "--operators", "torch.nn.functional.relu,torch.add", "--time", "10m")
    wait_for(lambda: has_findings(folder, 1), process)
    second = misfold("run", *BRIEF, "--operators", "torch.add", "--folder", str(folder), "--count", "5")
    assert second.returncode == 1
    assert "another campaign is running here" in second.stderr
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    assert "findings:" in output
    assert "misfold run --folder" in output


def test_interrupted_twice_it_stops_at_once(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    process = start(folder, "--operators", "torch.nn.functional.relu,torch.log", "--time", "10m")
    wait_for(lambda: has_findings(folder, 1), process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # signals that come together count once
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    # Where the first signal was enough to end it within half a second, the second one meets a process that prints its
    # summary, or one that has nothing left to do but to leave.
    gone = process.returncode == -signal.SIGINT and "(goes on)" in output
    assert process.returncode == 130 or gone, output
    assert "Traceback" not in output
    assert has_findings(folder, 1)


def test_workers_that_are_killed_at_random_are_no_findings(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    process = start(folder, "--operators", "torch.add,torch.neg,torch.mul", "--count", "300")
    pick = random.Random(3)
    killed = 0
    wait_for(lambda: (folder / FILE).exists(), process)
    while process.poll() is None and killed < 25:
        try:
            children = psutil.Process(process.pid).children()
            # The fork servers are children of the campaign, the workers are theirs.
            workers = [worker for child in children for worker in child.children()]
            if workers:
                pick.choice(workers).kill()
                killed += 1
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert killed > 5
    assert not [item for item in Store(folder).findings() if item.status in ("confirmed", "duplicate")]
    assert "300 cases" in output or "could not be made" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_ends_the_campaign_with_one_clear_error(plugin: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        result = misfold(
            "run",
            *BRIEF,
            "--operators",
            "torch.add,torch.nn.functional.relu",
            "--time",
            "4m",
            "--folder",
            str(disk / "c"),
        )
        assert result.returncode == 1
        error = [line for line in result.stderr.splitlines() if line.startswith("misfold:")]
        assert len(error) == 1
        assert "full" in error[0] or "No space" in error[0]
        assert "Traceback" not in result.stderr
        # What was committed before is whole.
        Store(disk / "c").findings()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
