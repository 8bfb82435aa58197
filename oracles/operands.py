"""What is wrong with operands, in the checks that a generator makes before a call and an oracle after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

import torch

from misfold.programs.arguments import Argument, Ref, references
from misfold.programs.graph import Node

Tensors = Mapping[str, torch.Tensor]

#: Operators that divide, and those that shift bits.
DIVISION = frozenset("div divide floor_divide remainder fmod true_divide".split())
SHIFT = frozenset("bitwise_left_shift bitwise_right_shift".split())
#: Operators that write one argument's elements to the places another one names, and where that index stands: position,
#: keyword. put and index_put with accumulate are defined, scatter with a reduction and *_add are too.
SCATTER = {
    "scatter": (2, "index"),
    "index_copy": (2, "index"),
    "put": (1, "index"),
    "index_put": (1, "indices"),
    "max_unpool1d": (1, "indices"),
    "max_unpool2d": (1, "indices"),
    "max_unpool3d": (1, "indices"),
}


def argument(node: Node, position: int, keyword: str) -> Argument:
    """An argument by its keyword or its position; None where it is not given."""
    if keyword in node.kwargs:
        return node.kwargs[keyword]
    return node.args[position] if len(node.args) > position else None


def constants(node: Node) -> Iterator[Argument]:
    """The arguments, positional ones first."""
    yield from node.args
    yield from node.kwargs.values()


def is_integer(item: torch.Tensor) -> bool:
    """Whether a tensor holds integers, truth values not counted."""
    return not (item.is_floating_point() or item.is_complex() or item.dtype is torch.bool)


def _below(item: torch.Tensor, limit: int) -> bool:
    """Whether all elements are from 0 on and below a limit."""
    return item.numel() == 0 or bool(((item >= 0) & (item < limit)).all())


def fits(item: torch.Tensor, low: int, high: int) -> bool:
    """Whether all elements of a tensor that are floats can be cut to integers from ``low`` to ``high``."""
    if not item.is_floating_point() or not item.numel():
        return True
    least, most = torch.aminmax(item.detach())
    # The limits themselves may not be representable; a float strictly inside is safe.
    return float(least) > low - 1 and float(most) < high


def has_lowest(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether some element is the smallest of a signed integer type: it has no opposite."""
    signed = (item for item in tensors if is_integer(item) and item.dtype.is_signed and item.numel())
    return any(bool((item == torch.iinfo(item.dtype).min).any()) for item in signed)


def divides_lowest(node: Node, tensors: Sequence[torch.Tensor]) -> bool:
    """Whether a division may be that of the smallest integer by -1, which overflows."""
    if not has_lowest(tensors):
        return False
    numbers = [item for item in constants(node) if isinstance(item, int | float)]
    return -1 in numbers or any(bool((item == -1).any()) for item in tensors)


def shifts_too_far(node: Node, values: Tensors) -> bool:
    """Whether bits are shifted by a negative amount, or by as many as there are."""
    amount = argument(node, 1, "other")
    width = min((values[name].element_size() * 8 for name in node.uses if is_integer(values[name])), default=64)
    if isinstance(amount, Ref):
        item = values[amount.name]
        return is_integer(item) and not _below(item, width)
    return isinstance(amount, int | float) and not 0 <= amount < width


def scatters_twice(node: Node, name: str, values: Tensors) -> bool:
    """Whether a call of the operator ``name``, one of ``SCATTER``, writes, or may write, two elements to one place."""
    if name in ("put", "index_put") and argument(node, 3, "accumulate") is True:
        return False
    if name == "scatter" and (node.kwargs.get("reduce") is not None or len(node.args) > 4):
        return False
    index = argument(node, *SCATTER[name])
    tensors = [values[ref.name] for ref in references(index)]
    source = argument(node, 0, "input")
    if not tensors or not isinstance(source, Ref):
        return False
    if name == "index_put":
        return _repeats(tensors, values[source.name], len(index) if isinstance(index, list | tuple) else 1)
    item = tensors[0]
    if item.numel() < 2:
        return False
    if name == "scatter":
        dim = argument(node, 1, "dim")
        line = item.sort(dim if isinstance(dim, int) else 0).values.movedim(dim if isinstance(dim, int) else 0, -1)
    elif name.startswith("max_unpool"):
        # an index counts within one channel: the last 1, 2 or 3 dimensions
        line = item.flatten(-int(name[-2])).sort(-1).values
    elif name == "put":
        line = torch.remainder(item, max(values[source.name].numel(), 1)).flatten().sort().values
    else:
        line = item.flatten().sort().values
    return bool((line[..., 1:] == line[..., :-1]).any())


