"""Element types: which combinations an operator takes, and the simplest family that gives its outputs'."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from misfold.programs.dtypes import DTYPES

from ..rules.dtypes import SCALARS, DtypeRule, Types, apply, conforms

# All pairs and triples of so many element types are too many; this many random ones are tried.
_MIXED = 30


def probes(known: Iterable[Types], tensors: int, rng: random.Random) -> list[Types]:
    """Combinations to try: one type for all tensors, one tensor unlike the others, and random ones."""
    if tensors == 0:
        return []
    names = list(DTYPES)
    found: dict[Types, None] = dict.fromkeys((name,) * tensors for name in names)
    bases = list(known)
    rng.shuffle(bases)
    for base in bases[:3] if tensors > 1 else ():
        for place in range(min(tensors, 4)):
            for name in names:
                found.setdefault((*base[:place], name, *base[place + 1 :]))
    if tensors > 1:
        for _ in range(_MIXED):
            found.setdefault(tuple(rng.choice(names) for _ in range(tensors)))
    return [item for item in found if item not in bases]


def learn_dtypes(
    seen: Mapping[Types, Types], refused: set[Types], scalar: Sequence[bool], numbers: Sequence[str]
) -> DtypeRule:
    """The rule for what was seen: outputs by combination, and combinations that were refused."""
    outputs = max((len(names) for names in seen.values()), default=0)
    families = []
    for position in range(outputs):
        pairs = {types: names[position] for types, names in seen.items() if position < len(names)}
        families.append(_family(pairs, len(scalar), scalar, numbers))
    table = dict(seen) if "table" in families else {}
    common = (tuple(families), tuple(scalar), tuple(numbers), table)
    for groups in _patterns(len(scalar)):
        sets = _sets(seen, groups)
        if all(conforms(types, groups, sets) for types in seen):
            if not any(conforms(types, groups, sets) for types in refused):
                return DtypeRule(common[0], groups, sets, None, *common[1:])
    return DtypeRule(common[0], (), (), frozenset(seen), *common[1:])


def _patterns(tensors: int) -> Iterator[tuple[int, ...]]:
    """Ways to group tensors that share their element type, the freest first."""
    if tensors == 0:
        yield ()
        return
    yield tuple(range(tensors))
    if tensors <= 4:
        found: set[tuple[int, ...]] = {(0,)}
        for _ in range(tensors - 1):
            found = {(*item, group) for item in found for group in range(max(item) + 2)}
        yield from sorted(found - {tuple(range(tensors)), (0,) * tensors}, key=lambda item: (-len(set(item)), item))
    else:
        yield tuple(0 if place == 0 else 1 for place in range(tensors))
        yield tuple(0 if place < tensors - 1 else 1 for place in range(tensors))
    yield (0,) * tensors


def _sets(seen: Iterable[Types], groups: Sequence[int]) -> tuple[Types, ...]:
    order = list(DTYPES)
    found: dict[int, set[str]] = {group: set() for group in groups}
    for types in seen:
        for name, group in zip(types, groups, strict=True):
            found[group].add(name)
    return tuple(tuple(sorted(found[group], key=order.index)) for group in sorted(found))


def _family(pairs: Mapping[Types, str], tensors: int, scalar: Sequence[bool], numbers: Sequence[str]) -> str:
    """The first family that gives all pairs."""
    results = set(pairs.values())
    if len(results) == 1 and (results & set(SCALARS) or tensors == 0):
        return f"const:{results.pop()}"
    inner = [f"same:{place}" for place in range(tensors)]
    if tensors > 1 or numbers:
        inner.append("promote")
    places = range(min(tensors, 5))
    inner += [f"promote:{one},{two}" for one in places for two in places if one < two and tensors > 2]
    inner += [f"promote:{one}" for one in places if tensors > 1 and numbers]
    varied = len(pairs) > 1
    words = [*inner, *(f"{outer}({item})" for outer in ("float", "sum") for item in inner)]
    if len(results) == 1 and varied:
        words.insert(0, f"const:{next(iter(results))}")
    for word in words:
        if all(apply(word, types, scalar, numbers) == name for types, name in pairs.items()):
            return word
    return f"const:{results.pop()}" if len(results) == 1 else "table"
