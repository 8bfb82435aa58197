"""From an observed call to a record: what is true of it is found by running it, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from misfold.programs.arguments import Ref
from misfold.programs.errors import MisfoldError
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.printer import print_graph
from misfold.programs.types import TensorType
from misfold.targets.torch_values import cotangent, make_tensor

from ..calling import all_finite, bits, call, outputs_of, type_of
from ..inputs import small_integers
from ..undefined import RANDOM, last_name, undefined
from .domains import FLOATS, Recipe, candidates, general, literal
from .memory import perturbed_memory
from .recording import Call, fresh_copy

Outputs = tuple[torch.Tensor, ...]


class Refused(Exception):
    """A call that does not become a record; the message says why, in a few words."""


class Trial:
    """One call under examination: its node, and ways to run it on the sample's, drawn or altered inputs."""

    def __init__(self, observed: Call):
        self.names = [f"x{index}" for index in range(len(observed.tensors))]
        self.samples = observed.tensors
        self.types = [type_of(tensor) for tensor in observed.tensors]
        self.node = Node(observed.op, observed.args, observed.kwargs, (Value("v0"),))

    def copies(self) -> list[torch.Tensor]:
        return [fresh_copy(tensor) for tensor in self.samples]

    def draw(self, recipe: Recipe, index: int, seed: int, shape: Sequence[int] | None = None) -> torch.Tensor:
        """A tensor for argument ``index``; with a ``shape`` of its own it is contiguous."""
        kind = self.types[index]
        strides = kind.strides if shape is None else None
        full = {**recipe, "seed": seed * 1000 + index}
        return make_tensor(full, kind.shape if shape is None else shape, kind.dtype.name, strides)

    def run(self, tensors: Sequence[torch.Tensor]) -> Outputs | None:
        """The outputs, or None if the call raises, is undefined, or returns what the language cannot name."""
        values = dict(zip(self.names, tensors, strict=True))
        try:
            if undefined(self.node, values):
                return None
            return outputs_of(call(self.node, values))
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError, KeyError):
            # torch refuses the arguments: that is the answer sought
            return None

    def good(self, tensors: Sequence[torch.Tensor]) -> Outputs | None:
        """As ``run``, but only finite outputs (and finite written inputs) count."""
        outputs = self.run(tensors)
        return outputs if outputs is not None and all_finite([*outputs, *tensors]) else None


def verify(observed: Call, cautious: bool = False) -> dict[str, Any]:
    """The call as a record's data.

    Raises:
        Refused: with the reason why it is not one.
    """
    if RANDOM.search(last_name(observed.op)) and not last_name(observed.op).startswith(("dropout", "rrelu")):
        raise Refused("random")
    trial = Trial(observed)
    _check_result(trial)
    recipes = _recipes(trial, cautious)
    index = _index_bounds(trial, recipes)
    facts: dict[str, Any] = {}
    types, dynamic = _output_types(trial, recipes)
    writes, aliases = _memory(trial, recipes)
    single = isinstance(_result(trial, recipes), torch.Tensor)
    shapes = _shape_facts(trial, recipes, index)
    facts |= {"writes": writes, "aliases": aliases, "index": index, "dynamic": dynamic, **shapes}
    facts["edges"] = [name for i, name in enumerate(trial.names) if _takes_edges(trial, recipes, i)]
    facts["exact"] = _is_exact(trial, recipes)
    facts["gradient"] = not dynamic and _has_gradient(trial, recipes, writes)
    return {
        "program": _text(trial, types, single),
        "inputs": dict(zip(trial.names, recipes, strict=True)),
        "facts": {key: value for key, value in facts.items() if value},
    }


def _text(trial: Trial, types: list[TensorType], single: bool) -> str:
    values = tuple(Value(f"v{index}", kind) for index, kind in enumerate(types))
    node = Node(trial.node.op, trial.node.args, trial.node.kwargs, values, not single)
    inputs = tuple(Value(name, kind) for name, kind in zip(trial.names, trial.types, strict=True))
    try:
        return print_graph(Graph(inputs, (node,), tuple(value.name for value in values)))
    except MisfoldError as error:
        raise Refused("not expressible") from error


def _check_result(trial: Trial) -> None:
    """The sample itself must run, return tensors, and do so whatever the random state."""
    values = dict(zip(trial.names, trial.copies(), strict=True))
    if any(isinstance(item, Ref) is False and isinstance(item, complex) for item in trial.node.args):
        raise Refused("a complex argument")
    try:
        reason = undefined(trial.node, values)
        if reason:
            raise Refused(f"undefined: {reason}")
        result = call(trial.node, values)
    except MisfoldError as error:
        raise Refused("not in this torch") from error
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError, KeyError) as error:
        raise Refused("raises in eager") from error
    outputs = outputs_of(result)
    if outputs is None:
        raise Refused("returns something else than strided real tensors")
    if any(tensor.numel() > 2**16 for tensor in outputs):
        raise Refused("a large output")
    first = [bits(tensor) for tensor in outputs]
    # An operator that may draw random numbers could by chance draw the same ones, or none for a tiny tensor.
    suspicious = bool(RANDOM.search(last_name(trial.node.op)))
    if suspicious and min(tensor.numel() for tensor in (*trial.samples, *outputs)) < 8:
        raise Refused("random")
    for seed in range(1, 20 if suspicious else 4):
        torch.manual_seed(seed)
        # Fresh memory holds another byte each time: what is read before it is written shows.
        with perturbed_memory(0x11 * seed & 0xFF):
            again = trial.run(trial.copies())
        if again is None or [bits(tensor) for tensor in again] != first:
            raise Refused("not deterministic")


