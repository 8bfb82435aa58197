"""Checks on a pipeline's options, which may come from a file that a person wrote."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline


def check_pipeline(target: str, pipeline: Pipeline, known: Mapping[str, type], passes: bool = False) -> None:
    """Raise TargetError unless the pipeline's options are among ``known``, with values of the type stated there."""
    where = f"{target}, pipeline {pipeline.name!r}"
    if pipeline.passes is not None and not passes:
        raise TargetError(f"{where}: this target has no list of passes")
    for name, value in pipeline.options.items():
        if name not in known:
            raise TargetError(f"{where}: {unknown('option', name, known)}")
        wanted = known[name]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise TargetError(f"{where}: option {name} must be a {wanted.__name__}, not {value!r}")


def unknown(kind: str, name: str, known: Any) -> str:
    """``unknown KIND 'NAME'``, with what was probably meant, or what there is."""
    names = sorted(known)
    close = get_close_matches(name, names, 3)
    if close:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"unknown {kind} {name!r}; known: {shown}"
