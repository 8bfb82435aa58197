"""Exceptions as data: what is kept of chains, frames, and of exceptions that fight back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from misfold.targets.failures import TEXT_CAP, capped, chain, failure_of, file_module
from misfold.targets.isolation.deaths import dump_frames, explain
from misfold.targets.protocol import Unsupported

ME = __name__


class Wrapper(Exception):
    """As torch's BackendCompilerFailed: names what it wraps, and is raised ``from None``."""

    def __init__(self, inner: Exception):
        super().__init__(f"backend failed: {type(inner).__name__}: {inner}")
        self.inner_exception = inner


def deepest() -> None:
    raise ValueError("the real one")


def middle() -> None:
    deepest()


def caught(action) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def wrapped() -> None:
    try:
        middle()
    except ValueError as error:
        raise Wrapper(error) from None


def caused() -> None:
    try:
        middle()
    except ValueError as error:
        raise RuntimeError("while lowering") from error


def quoted() -> None:
    try:
        middle()
    except ValueError as error:
        raise RuntimeError(f"while lowering: {error}")  # noqa: B904 - the implicit context is the point


def unrelated() -> None:
    try:
        middle()
    except ValueError:
        raise RuntimeError("another way failed")  # noqa: B904


def suppressed() -> None:
    try:
        middle()
    except ValueError as error:
        raise RuntimeError(f"instead of {error}") from None


def lookup() -> None:
    try:
        {}["aten.foo"]
    except KeyError as error:
        raise NotImplementedError("no lowering of aten.foo") from error


def tool() -> None:
    try:
        subprocess.run([sys.executable, "-c", "import sys; sys.exit(1)"], check=True)
    except subprocess.CalledProcessError as error:
        raise RuntimeError("C++ compile error: no member named x") from error


@pytest.mark.parametrize("action", [wrapped, caused, quoted])
def test_the_innermost_cause_speaks(action):
    failure = failure_of(caught(action))
    assert (failure.type, failure.message) == ("ValueError", "the real one")
    assert failure.frames == (f"{ME}:caught", f"{ME}:{action.__name__}", f"{ME}:middle", f"{ME}:deepest")
    assert "the real one" in failure.traceback
    assert ("backend failed" if action is wrapped else "while lowering") in failure.traceback


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (unrelated, "RuntimeError"),
        (suppressed, "RuntimeError"),
        (lookup, "NotImplementedError"),
        (tool, "RuntimeError"),
    ],
)
def test_an_incidental_cause_does_not(action, kind: str):
    failure = failure_of(caught(action))
    assert failure.type == kind
    assert failure.frames == (f"{ME}:caught", f"{ME}:{action.__name__}")


def test_circles_end():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert chain(one) == [one, two]


def test_qualified_types_and_operators():
    failure = failure_of(Unsupported("no aten.foo here", operator="aten.foo"))
    assert (failure.type, failure.operator) == ("misfold.targets.protocol.Unsupported", "aten.foo")
    assert failure_of(KeyError("x")).operator is None


def test_a_runaway_recursion_keeps_both_ends():
    def one() -> None:
        two()

    def two() -> None:
        one()

    frames = failure_of(caught(one)).frames
    assert len(frames) == 80
    assert frames[0] == f"{ME}:caught" and set(frames[1:]) == {f"{ME}:one", f"{ME}:two"}


class Hostile(Exception):
    """Everything that can raise does."""

    def __str__(self) -> str:
        raise SystemExit("not me")

    __repr__ = __str__

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_an_exception_that_fights_back():
    failure = failure_of(Hostile(object()))
    assert failure.type == f"{ME}.Hostile"
    assert failure.message == "(no message: __str__ raised SystemExit)"


def test_long_texts_keep_both_ends():
    failure = failure_of(ValueError("start" + "x" * 10**6 + "end"))
    for text in (failure.message, failure.traceback):
        assert len(text) < TEXT_CAP + 100
        assert text.rstrip().endswith("end") and "characters left out" in text
    assert failure.message.startswith("start")
    assert capped("\udc80") == "\\udc80"


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("/usr/lib/python3/site-packages/torch/_inductor/graph.py", "torch._inductor.graph"),
        ("/v/lib/python3.11/site-packages/torch/__init__.py", "torch"),
        ("/v/lib/python3.11/subprocess.py", "subprocess"),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap"),
        ("<string>", "<string>"),
        ("/misfold/program_0123456789abcdef.py", "misfold_program"),
        ("/nowhere/at/all/cabc.py", "cabc"),
        (failure_of.__code__.co_filename, "misfold.targets.failures"),
    ],
)
def test_modules_of_files(path: str, module: str):
    assert file_module(path) == module


def test_modules_of_packages_by_the_folders_around_them(tmp_path):
    package = tmp_path / "outer" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    assert file_module(str(package / "code.py")) == "outer.inner.code"


DUMP = """Fatal Python error: Segmentation fault

Thread 0x00007f0000000001 (most recent call first):
  File "/v/lib/python3.11/threading.py", line 1 in wait

{current} 0x00007f0000000002 (most recent call first):
  {hit}

Thread 0x00007f0000000003 (most recent call first):
  File "/v/lib/python3.11/site-packages/torch/_ops.py", line 1 in __call__
  File "/misfold/program_00.py", line 3 in program
  File "<frozen runpy>", line 88 in _run_code

Extension modules: torch._C (total: 1)
"""


def test_frames_of_the_thread_that_was_hit():
    dump = DUMP.format(current="Current thread", hit='File "/v/lib/python3.11/queue.py", line 1 in get')
    assert dump_frames(dump) == ("queue:get",)


def test_frames_of_the_main_thread_if_the_one_hit_runs_no_python():
    dump = DUMP.format(current="Current thread", hit="<no Python frame>")
    assert dump_frames(dump) == ("misfold_program:program", "torch._ops:__call__")
    assert dump_frames("garbage") == () == dump_frames("")


def test_exit_and_unknown_signals():
    assert (
        explain(3 << 8, None, "", "", "", 1, 1)[1].message == "the worker exited with status 3 in the middle of a call"
    )
    assert explain(9, None, "", "", "", 1, 1)[1].type == "SIGKILL"
    assert explain(40, None, "", "", "", 1, 1)[1].type == "signal 40"
