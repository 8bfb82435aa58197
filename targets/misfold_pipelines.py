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


def _with(*added: list[Any]) -> list[list[Any]]:
    """O2 with passes before its last, so that what they leave is vectorised and cleaned up."""
    passes = named("O2").data()
    place = [entry[0] for entry in passes].index("vectorisation")
    return [*passes[:place], *added, *passes[place:]]


def _named(name: str) -> Pipeline:
    pipeline = named(name)
    return _pipeline(name, pipeline.data(), **pipeline.codegen)


_O2, _CODEGEN = named("O2").data(), named("O2").codegen

PIPELINES: tuple[Pipeline, ...] = (
    _named("O2"),
    *(_named(name) for name in NAMED if name != "O2"),
    # O2 without each of its passes
    *(_pipeline(f"without-{name}", _without(name), **_CODEGEN) for name in dict.fromkeys(entry[0] for entry in _O2)),
    # O2 with each of the passes that it does not have, in their liveliest settings
    *(
        _pipeline(f"with-{added[0]}", _with(added), **_CODEGEN)
        for added in (
            ["fission"],
            ["interchange", {"order": "reverse"}],
            ["partition"],
            ["skewing", {"when": "always"}],
            ["strength-reduction"],
            ["tiling", {"size": 4, "tail": "guard"}],
            ["unroll-and-jam"],
            ["unrolling", {"factor": 4, "full": 16}],
        )
    ),
    _pipeline("threads", _with(["parallelisation", {"minimum": 0}]), **{**_CODEGEN, "threads": 2}),
    # code generation
    _pipeline("bounds-checked", _O2, **{**_CODEGEN, "bounds_checked": True}),
    _pipeline("no-contraction", _O2, **{**_CODEGEN, "contract": False}),
    _pipeline("llvm-O0", _O2, **{**_CODEGEN, "level": 0}),
    _pipeline("llvm-O3", _O2, **{**_CODEGEN, "level": 3}),
    _pipeline("256-bit-vectors", _O2, **{**_CODEGEN, "vector_bits": 256}),
    Pipeline("dynamic", {"dynamic": True}),
)
