"""What elements a call's tensors may have: taken from the records of the operator, since rules speak of sizes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from operator import eq

from misfold.programs.arguments import Argument, Ref, map_leaves
from misfold.programs.dtypes import DType
from misfold.programs.types import TensorType

from ..adapting import within
from ..building import Live
from ..inference.naming import positional_names
from ..inference.partials import is_fixed
from ..inputs import WHOLE, Recipe
from ..records import Record
from ..rules.structure import Structure, structure_of
from ..traces.call import Call
from ..traces.signatures import canonical

# Whole numbers of a moderate size, where nothing restricts an integer's values.
_LOW, _HIGH = -4, 4


@dataclass(frozen=True)
class Domain:
    """How a tensor of a call is drawn: a record's recipe, and what goes with it.

    ``index``: symbols of which the elements stay below the smallest, since they index a dimension of that size.
    ``edges``: edge values are taken too. ``dtype``: the element type that the recipe was found with.
    """

    recipe: Recipe
    dtype: DType
    index: tuple[str, ...] = ()
    edges: bool = False

    def recipe_for(self, kind: TensorType, numbers: Mapping[str, int | float]) -> Recipe | None:
        """A recipe for a tensor of a type in a call with these numbers; None if there is none."""
        draw = self.recipe["draw"]
        if self.index:
            if not kind.dtype.is_integer:
                return None
            high = max(min((int(numbers[name]) for name in self.index if name in numbers), default=0) - 1, 0)
            return {"draw": "integers", "seed": 0, "low": 0, "high": high}
        if draw == "definite" and (kind.rank < 2 or kind.shape[-1] != kind.shape[-2]):
            return None
        if kind.dtype is self.dtype or (kind.dtype.is_float and self.dtype.is_float):
            return self.recipe
        return _moved(self.recipe, kind.dtype)

    def holds(self, live: Live) -> bool:
        """Whether a value's elements are in the range, if there is one that the call's sizes have no part in."""
        return bool(self.index) or self.recipe["draw"] not in ("uniform", "integers") or within(live, self.recipe)

    @property
    def takes_values(self) -> bool:
        """Whether a value from elsewhere may stand for the tensor."""
        draw = self.recipe["draw"]
        return draw not in WHOLE and not (draw == "integers" and self.recipe["low"] == self.recipe["high"])


def _moved(recipe: Recipe, dtype: DType) -> Recipe | None:
    """A recipe for another kind of element type."""
    draw = recipe["draw"]
    if dtype.name == "bool":
        return {"draw": "bernoulli", "seed": 0}
    if draw in ("permutation", "definite"):
        return recipe if dtype.is_float == (draw == "definite") else None
    low, high = recipe.get("low", _LOW), recipe.get("high", _HIGH)
    if draw == "bernoulli":
        low, high = _LOW, _HIGH
    if draw in ("values", "constant"):
        return recipe if dtype.is_float else None
    low, high = ceil(low), floor(high)
    if dtype.kind == "unsigned":
        low = max(low, 0)
    if low > high or high < 0 <= low:
        return None
    if dtype.is_float and draw in ("normal", "bernoulli"):
        return {"draw": "normal", "seed": 0}
    return {"draw": "integers", "seed": 0, "low": low, "high": high}


@dataclass(frozen=True)
class Known:
    """A record in the form that rules have: its structure, numbers, element types, and the domains of its tensors."""

    structure: str
    numbers: Mapping[str, int | float]
    dtypes: tuple[str, ...]
    domains: Mapping[str, Domain]
    exact: bool
    gradient: bool


@dataclass(frozen=True)
class Table:
    """Domains for the tensors of one partial operator, called ``names``.

    ``rows``: those of the records of the partial operator, by their element types. Without any, ``each`` has domains
    for each tensor, by the element type that they were found with.
    """

    names: tuple[str, ...]
    rows: Mapping[tuple[str, ...], tuple[Domain, ...]]
    each: tuple[Mapping[str, Domain], ...] = ()

    def of(self, dtypes: Sequence[str]) -> dict[str, Domain]:
        """A domain for each tensor: of the record most of whose element types are these, or of one that has the
        tensor's; the first of equals."""
        if self.rows:
            best = max(self.rows, key=lambda types: sum(map(eq, types, dtypes)))
            return dict(zip(self.names, self.rows[best]))
        found = [options.get(dtype) or next(iter(options.values())) for options, dtype in zip(self.each, dtypes)]
        return dict(zip(self.names, found))


