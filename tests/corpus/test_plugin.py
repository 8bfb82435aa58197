"""The pytest plug-in, in repositories of strangers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from misfold.corpus import laboratory as laboratories

from .conftest import GRAPH, KERNEL

pytest_plugins = ("pytester",)
KNOWN = '{"target": "inductor", "result": "wrong"}, {"target": "tvm", "result": "ok"}'


@pytest.fixture
def fake(laboratory, monkeypatch):
    """Results by target for the laboratories that the plug-in makes in this process."""
    monkeypatch.setattr(laboratories, "Laboratory", laboratory)
    return laboratory


@pytest.fixture
def repository(pytester, fake):
    pytester.makefile(".case.py", a=GRAPH % KNOWN)
    return pytester


def test_a_known_failure_is_expected_and_a_right_result_passes(repository, fake):
    fake.results.update(inductor=["wrong"], tvm=["ok"])
    result = repository.runpytest_inprocess("-rx", "--junitxml=report.xml")
    result.assert_outcomes(xfailed=1, passed=1)
    result.stdout.fnmatch_lines(["*a.case.py::inductor*negated*"])
    assert fake.closed == 1
    assert 'name="misfold" value="known"' in (repository.path / "report.xml").read_text()


def test_a_known_failure_that_is_gone_is_good_news(repository, fake):
    fake.results.update(inductor=["ok"], tvm=["ok"])
    result = repository.runpytest_inprocess()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*known failures that no longer fail*", "*a.case.py::inductor: negated*"])
    repository.runpytest_inprocess("--misfold-strict").assert_outcomes(passed=1, failed=1)


def test_a_new_failure_fails_and_says_what_was_seen(repository, fake):
    fake.results.update(inductor=["wrong"], tvm=["crash"])
    result = repository.runpytest_inprocess()
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*failed: crash (oracle crash): it is crash*"])


def test_targets_are_chosen_and_missing_ones_skipped(repository, fake):
    fake.results.update(tvm=["ok"])
    repository.runpytest_inprocess().assert_outcomes(skipped=1, passed=1)
    repository.runpytest_inprocess("--misfold-targets=tvm").assert_outcomes(passed=1)


def test_kernels_are_collected_too(pytester, fake):
    fake.results.update(tvm=["wrong"])
    pytester.makefile(".kernel", k=KERNEL % '{"target": "tvm", "result": "wrong"}')
    pytester.runpytest_inprocess().assert_outcomes(xfailed=1)


def test_a_broken_file_is_one_clear_error(pytester, fake):
    pytester.makefile(".case.py", a=GRAPH.replace("torch.neg", "os.system") % "")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*a.case.py:4: *system is not an operator*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("how", ["named", "found"])
def test_a_case_file_is_never_imported(pytester, fake, how):
    fake.results.update(inductor=["wrong"], tvm=["ok"])
    name = "test_a.py"
    hostile = GRAPH % KNOWN + "\nopen('executed', 'w').write('x')\n"
    (pytester.path / name).write_text(hostile)
    result = pytester.runpytest_inprocess(*([name] if how == "named" else []))
    result.assert_outcomes(errors=1)
    assert not (pytester.path / "executed").exists()
    (pytester.path / name).write_text(GRAPH % KNOWN)
    pytester.runpytest_inprocess(*([name] if how == "named" else [])).assert_outcomes(xfailed=1, passed=1)


def test_a_suite_without_case_files_pays_nothing(pytester):
    pytester.makepyfile(test_own="def test_own():\n    pass\n")
    code = (
        "import pytest, sys; status = pytest.main(['-q', '-p', 'no:cacheprovider']); "
        "heavy = {'torch', 'numpy', 'misfold.corpus.entries', 'misfold.programs.case'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else int(status))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=pytester.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
