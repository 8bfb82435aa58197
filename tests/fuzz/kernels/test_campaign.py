"""A campaign of kernels against a target with a planted bug, end to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from misfold.fuzz.campaign import Stop
from misfold.fuzz.kernels.campaign import KernelRunner
from misfold.fuzz.kernels.expected import from_data, to_data
from misfold.fuzz.settings import Settings
from misfold.fuzz.store import Store
from misfold.generators.kernels import generate
from misfold.oracles.kernels import expect
from misfold.programs.kernel import KernelCase, parse_kernel_case


def settings(**changes) -> Settings:
    usual = {"seed": 5, "targets": ("misfold",), "time": None, "count": 80, "jobs": 1, "kernels": True}
    return Settings(**{**usual, **changes})


def run(folder, **changes) -> Store:
    runner = KernelRunner(folder, settings(**changes))
    runner.run(lambda _: None)
    assert isinstance(runner.stop, Stop)
    return Store(folder)


def test_a_campaign_runs_is_resumed_and_keeps_its_corpus(tmp_path):
    coverage = ("misfold.compiler-lines",)
    store = run(tmp_path / "a", count=40, coverage=coverage)
    first = store.number_of_cases(store.campaign())
    store.close()
    runner = KernelRunner(tmp_path / "a", settings(count=80, coverage=coverage))
    sizes = []
    runner.run(lambda one: sizes.append(one.scheduler.size() if hasattr(one, "scheduler") else 0))
    store = Store(tmp_path / "a")
    assert first == 40
    assert store.number_of_cases(store.campaign()) == 80
    assert sizes[-1] > 0
    assert runner.reached is not None
    assert runner.reached.totals()["misfold.compiler-lines"] > 500
    assert not [finding for finding in store.findings() if finding.status == "confirmed"]
    store.close()


PLANTED = '''
from misfold.targets.kernels.misfold import Misfold as Base


class Planted(Base):
    """misfold's compiler, with floor division of indices that rounds to zero."""

    name = "planted"
    family = "planted"

    def compile(self, function, pipeline):
        from dataclasses import replace

        from misfold.compiler.loops.ir import Binary
        from misfold.compiler.loops.visit import map_all_expressions, rewrite

        def wrong(node):
            return Binary("truncdiv", node.left, node.right) if getattr(node, "op", "") == "floordiv" else node

        body = map_all_expressions(function.body, lambda one: rewrite(one, wrong))
        integers = all(one.buffer.dtype.is_integer for one in function.parameters)
        return super().compile(replace(function, body=body) if integers else function, pipeline)
'''


@pytest.mark.slow
def test_a_planted_bug_is_found_reduced_and_shown_by_a_script(tmp_path):
    """The target is registered by an entry point, as a stranger's would be."""
    package = tmp_path / "site"
    package.mkdir()
    (package / "planted_kernels.py").write_text(PLANTED)
    info = package / "planted_kernels-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted-kernels\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[misfold.kernel_targets]\nplanted = planted_kernels:Planted\n")
    command = [sys.executable, "-m", "misfold.fuzz", "run", "--kernels", "--targets", "planted", "--count", "1200"]
    command += ["--seed", "3", "--folder", str(tmp_path / "c"), "--coverage", "misfold.compiler-lines"]
    done = subprocess.run(command, env={"PYTHONPATH": str(package), "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    store = Store(tmp_path / "c")
    bugs = store.bugs()
    assert bugs
    assert any("floordiv" in bug.title for bug in bugs)
    case = parse_kernel_case(next(item.reduced for item in store.findings() if item.reduced))
    assert len(case.text.splitlines()) < 25
    store.close()


def test_what_is_expected_survives_the_way():
    import random

    for seed in range(12):
        expected = expect(KernelCase(generate(random.Random(seed)), seed))
        again = from_data(to_data(expected))
        assert again.values.keys() == expected.values.keys()
        assert all(
            (again.values[name] == array).all() or array.dtype.kind in "fV" for name, array in expected.values.items()
        )
        assert (again.approximate, again.invalid) == (expected.approximate, expected.invalid)
        assert to_data(again)["digest"] == to_data(expected)["digest"]