def known_call(record: Record) -> Known | None:
    """A record as a rule sees it; None if its arguments have no normal form that keeps all tensors."""
    names: dict[int, str] = {}
    kept: list[TensorType] = []

    def leaf(item: Argument) -> Argument:
        if not isinstance(item, Ref):
            return item
        kind = record.inputs[item.name]
        own = TensorType(kind.dtype, kind.shape)  # one object each, to tell them apart by
        kept.append(own)
        names[id(own)] = item.name
        return own

    node = record.node
    args = tuple(map_leaves(item, leaf) for item in node.args)
    kwargs = tuple(sorted((key, map_leaves(item, leaf)) for key, item in node.kwargs.items()))
    call = canonical(Call(node.op, args, kwargs))
    order = [names.get(id(item), "") for item in call.tensors()]
    structure, numbers, dtypes = structure_of(call, positional_names(call), is_fixed)
    if len(order) != len(structure.tensors) or "" in order:
        return None
    domains = {}
    for hole, name in zip(structure.tensors, order):
        size = record.index.get(name)
        index: tuple[str, ...] = ()
        if size is not None:
            index = tuple(
                sorted(
                    symbol
                    for other in structure.tensors
                    for axis in range(other.rank)
                    if other.name != hole.name and numbers[symbol := f"{other.name}[{axis}]"] == size
                )
            )
        domains[hole.name] = Domain(record.recipes[name], record.inputs[name].dtype, index, name in record.edges)
        if size is not None and not index:
            return None  # it indexes something that the call does not show
    return Known(structure.text, numbers, tuple(dtypes), domains, record.exact, record.gradient)


class Domains:
    """Domains of one operator's tensors, by the names that rules give them."""

    def __init__(self, records: Sequence[Record]):
        self.known = [item for item in map(known_call, records) if item is not None]
        self._by_structure: dict[str, list[Known]] = {}
        self._by_name: dict[str, list[Known]] = {}
        #: Tensors that index a dimension in some record; in others they may be empty, which shows nothing.
        self._indices: set[str] = set()
        for item in self.known:
            self._by_structure.setdefault(item.structure, []).append(item)
            for name, domain in item.domains.items():
                self._by_name.setdefault(name, []).append(item)
                if domain.index:
                    self._indices.add(name)

    def like(self, structure: Structure) -> list[Known]:
        """Records of the same partial operator."""
        return self._by_structure.get(structure.text, [])

    def table(self, structure: Structure) -> Table | None:
        """Domains for the tensors of a partial operator: those of records of the same one, or tensor by tensor of
        records where the tensor has the same name; None if there is none for one of them."""
        names = tuple([hole.name for hole in structure.tensors])
        same = self.like(structure)
        if same:
            rows: dict[tuple[str, ...], tuple[Domain, ...]] = {}
            for item in same:
                if item.dtypes not in rows:
                    rows[item.dtypes] = tuple([self._safe(structure, name, item.domains[name]) for name in names])
            return Table(names, rows)
        each = []
        for name in names:
            found: dict[str, Domain] = {}
            for item in self._by_name.get(name, ()):
                domain = item.domains[name]
                found.setdefault(domain.dtype.name, self._safe(structure, name, domain))
            if not found:
                return None
            each.append(found)
        return Table(names, {}, tuple(each))

    def _safe(self, structure: Structure, name: str, domain: Domain) -> Domain:
        """The domain; of an index below the smallest of all other tensors' dimensions where it is not known here which
        one it indexes."""
        if name not in self._indices or all(item in structure.dimensions for item in domain.index or ("",)):
            return domain
        others = (item for item in structure.symbols if item in structure.dimensions)
        return replace(domain, index=tuple(item for item in others if not item.startswith(f"{name}[")))