def _repeats(indices: Sequence[torch.Tensor], source: torch.Tensor, positions: int) -> bool:
    if any(item.dtype is torch.bool for item in indices) or positions != len(indices):
        return len(indices) > 1  # masks name each place once; mixtures are not worth deciding
    if positions > source.dim():
        return True
    flat = torch.zeros((), dtype=torch.int64)
    for item, size in zip(indices, source.shape):
        flat = flat * size + torch.remainder(item.long(), max(size, 1))
    return bool(flat.unique().numel() != flat.numel())


def _labels_outside(node: Node, values: Tensors) -> bool:
    """Torch reads past the end of the scores where a label is no class."""
    scores, labels = argument(node, 0, "log_probs"), argument(node, 1, "targets")
    if not isinstance(scores, Ref) or not isinstance(labels, Ref):
        return False
    return not _below(values[labels.name], values[scores.name].shape[-1])


def _places_outside(node: Node, values: Tensors) -> bool:
    """Documentation rules out indices that are no place of the shape."""
    indices, shape = argument(node, 0, "indices"), argument(node, 1, "shape")
    sides = shape if isinstance(shape, list | tuple) else [shape]
    known = [side for side in sides if isinstance(side, int)]
    return isinstance(indices, Ref) and len(known) == len(sides) and not _below(values[indices.name], prod(known))


#: Of native_batch_norm: what has an element for each channel.
_PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")


def _statistics_misfit(node: Node, values: Tensors) -> bool:
    """Torch reads and writes past the ends of weights and statistics that are not one for each channel."""
    given = argument(node, 0, "input")
    if not isinstance(given, Ref) or values[given.name].dim() < 2:
        return False
    channels = values[given.name].shape[1]
    others = (argument(node, position, name) for position, name in enumerate(_PER_CHANNEL, 1))
    return any(isinstance(one, Ref) and values[one.name].numel() != channels for one in others)


def _bags_end_early(node: Node, values: Tensors) -> bool:
    """Torch's kernels of embedding_bag disagree about what lies behind a last offset that is below the number of
    indices: those for float32 leave it out of sums, but count it in means; those for float64 and maxima take it in."""
    functional = node.op.startswith("torch.nn.")
    # torch.nn.functional has the indices in front of the weight, torch behind it
    position, name, last = (0, "input", 9) if functional else (1, "indices", 7)
    indices, offsets = argument(node, position, name), argument(node, 2, "offsets")
    if argument(node, last, "include_last_offset") is not True or not isinstance(offsets, Ref):
        return False
    ends = values[offsets.name]
    known = values[indices.name].numel() if isinstance(indices, Ref) else 0
    return ends.numel() > 0 and int(ends[-1]) != known


def _lengths_differ(node: Node, values: Tensors) -> bool:
    """Documentation has one value for each key; torch does not ask where there is nothing to compute."""
    keys, found = argument(node, 1, "key"), argument(node, 2, "value")
    if not isinstance(keys, Ref) or not isinstance(found, Ref):
        return False
    shapes = values[keys.name].shape, values[found.name].shape
    return min(map(len, shapes)) > 1 and shapes[0][-2] != shapes[1][-2]


#: Operators that may be told not to sort what they give, and the position of that argument.
_SORTS = {"unique": 1, "topk": 4}


def _in_any_order(node: Node, values: Tensors) -> bool:
    """The order of several elements is open where they need not be sorted."""
    name = node.op.rpartition(".")[2]
    given, count = argument(node, 0, "input"), argument(node, 1, "k") if name == "topk" else None
    if argument(node, _SORTS[name], "sorted") is not False or count == 1:
        return False
    return isinstance(given, Ref) and values[given.name].numel() > 1


#: Operators whose results torch leaves open for some operands, most without checking: which, and why.
_UNCHECKED: dict[str, tuple[Callable[[Node, Tensors], bool], str]] = {
    "ctc_loss": (_labels_outside, "a label that is no class"),
    "embedding_bag": (_bags_end_early, "a last offset that is not the number of indices"),
    "native_batch_norm": (_statistics_misfit, "statistics or weights of another length than there are channels"),
    "scaled_dot_product_attention": (_lengths_differ, "more values than keys, or fewer"),
    "unravel_index": (_places_outside, "an index that is no place of the shape"),
    **dict.fromkeys(_SORTS, (_in_any_order, "elements in whatever order")),
}
UNCHECKED = frozenset(_UNCHECKED)


def unchecked(node: Node, name: str, values: Tensors) -> str | None:
    """What is the matter with a call of the operator ``name`` whose result torch leaves open; None if nothing is."""
    wrong, words = _UNCHECKED.get(name, (None, ""))
    return words if wrong is not None and wrong(node, values) else None
