"""Targets by entry point: the built-in ones, plug-ins, broken plug-ins."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from misfold.programs.errors import TargetError
from misfold.targets import registry
from misfold.targets.protocol import Target

BUILT_IN = ("eager", "inductor", "misfold", "onnxruntime", "tvm")
PLUGIN = """
from misfold.programs.pipeline import Pipeline
from misfold.targets.protocol import Target


class Good(Target):
    name = "good"
    family = "torch"

    def missing(self):
        return None

    def versions(self):
        return {}

    def pipelines(self):
        return (Pipeline("only"),)

    def compile(self, graph, inputs, pipeline):
        return lambda tensors: tensors


class Renamed(Good):
    name = "another"


class Nameless(Target):
    pass


class Unfinished(Target):
    name = "unfinished"
    family = "torch"


class Fragile(Good):
    name = "fragile"

    def __init__(self):
        raise OSError("no device")


number = 3
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """A list of entry points in place of those installed."""
    (tmp_path / "a_plugin.py").write_text(PLUGIN)
    (tmp_path / "a_broken_plugin.py").write_text("raise RuntimeError('boom')")
    monkeypatch.syspath_prepend(str(tmp_path))
    entries: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == "misfold.targets" else [])
    registry.forget()
    yield entries
    registry.forget()
    for name in ("a_plugin", "a_broken_plugin"):
        sys.modules.pop(name, None)


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "misfold.targets")


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_targets_register_like_any_other(name: str):
    assert registry.targets()[name].name == name
    target = registry.get(name)
    assert isinstance(target, Target)
    names = [pipeline.name for pipeline in target.pipelines()]
    assert names and len(set(names)) == len(names)
    assert "torch" in target.versions()
    assert target.missing() is None


def test_describing_targets_imports_nothing_heavy():
    import subprocess

    code = (
        "import sys; from misfold.targets import registry\n"
        f"for name in {BUILT_IN}:\n"
        "    target = registry.get(name); target.missing(); target.versions(); target.pipelines()\n"
        "print([name for name in ('torch', 'tvm', 'onnx', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    from misfold.targets import packages

    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "tvm" else object())
    assert registry.get("tvm").missing() == "tvm is not installed (try: pip install 'misfold[tvm]')"
    assert registry.get("eager").missing() is None


def test_unknown_target_lists_the_known_ones(plugins: list[EntryPoint]):
    plugins.append(entry("good", "a_plugin:Good"))
    with pytest.raises(TargetError, match=r"no target 'goood'; known: good"):
        registry.get("goood")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("broken", "a_broken_plugin:Anything", "'broken'.*RuntimeError: boom"),
        ("gone", "no_such_module_at_all:X", "'gone'.*ModuleNotFoundError"),
        ("lost", "a_plugin:NoSuchClass", "'lost'.*AttributeError"),
        ("number", "a_plugin:number", "not a subclass"),
        ("renamed", "a_plugin:Renamed", "calls itself 'another'"),
        ("nameless", "a_plugin:Nameless", "does not define compile, missing, pipelines, versions"),
        ("unfinished", "a_plugin:Unfinished", "does not define compile"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_go_on(
    plugins: list[EntryPoint], caplog: pytest.LogCaptureFixture, name: str, value: str, message: str
):
    plugins += [entry(name, value), entry("good", "a_plugin:Good")]
    with caplog.at_level(logging.WARNING):
        assert list(registry.targets()) == ["good"]
    assert name in caplog.text
    with pytest.raises(TargetError, match=message):
        registry.get(name)
    assert list(registry.broken()) == [name]


def test_a_constructor_that_fails_is_named(plugins: list[EntryPoint]):
    plugins.append(entry("fragile", "a_plugin:Fragile"))
    with pytest.raises(TargetError, match=r"'fragile' cannot be made: OSError: no device"):
        registry.get("fragile")


def test_a_name_cannot_be_taken_twice(plugins: list[EntryPoint], tmp_path: Path):
    (tmp_path / "b_plugin.py").write_text(PLUGIN)
    plugins += [entry("good", "a_plugin:Good"), entry("good", "b_plugin:Good")]
    assert registry.get("good").__class__.__module__ == "a_plugin"
    assert "is taken by a_plugin" in str(registry.broken()["good"])
