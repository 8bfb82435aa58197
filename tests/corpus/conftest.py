"""A laboratory whose targets do what a test says, and case files to put in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest

from misfold.corpus.laboratory import Observation
from misfold.programs.errors import TargetError

GRAPH = """# misfold case, version 1

def program(x0: "float32[3]"):
    v0 = torch.neg(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
}

ABOUT = {"title": "negated", "expect": [%s]}
"""
KERNEL = """# misfold kernel, version 1
# seed: 3
# about: {"title": "copied", "expect": [%s]}

function kernel(x: in f32[4], y: out f32[4]) {
  for i in 0..4 {
    y[i] = x[i]
  }
}
"""


class FakeLaboratory:
    """Says of each target what ``results`` holds: a result, or several, the next one each time."""

    results: ClassVar[dict[str, list[str]]] = {}
    closed = 0

    def __init__(self, seconds: float = 1.0):
        self.calls: list[tuple[str, bool]] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        type(self).closed += 1

    def target(self, name, kernel):
        if name not in self.results:
            raise TargetError(f"target {name} cannot run here: not installed")
        return SimpleNamespace(versions=lambda: {"numpy": "2.1.0+cpu"}, aliases=True)

    def observe(self, entry, name, *, fresh=False, repeats=2):
        self.calls.append((name, fresh))
        results = self.results[name]
        result = results.pop(0) if len(results) > 1 else results[0]
        return Observation(result, "values" if result == "wrong" else result, f"it is {result}", f"{result} 17", 0.1)


@pytest.fixture
def laboratory():
    """A class of fake laboratories with no targets yet."""

    class Own(FakeLaboratory):
        results: ClassVar[dict[str, list[str]]] = {}
        closed = 0

    return Own
