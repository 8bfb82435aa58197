"""Mutators of pipelines: other passes, in another order, with other parameters and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from misfold.programs.pipeline import Pipeline

from .legality import Legality

Step = tuple[str, Mapping[str, Any]]
Steps = tuple[Step, ...]

#: A pipeline has at most so many passes.
MAX_PASSES = 40
#: With a model of what is legal, one of so many mutants is chosen by it.
_CANDIDATES = 8
#: How much more a mutant is preferred that is likelier to work.
_SHARPNESS = 2.0
_ATTEMPTS = 20


class Space(Protocol):
    """What a target's pipelines are made of."""

    @property
    def passes(self) -> Mapping[str, Mapping[str, tuple[Any, ...]]]:
        """All passes, with the values that each parameter may have."""

    @property
    def default(self) -> Sequence[str]:
        """The passes of the target's own pipeline, in order."""

    @property
    def options(self) -> Mapping[str, tuple[Any, ...]]:
        """The values that each option may have."""

    @property
    def after(self) -> Mapping[str, Sequence[str]]:
        """For a pass those that it must come after."""


def mutate_pipeline(
    pipeline: Pipeline,
    random: Random,
    space: Space,
    donors: Sequence[Pipeline] = (),
    legality: Legality | None = None,
) -> Pipeline:
    """The pipeline with one change, its name kept; the same pipeline if nothing can be changed.

    With ``legality``, several mutants are made and one is chosen, the likelier the more likely it is to work.
    """
    candidates = []
    for _ in range(_ATTEMPTS):
        mutator = random.choice(list(PIPELINE_MUTATORS.values()))
        made = mutator(pipeline, random, space, donors, legality)
        if made is not None and made != pipeline:
            candidates.append(made)
            if legality is None or len(candidates) == _CANDIDATES:
                break
    if not candidates:
        return pipeline
    if legality is None:
        return candidates[0]
    return _chosen(candidates, [legality.score(names(one, space)) for one in candidates], random)


def steps(pipeline: Pipeline, space: Space) -> Steps:
    """A pipeline's passes with their parameters; the space's default where it states none."""
    return pipeline.passes if pipeline.passes is not None else tuple([(name, {}) for name in space.default])


def names(pipeline: Pipeline, space: Space) -> list[str]:
    """The names of a pipeline's passes: what ``Legality`` takes."""
    return [name for name, _ in steps(pipeline, space)]


def _chosen(items: Sequence[Any], scores: Sequence[float], random: Random) -> Any:
    best = max(scores)
    weights = [(score / best) ** _SHARPNESS if best > 0 else 1.0 for score in scores]
    return random.choices(items, weights)[0]


def _parameters(name: str, random: Random, space: Space) -> dict[str, Any]:
    """Parameters of a new pass: some other than the default."""
    values = space.passes.get(name, {})
    return {one: random.choice(choices) for one, choices in values.items() if choices and random.random() < 0.4}


# ----------------------------------------------------------------------------------------------------------- mutators

Donors = Sequence[Pipeline]


def insert_pass(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """A pass more; the model of what is legal chooses the place."""
    old = steps(pipeline, space)
    if not space.passes or len(old) >= MAX_PASSES:
        return None
    name = random.choice(list(space.passes))
    new = (name, _parameters(name, random, space))
    lists = [(*old[:place], new, *old[place:]) for place in range(len(old) + 1)]
    if legality is None:
        chosen = random.choice(lists)
    else:
        chosen = _chosen(lists, [legality.score([name for name, _ in one]) for one in lists], random)
    return replace(pipeline, passes=chosen)


def delete_pass(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """A pass less."""
    old = steps(pipeline, space)
    if not old:
        return None
    place = random.randrange(len(old))
    return replace(pipeline, passes=(*old[:place], *old[place + 1 :]))


def swap_passes(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """Two neighbours change places."""
    old = steps(pipeline, space)
    if len(old) < 2:
        return None
    place = random.randrange(len(old) - 1)
    return replace(pipeline, passes=(*old[:place], old[place + 1], old[place], *old[place + 2 :]))


def move_pass(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """A pass at any other place."""
    old = steps(pipeline, space)
    if len(old) < 2:
        return None
    source = random.randrange(len(old))
    rest = (*old[:source], *old[source + 1 :])
    target = random.randrange(len(rest) + 1)
    return replace(pipeline, passes=(*rest[:target], old[source], *rest[target:]))


def change_parameter(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """Another value of a parameter of a pass, or none: its default."""
    old = steps(pipeline, space)
    places = [place for place, (name, _) in enumerate(old) if space.passes.get(name)]
    if not places:
        return None
    place = random.choice(places)
    name, parameters = old[place]
    changed = _changed(parameters, space.passes[name], random)
    return replace(pipeline, passes=(*old[:place], (name, changed), *old[place + 1 :]))


def change_option(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """Another value of an option, or none: its default."""
    return replace(pipeline, options=_changed(pipeline.options, space.options, random)) if space.options else None


def _changed(old: Mapping[str, Any], space: Mapping[str, tuple[Any, ...]], random: Random) -> dict[str, Any]:
    name = random.choice(list(space))
    new = {key: value for key, value in old.items() if key != name}
    others = [value for value in space[name] if name not in old or repr(value) != repr(old[name])]
    if others and (name not in old or random.random() < 0.8):
        new[name] = random.choice(others)
    return new


def cross(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """The first passes of one and the last of a donor, and options of either."""
    if not donors:
        return None
    donor = random.choice(donors)
    first, second = steps(pipeline, space), steps(donor, space)
    if random.random() < 0.5:
        first, second = second, first
    # Both are cut at about the same fraction, so that what comes early stays early.
    fraction = random.random()
    made = (*first[: round(fraction * len(first))], *second[round(fraction * len(second)) :])
    options = {}
    for name in dict.fromkeys([*pipeline.options, *donor.options]):
        source = random.choice((pipeline, donor)).options
        if name in source:
            options[name] = source[name]
    return replace(pipeline, passes=made[:MAX_PASSES], options=options)


def reset(
    pipeline: Pipeline, random: Random, space: Space, donors: Donors, legality: Legality | None
) -> Pipeline | None:
    """The default passes or the default options again."""
    if pipeline.options and random.random() < 0.5:
        return replace(pipeline, options={})
    # Rarely: it undoes what was found.
    return replace(pipeline, passes=tuple([(name, {}) for name in space.default])) if random.random() < 0.2 else None


Mutator = Callable[[Pipeline, Random, Space, Donors, Legality | None], Pipeline | None]

#: All mutators of pipelines, by name.
PIPELINE_MUTATORS: Mapping[str, Mutator] = {
    "insert-pass": insert_pass,
    "delete-pass": delete_pass,
    "swap-passes": swap_passes,
    "move-pass": move_pass,
    "change-parameter": change_parameter,
    "change-option": change_option,
    "cross": cross,
    "reset": reset,
}
