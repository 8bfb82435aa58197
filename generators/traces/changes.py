"""Changes of calls: from one call that is valid to many that may or may not be.

Each change is one thing that a rule could depend on. Those that keep the structure (ranks, lengths, what is given)
come more often: a rule is about one structure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.dtypes import DTYPES
from misfold.programs.types import TensorType

from .call import Call
from .drafts import Draft

# Sizes to choose from: edges, primes, powers of two and their neighbours; small, so that a call takes microseconds.
SIZES = (2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17)
EDGE_SIZES = (0, 1)
PRIMES = (2, 3, 5, 7, 11, 13)
# No tensor of a call may have more elements, no integer that was changed be larger, no call have more dimensions.
MAX_ELEMENTS = 2**12
MAX_INTEGER = 64
MAX_RANK = 7
# The unsigned types above 8 bits have few kernels: they come seldom.
_COMMON = [DTYPES[name] for name in "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()]
_RARE = [DTYPES[name] for name in ("uint16", "uint32", "uint64")]
_FORMATS = ("torch.contiguous_format", "torch.channels_last", "torch.channels_last_3d", "torch.preserve_format")

#: What else arguments of a function may be: by keyword, and by position for strings.
Donors = Mapping[str, Sequence[Argument]]

Change = Callable[[Draft, Random, Donors], bool]


def _near(value: int, random: Random) -> int:
    """An integer that is likely to sit on the other side of a border from ``value``."""
    return random.choice(
        (value + 1, value - 1, value + 1, value - 1, 0, -1, 1, value * 2, -value, value + 2, random.choice(PRIMES))
    )


def _size(random: Random, edges: float = 0.1) -> int:
    return random.choice(EDGE_SIZES if random.random() < edges else SIZES)


def _integer(draft: Draft, random: Random, donors: Donors) -> bool:
    places = draft.places(int)
    if not places:
        return False
    place = random.choice(places)
    draft.values[place] = _near(draft.values[place], random)
    return True


def _integers(draft: Draft, random: Random, donors: Donors) -> bool:
    """Several integers at once, to small positive values mostly."""
    places = draft.places(int)
    for place in places:
        if random.random() < 0.6:
            draft.values[place] = random.choice((1, 2, 3, 1, 2, 0, 4, 5)) if random.random() < 0.8 else -1
    return bool(places)


def _dim(draft: Draft, random: Random, donors: Donors) -> bool:
    """One dimension of one tensor, whatever it is equal to: this breaks equal pairs."""
    dims = draft.dims()
    if not dims:
        return False
    place, axis, size = random.choice(dims)
    new = random.choice((size + 1, max(size - 1, 0), 1, 0, size * 2, _size(random), _size(random)))
    draft.resize(place, axis, new)
    return True


def _dims(draft: Draft, random: Random, donors: Donors) -> bool:
    """All dimensions of one size together, and at times the integers equal to it."""
    dims = draft.dims()
    if not dims:
        return False
    _, _, old = random.choice(dims)
    _rename(draft, {old: _size(random)}, random.random() < 0.5)
    return True


def _sizes(draft: Draft, random: Random, donors: Donors) -> bool:
    """All dimensions anew, equal ones equal; different ones different, so that no equality holds by chance."""
    olds = sorted({size for _, _, size in draft.dims() if size > 1})
    if not olds:
        return False
    # The more dimensions, the smaller they have to be for the product to stay small.
    rank = max(len(draft.values[place].shape) for place in draft.tensors)
    sizes = SIZES if rank < 4 else SIZES[:7] if rank == 4 else SIZES[:4]
    if len(olds) <= len(sizes) and random.random() < 0.85:
        news = random.sample(sizes, len(olds))
        if random.random() < 0.4:
            news.sort()  # what has to be larger stays larger
    else:
        news = [random.choice(sizes) if random.random() < 0.9 else random.choice(EDGE_SIZES) for _ in olds]
    _rename(draft, dict(zip(olds, news)), random.random() < 0.5)
    return True


def _each(draft: Draft, random: Random, donors: Donors) -> bool:
    """Every dimension moves by itself: rules that equalities seemed to explain show."""
    dims = draft.dims()
    for place, axis, size in dims:
        if random.random() < 0.5:
            draft.resize(place, axis, max(size + random.choice((-1, 1, 1, 2, 3)), 0))
    return bool(dims)


def _rename(draft: Draft, news: Mapping[int, int], integers: bool) -> None:
    for place in draft.tensors:
        draft.reshape(place, tuple([news.get(size, size) for size in draft.values[place].shape]))
    if integers:
        for place in draft.places(int):
            draft.values[place] = news.get(draft.values[place], draft.values[place])


def _equal(draft: Draft, random: Random, donors: Donors) -> bool:
    """One dimension becomes equal to another, or an integer to a dimension, or the other way round."""
    dims, integers = draft.dims(), draft.places(int)
    if not dims or len(dims) + len(integers) < 2:
        return False
    place, axis, size = random.choice(dims)
    if integers and random.random() < 0.4:
        chosen = random.choice(integers)
        if random.random() < 0.5:
            draft.values[chosen] = size
        else:
            draft.resize(place, axis, max(draft.values[chosen], 0))
    else:
        draft.resize(place, axis, random.choice(dims)[2])
    return True


def _scale(draft: Draft, random: Random, donors: Donors) -> bool:
    """A size and an integer grow by one factor: what has to divide or to multiply up still does."""
    dims, integers = draft.dims(), draft.places(int)
    if not dims or not integers:
        return False
    _, _, old = random.choice(dims)
    factor = random.choice((2, 3))
    _rename(draft, {old: old * factor}, False)
    chosen = random.choice(integers)
    draft.values[chosen] *= factor
    return True


def _swap(draft: Draft, random: Random, donors: Donors) -> bool:
    """Two dimensions of one tensor or two integers of one list change places."""
    sequences = [node for node in draft.sequences() if len(node) > 2]
    if sequences and random.random() < 0.5:
        node = random.choice(sequences)
        left, right = random.sample(node[1:], 2)
        draft.values[left], draft.values[right] = draft.values[right], draft.values[left]
        return True
    places = [place for place in draft.tensors if len(draft.values[place].shape) > 1]
    if not places:
        return False
    place = random.choice(places)
    shape = list(draft.values[place].shape)
    left, right = random.sample(range(len(shape)), 2)
    shape[left], shape[right] = shape[right], shape[left]
    draft.reshape(place, tuple(shape))
    return True


def _rank(draft: Draft, random: Random, donors: Donors) -> bool:
    """A leading dimension more or less, of one tensor or of all; or a dimension of 1 anywhere."""
    tensors = draft.tensors
    if not tensors:
        return False
    chosen = tensors if random.random() < 0.4 else [random.choice(tensors)]
    how, size = random.choice(("add", "drop", "unsqueeze", "last")), random.choice((1, 2, 3))
    for place in chosen:
        shape = draft.values[place].shape
        if how == "add":
            shape = (size, *shape)
        elif how == "drop":
            shape = shape[1:]
        elif how == "last":
            shape = shape[:-1]
        else:
            axis = random.randint(0, len(shape))
            shape = (*shape[:axis], 1, *shape[axis:])
        draft.reshape(place, shape)
    return True


def _dtype(draft: Draft, random: Random, donors: Donors) -> bool:
    """Another element type, for one tensor or for all of its type; or another symbol."""
    if draft.symbols and (not draft.tensors or random.random() < 0.3):
        place = random.choice(draft.symbols)
        if draft.values[place].name in _FORMATS:
            draft.values[place] = Symbol(random.choice(_FORMATS))
        else:
            draft.values[place] = Symbol(f"torch.{random.choice(_COMMON).name}")
        return True
    if not draft.tensors:
        return False
    place = random.choice(draft.tensors)
    old, new = draft.values[place].dtype, random.choice(_RARE if random.random() < 0.05 else _COMMON)
    joint = random.random() < 0.6
    for other in draft.tensors:
        kind = draft.values[other]
        if other == place or (joint and kind.dtype is old):
            draft.values[other] = TensorType(new, kind.shape)
    return True


def _flag(draft: Draft, random: Random, donors: Donors) -> bool:
    """A boolean turns over, or a float moves."""
    places = draft.places(bool, float)
    if not places:
        return False
    place = random.choice(places)
    value = draft.values[place]
    if type(value) is bool:
        draft.values[place] = not value
    else:
        draft.values[place] = random.choice((0.0, 1.0, 0.5, -value, value * 2, value / 2, value + 1.0, 2.0, -1.0))
    return True


def _word(draft: Draft, random: Random, donors: Donors) -> bool:
    """A string becomes another one that the function has been seen to take."""
    places = draft.places(str)
    words = donors.get("str", ())
    if not places or not words:
        return False
    draft.values[random.choice(places)] = random.choice(words)
    return True


def _length(draft: Draft, random: Random, donors: Donors) -> bool:
    """A list gets an element more or less, or becomes its only element."""
    nodes = draft.sequences()
    if not nodes:
        return False
    node = random.choice(nodes)
    if len(node) > 2 and random.random() < 0.5:
        del node[random.randrange(1, len(node))]
    else:
        node.append(draft.add(draft.values[random.choice(node[1:])]))
    return True


def _omit(draft: Draft, random: Random, donors: Donors) -> bool:
    """An optional argument is left out."""
    if not draft.kwargs:
        return False
    del draft.kwargs[random.choice(sorted(draft.kwargs))]
    return True


def _add(draft: Draft, random: Random, donors: Donors) -> bool:
    """An optional argument is given, as another call of the function has it."""
    absent = [key for key in donors if key not in draft.kwargs and key != "str"]
    if not absent:
        return False
    key = random.choice(absent)
    draft.kwargs[key] = draft.add(random.choice(donors[key]))
    return True


def _other(draft: Draft, random: Random, donors: Donors) -> bool:
    """An optional argument as another call of the function has it."""
    present = [key for key in draft.kwargs if len(donors.get(key, ())) > 1]
    if not present:
        return False
    key = random.choice(sorted(present))
    draft.kwargs[key] = draft.add(random.choice(donors[key]))
    return True


#: Kinds of change with their weights.
CHANGES: dict[str, tuple[Change, int]] = {
    "integer": (_integer, 10),
    "integers": (_integers, 7),
    "dim": (_dim, 10),
    "dims": (_dims, 12),
    "sizes": (_sizes, 16),
    "each": (_each, 6),
    "equal": (_equal, 5),
    "scale": (_scale, 4),
    "swap": (_swap, 3),
    "rank": (_rank, 5),
    "dtype": (_dtype, 8),
    "flag": (_flag, 3),
    "word": (_word, 1),
    "length": (_length, 2),
    "omit": (_omit, 2),
    "add": (_add, 3),
    "other": (_other, 2),
}
_KINDS = list(CHANGES)
_WEIGHTS = [weight for _, weight in CHANGES.values()]
# How often a second change is made on top of the first; two that are wrong each for itself teach little.
_TWICE = 0.25
# Some calls have nothing that most kinds could change.
_TRIES = 12


def change(call: Call, random: Random, donors: Donors) -> tuple[Call, str] | None:
    """An altered call and the kind of change, or None if nothing came of some tries.

    Calls that have grown too large are not returned; of a call that is large already all sizes change besides.
    """
    large = sum(kind.elements for kind in call.tensors()) > MAX_ELEMENTS
    for _ in range(_TRIES):
        draft = Draft(call)
        if large:
            _sizes(draft, random, donors)
        kind = random.choices(_KINDS, _WEIGHTS)[0]
        if not CHANGES[kind][0](draft, random, donors):
            continue
        if random.random() < _TWICE:
            CHANGES[random.choices(_KINDS, _WEIGHTS)[0]][0](draft, random, donors)
        new = draft.call()
        if new != call and is_small(draft, call):
            return new, kind
    return None


def is_small(draft: Draft, before: Call) -> bool:
    """Whether a changed call can be executed in passing: small tensors, few dimensions, no large new integers."""
    kinds = [draft.values[place] for place in draft.tensors]
    if any(len(kind.shape) > MAX_RANK for kind in kinds):
        return False
    if sum(kind.elements for kind in kinds) > MAX_ELEMENTS:
        return False
    large = [value for value in draft.values if type(value) is int and abs(value) > MAX_INTEGER]
    if large:
        own = Draft(before).values
        return all(value in own for value in large)
    return True