def _seeds(trial: Trial) -> range:
    # Few elements need more draws to meet the values that an operator does not take.
    return range(12 if sum(tensor.numel() for tensor in trial.samples) < 64 else 4)


def _holds(trial: Trial, recipes: Sequence[Recipe | None]) -> bool:
    """Whether all draws run and are finite; where a recipe is None the sample's tensor is used."""
    for seed in _seeds(trial):
        tensors = trial.copies()
        for index, recipe in enumerate(recipes):
            if recipe is not None:
                tensors[index] = trial.draw(recipe, index, seed)
        if trial.good(tensors) is None:
            return False
    return True


def _recipes(trial: Trial, cautious: bool) -> list[Recipe]:
    """A recipe for every argument, as general as the operator takes."""
    options = [candidates(trial.node.op, tensor, cautious) for tensor in trial.samples]
    if not all(options):
        raise Refused("values that no recipe describes")
    first = [option[0] for option in options]
    if _holds(trial, first):
        return first
    finite = trial.good(trial.copies()) is not None
    if not finite:
        # The sample holds values outside the domain: look for a domain that all floats share.
        for recipe in FLOATS[1:]:
            shared = [dict(recipe) if t.is_floating_point() else option[0] for t, option in zip(trial.samples, options)]
            if _holds(trial, shared):
                return shared
        raise Refused("not finite")
    chosen: list[Recipe | None] = [None] * len(options)
    for index, option in enumerate(options):
        for recipe in option:
            attempt = [*chosen]
            attempt[index] = recipe
            if _holds(trial, attempt):
                chosen[index] = recipe
                break
    found = [recipe for recipe in chosen if recipe is not None]
    if len(found) == len(chosen) and _holds(trial, found):
        return found
    own = [literal(tensor) for tensor in trial.samples]
    literals = [recipe for recipe in own if recipe is not None]
    if len(literals) == len(own) and _holds(trial, literals):
        return literals
    raise Refused("no recipe gives finite outputs")


def _drawn(trial: Trial, recipes: Sequence[Recipe], seed: int = 0) -> list[torch.Tensor]:
    return [trial.draw(recipe, index, seed) for index, recipe in enumerate(recipes)]


def _result(trial: Trial, recipes: Sequence[Recipe]) -> Any:
    return call(trial.node, dict(zip(trial.names, _drawn(trial, recipes), strict=True)))


def _output_types(trial: Trial, recipes: Sequence[Recipe]) -> tuple[list[TensorType], bool]:
    """Types of the outputs for seed 0, and whether they depend on values."""
    every = []
    for seed in range(3):
        outputs = trial.good(_drawn(trial, recipes, seed))
        if outputs is None:
            raise Refused("no recipe gives finite outputs")
        every.append([type_of(tensor) for tensor in outputs])
    return every[0], any(types != every[0] for types in every)


def _memory(trial: Trial, recipes: Sequence[Recipe]) -> tuple[list[str], dict[str, str]]:
    """Which arguments are written, and which outputs share storage with which argument or earlier output."""
    tensors = _drawn(trial, recipes)
    versions = [tensor._version for tensor in tensors]
    before = [bits(tensor) for tensor in tensors]
    outputs = trial.run(tensors) or ()
    writes = [
        name
        for name, tensor, version, old in zip(trial.names, tensors, versions, before)
        if tensor._version != version or bits(tensor) != old
    ]
    owners = {item.untyped_storage().data_ptr(): name for name, item in zip(trial.names, tensors) if item.numel()}
    aliases = {}
    for index, tensor in enumerate(outputs):
        pointer = tensor.untyped_storage().data_ptr() if tensor.numel() else 0
        if pointer in owners:
            aliases[f"v{index}"] = owners[pointer]
        elif pointer:
            owners[pointer] = f"v{index}"
    return writes, aliases


def _takes_edges(trial: Trial, recipes: Sequence[Recipe], index: int) -> bool:
    if recipes[index] != general(trial.samples[index]) or trial.samples[index].dtype is torch.bool:
        return False
    for seed in range(6):
        tensors = _drawn(trial, recipes, seed)
        tensors[index] = trial.draw({**recipes[index], "edges": 0.5}, index, seed)
        if trial.good(tensors) is None:
            return False
    return True


