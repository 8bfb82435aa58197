"""Fewer passes and options: delta debugging of pipelines, the same for graphs and kernels.

The target's default pipeline comes first, whatever it does: a failure under that is worth more than one under a list
that somebody has to read. Then passes are left out, half of them at first; then options and parameters, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from misfold.programs.pipeline import Pipeline

C = TypeVar("C")
#: Makes a case with another pipeline for the target that is being reduced for.
WithPipeline = Callable[[C, Pipeline], C]

REDUCED = "reduced"


def pipeline_weight(pipeline: Pipeline, usual: Sequence[Pipeline]) -> tuple[Any, ...]:
    """The target's own pipelines weigh least, in their order; then by passes, options and parameters."""
    for place, own in enumerate(usual):
        if (own.options, own.passes) == (pipeline.options, pipeline.passes):
            return (0, 0, 0) if not place else (1, _size(pipeline), place)
    return (1, _size(pipeline), len(usual))


def _size(pipeline: Pipeline) -> int:
    passes = pipeline.passes or ()
    # A list is more to read than the default that its absence means.
    listed = 0 if pipeline.passes is None else 4 * len(passes) + 1
    return listed + sum(len(parameters) for _, parameters in passes) + _items(pipeline.options)


def _items(options: Any) -> int:
    if isinstance(options, Mapping):
        return sum(1 + _items(value) for value in options.values())
    return sum(1 + _items(item) for item in options) if isinstance(options, list | tuple) else 0


def simpler_pipelines(pipeline: Pipeline, usual: Sequence[Pipeline]) -> Iterator[Pipeline]:
    """Pipelines to try in place of one, in the order of how much they would save."""
    if usual and (usual[0].options, usual[0].passes) != (pipeline.options, pipeline.passes):
        yield usual[0]
    passes = pipeline.passes
    if passes is not None:
        if usual and usual[0].passes is None:
            yield replace(pipeline, name=REDUCED, passes=None)
        size = len(passes)
        while size:
            for start in range(0, len(passes), size):
                yield replace(pipeline, name=REDUCED, passes=passes[:start] + passes[start + size :])
            size //= 2
        for place, (name, parameters) in enumerate(passes):
            for key in parameters:
                less = {other: value for other, value in parameters.items() if other != key}
                changed = (*passes[:place], (name, less), *passes[place + 1 :])
                yield replace(pipeline, name=REDUCED, passes=changed)
    for options in _fewer(pipeline.options):
        yield replace(pipeline, name=REDUCED, options=options)


def _fewer(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in options.items():
        rest = {other: item for other, item in options.items() if other != key}
        yield rest
        if isinstance(value, Mapping) and value:
            yield from ({**options, key: less} for less in _fewer(value))
        elif isinstance(value, list) and len(value) > 1:
            size = len(value) // 2
            while size:
                for start in range(0, len(value), size):
                    yield {**options, key: value[:start] + value[start + size :]}
                size //= 2
