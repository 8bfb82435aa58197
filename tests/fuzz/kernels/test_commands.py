"""``replay``, ``export`` and ``run`` for kernels, as a user types them."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.programs.errors import MisfoldError

KERNEL = """# misfold kernel, version 1
# seed: 7

function kernel(x: in i32[5], y: out i32[5]) {
  for n in 0..5 {
    y[n] = x[(3 - n) % 5] // 2:i32
  }
}
"""


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "case.kernel"
    path.write_text(KERNEL)
    return path


def test_replay(kernel):
    run = CliRunner().invoke(make_app(), ["replay", str(kernel), "-t", "misfold", "-n", "2"])
    assert run.exit_code == 0
    assert run.stdout.count("misfold (O2): ok (values, oracle values)") == 2


def test_export_writes_a_script_that_stands_alone(kernel, tmp_path):
    script = tmp_path / "script.py"
    run = CliRunner().invoke(make_app(), ["export", str(kernel), "-t", "misfold", "-o", str(script)])
    assert run.exit_code == 0
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "passes: misfold gives what the loops say\n")
    # a script that expects something else says so
    wrong = script.read_text().replace("(0, ", "(0, 100 + ", 1)
    script.write_text(wrong)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "FAILS: misfold differs from what the loops say" in done.stdout


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (KERNEL, ["-t", "no_such"], "no_such"),
        (KERNEL, ["-t", "misfold", "-p", "no-such"], "unknown pipeline 'no-such'"),
        (KERNEL.replace("y[n]", "z[n]"), ["-t", "misfold"], "case.kernel:6"),
        (KERNEL.replace("seed: 7", "seed: -"), ["-t", "misfold"], "case.kernel:2"),
        (KERNEL.replace("version 1", "version 9"), ["-t", "misfold"], "case.kernel:1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, options, message):
    path = tmp_path / "case.kernel"
    path.write_text(text)
    run = CliRunner().invoke(make_app(), ["replay", str(path), *options])
    assert isinstance(run.exception, MisfoldError)
    assert message in str(run.exception)
    assert "\n" not in str(run.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kernels", "--loop", "stall=3"], "no setting 'stall'"),
        (["--kernels", "--loop", "stalls=x"], "not a choice"),
        (["--kernels", "--coverage", "tvm-edges"], "no source of coverage"),
        (["--kernels", "--targets", "inductor"], "inductor"),
    ],
)
def test_wrong_options_of_run(tmp_path, options, message):
    run = CliRunner().invoke(make_app(), ["run", "--count", "1", "--folder", str(tmp_path / "c"), *options])
    assert isinstance(run.exception, MisfoldError)
    assert message in str(run.exception)