def _is_exact(trial: Trial, recipes: Sequence[Recipe]) -> bool:
    """Whether small integers give results without rounding: the same as in float64, and multiples of 1/8."""
    whole = [small_integers(recipe, tensor.is_floating_point()) for recipe, tensor in zip(recipes, trial.samples)]
    found = [dict(recipe) for recipe in whole if recipe is not None]
    if len(found) != len(whole):
        return False
    for seed in range(4):
        tensors = _drawn(trial, found, seed)
        wide = [tensor.double() if tensor.is_floating_point() else tensor.clone() for tensor in tensors]
        outputs, exact = trial.good(tensors), trial.good(wide)
        if outputs is None or exact is None:
            return False
        for left, right in zip(outputs, exact, strict=True):
            left, right = left.double(), right.double()
            if not (torch.equal(left, right) and bool((right * 8 == (right * 8).round()).all())):
                return False
    return True


def _has_gradient(trial: Trial, recipes: Sequence[Recipe], writes: Sequence[str]) -> bool:
    """Whether the backward pass runs and is finite for all floating arguments."""
    leaves = _drawn(trial, recipes)
    for tensor in leaves:
        if tensor.is_floating_point():
            tensor.requires_grad_()
    wanted = [tensor for tensor in leaves if tensor.requires_grad]
    arguments = [tensor.clone() if name in writes else tensor for name, tensor in zip(trial.names, leaves)]
    outputs = trial.run(arguments)
    sources = [tensor for tensor in outputs or () if tensor.requires_grad]
    if not wanted or not sources:
        return False
    try:
        found = torch.autograd.grad(sources, wanted, [cotangent(item) for item in sources], allow_unused=True)
    except (RuntimeError, NotImplementedError):
        return False
    dense = all(item is None or item.layout is torch.strided for item in found)
    return dense and all_finite([item for item in found if item is not None])


def _index_bounds(trial: Trial, recipes: list[Recipe]) -> dict[str, int]:
    """For integer arguments that index a dimension: its size, found by trying the last index and the one after."""
    bounds: dict[str, int] = {}
    sizes = sorted({dim for kind in trial.types for dim in kind.shape if dim > 1})
    for index, recipe in enumerate(recipes):
        if trial.samples[index].is_floating_point() or recipe["draw"] != "integers" or recipe["low"] < 0:
            continue
        if recipe == general(trial.samples[index]):
            continue
        for size in (size for size in sizes if size > recipe["high"]):
            ends = []
            for value in (size - 1, size):
                tensors = _drawn(trial, recipes)
                tensors[index] = trial.draw({"draw": "constant", "value": value}, index, 0)
                ends.append(trial.good(tensors) is not None)
            if ends == [True, False]:
                bounds[trial.names[index]] = size
                recipes[index] = {"draw": "integers", "low": 0, "high": size - 1}
                break
    return bounds


def _resized(trial: Trial, recipes: Sequence[Recipe], index: dict[str, int], sizes: dict[int, int]) -> Outputs | None:
    """Outputs with every dimension of a size in ``sizes`` replaced, or None if two draws do not run."""
    outputs = None
    for seed in range(2):
        tensors = []
        for position, (name, recipe) in enumerate(zip(trial.names, recipes)):
            if name in index:
                recipe = {**recipe, "high": max(sizes.get(index[name], index[name]) - 1, 0)}
            shape = [sizes.get(dim, dim) for dim in trial.types[position].shape]
            tensors.append(trial.draw(recipe, position, seed, shape))
        outputs = trial.good(tensors)
        if outputs is None:
            return None
    return outputs


def _shape_facts(trial: Trial, recipes: Sequence[Recipe], index: dict[str, int]) -> dict[str, Any]:
    """``free``: sizes that may be replaced by others, each and all; ``zero``: those that may be 0; ``pointwise``: all
    arguments may have any one shape, which is also the outputs'."""
    facts: dict[str, Any] = {}
    if any(recipe["draw"] in ("values", "permutation") for recipe in recipes):
        return facts  # literal elements are about these shapes
    free: list[int] = []
    for size in sorted({dim for kind in trial.types for dim in kind.shape if dim > 1}):
        if all(_resized(trial, recipes, index, {size: new}) for new in (size + 2, size + 16, max(size - 1, 2))):
            together = {old: old + 3 + place for place, old in enumerate([*free, size])}
            if _resized(trial, recipes, index, together):
                free.append(size)
    facts["free"] = free
    facts["zero"] = [size for size in free if _resized(trial, recipes, index, {size: 0})]
    facts["pointwise"] = bool(trial.names) and not index and _is_pointwise(trial, recipes)
    return facts


def _is_pointwise(trial: Trial, recipes: Sequence[Recipe]) -> bool:
    for shape in ((3, 4, 2), (6,), (2, 19)):
        try:
            tensors = [trial.draw(recipe, position, 0, shape) for position, recipe in enumerate(recipes)]
        except (ValueError, MisfoldError):
            return False  # "definite" needs square matrices
        outputs = trial.good(tensors)
        if outputs is None or any(tuple(tensor.shape) != shape for tensor in outputs):
            return False
    return True
