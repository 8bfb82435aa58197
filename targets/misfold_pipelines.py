"""The pipelines of misfold's own compiler as a target, as data."""

from __future__ import annotations

from typing import Any

from misfold.compiler.pipelines import NAMED, named
from misfold.programs.pipeline import Pipeline


def _pipeline(name: str, passes: list[list[Any]], **codegen: Any) -> Pipeline:
    listed = tuple((entry[0], dict(entry[1]) if len(entry) > 1 else {}) for entry in passes)
    return Pipeline(name, {"codegen": codegen} if codegen else {}, listed)


def _without(name: str) -> list[list[Any]]:
    return [entry for entry in named("O2").data() if entry[0] != name]


def _named(name: str) -> Pipeline:
    pipeline = named(name)
    return _pipeline(name, pipeline.data(), **pipeline.codegen)


PIPELINES: tuple[Pipeline, ...] = (
    _named("O2"),
    *(_named(name) for name in NAMED if name != "O2"),
    # O2 without each of its passes
    *(
        _pipeline(f"without-{name}", _without(name), **named("O2").codegen)
        for name in dict.fromkeys(entry[0] for entry in named("O2").data())
    ),
    # code generation
    _pipeline("bounds-checked", named("O2").data(), **{**named("O2").codegen, "bounds_checked": True}),
    _pipeline("no-contraction", named("O2").data(), **{**named("O2").codegen, "contract": False}),
    Pipeline("dynamic", {"dynamic": True}),
)
