"""The program generator: records composed into graphs, each step executed, each case a function of seed and index."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

import torch

from misfold.programs.bounds import check
from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError, UsageError
from misfold.targets.torch_values import gradients, make_inputs, to_function

from .backward import put_in_front
from .building import REFUSALS, Builder
from .calling import all_finite
from .inputs import Mode
from .options import Options
from .placing import Placer, Source
from .records import Record, RecordBase

# A program that cannot be finished is begun again; with so many failures the options admit too little.
ATTEMPTS = 60
# Placements tried per operator wanted, before the program is left as large as it is.
PATIENCE = 12
# Adapting calls per placement: with more, programs would consist of them.
ADAPTING = 2


@dataclass(frozen=True)
class Generated:
    """A case with what eager made of it when it was checked."""

    case: Case
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]
    gradients: tuple[torch.Tensor | None, ...]


class _Pool:
    """The operators that one choice of options and ``only`` leaves, with their weights."""

    def __init__(self, source: Source, options: Options, only: frozenset[str] | None, exact: bool):
        self.options = options
        names = [op for op in source.operators if options.admits(op) and (only is None or op in only)]
        self.allowed = frozenset(names)
        self._records: dict[str, tuple[list[Record], list[float]]] = {}
        self._source, self._exact = source, exact
        self.names = [op for op in names if options.weight(op) > 0]
        self._sums = list(accumulate(options.weight(op) for op in self.names))

    def operator(self, random: Random) -> str:
        return self.names[min(bisect_left(self._sums, random.random() * self._sums[-1]), len(self.names) - 1)]

    def record(self, random: Random) -> Record | None:
        """A record of a random operator, by the weights of its element types."""
        op = self.operator(random)
        found = self._records.get(op)
        if found is None:
            records = [record for record in self._source.of(op) if record.exact or not self._exact]
            found = self._records[op] = (records, list(accumulate(map(self._weight, records))))
        records, sums = found
        if not records or not sums[-1]:
            return None
        return records[min(bisect_left(sums, random.random() * sums[-1]), len(records) - 1)]

    def _weight(self, record: Record) -> float:
        types = {kind.dtype.name for kind in (*record.inputs.values(), *record.outputs)}
        if not types:
            return 1.0
        # A record is as likely as its rarest element type.
        return min(self.options.dtypes.get(name, 0.0) for name in types)


class Generator:
    """Makes cases. ``source`` is what programs are composed of: by default the records for the installed torch.

    Raises:
        UsageError: the options admit no operator.
    """

    def __init__(self, options: Options = Options(), source: Source | None = None):  # noqa: B008 - frozen
        self.options = options
        self.source: Source = source if source is not None else RecordBase.load()
        self._pools: dict[tuple[frozenset[str] | None, bool], _Pool] = {}
        if not any(options.admits(op) for op in self.source.operators):
            raise UsageError("the patterns admit no operator; see: misfold operators")

    def case(self, seed: int, index: int, only: Collection[str] | None = None) -> Case:
        """The case number ``index`` of a seed: the same for the same options, records and ``only``, in any process.

        Args:
            only: operators that may be used at all, adapting ones included.

        Raises:
            UsageError: nothing can be made within the options.
        """
        return self.generate(seed, index, only).case

    def generate(self, seed: int, index: int, only: Collection[str] | None = None) -> Generated:
        """As ``case``, with the tensors of the run that checked it (inputs as they are after it)."""
        names = None if only is None else only if isinstance(only, frozenset) else frozenset(only)
        for attempt in range(ATTEMPTS):
            # Seeding with text goes through SHA-512: independent of the process, and neighbours are unrelated.
            random = Random(f"{seed}/{index}/{attempt}")
            with torch.no_grad():
                made = self._attempt(random, names)
            if made is None:
                continue
            case = replace(made, about={"seed": seed, "index": index})
            checked = self._check(case, random)
            if checked is not None:
                return checked
        raise UsageError(
            "no program could be made within these options: admit more operators, element types or elements"
        )

    def _pool(self, only: frozenset[str] | None, exact: bool) -> _Pool:
        key = (only, exact)
        if key not in self._pools:
            self._pools[key] = _Pool(self.source, self.options, only, exact)
            if not self._pools[key].names:
                raise UsageError("the patterns and the operators asked for have none in common; see: misfold operators")
        return self._pools[key]

    # -- making ---------------------------------------------------------------------------------------------------

    def _attempt(self, random: Random, only: frozenset[str] | None) -> Case | None:
        options = self.options
        mode = Mode.choose(random, options)
        pool = self._pool(only, mode.exact and random.random() < 0.5)
        builder = Builder(options.bounds, finite=not mode.special)
        placer = Placer(builder, random, options, mode, pool.allowed)
        wanted = random.randint(options.min_nodes, options.max_nodes)
        for _ in range(PATIENCE * wanted):
            left = options.max_nodes - len(builder.nodes)
            if len(builder.nodes) >= wanted or left < 1:
                break
            record = pool.record(random)
            if record is None or (mode.gradient and record.writes and random.random() < 0.5):
                continue
            if builder.nodes and random.random() < options.backward:
                grown = put_in_front(builder, placer, record, random)
                if grown is not None:
                    builder = placer.builder = grown
                continue
            # Each adapting call leaves less room for the operators proper.
            placer.place(record, min(ADAPTING, left - 1))
        if not options.min_nodes <= len(builder.nodes) <= options.max_nodes:
            return None
        graph, names = builder.graph(self._returns(builder, random))
        recipes = {names[live.name]: live.recipe for live in builder.values if live.recipe is not None and live.uses}
        if mode.gradient:
            recipes = self._require_gradients(builder, recipes, names, random)
        return Case(graph, recipes, exact=mode.exact)

    def _returns(self, builder: Builder, random: Random) -> list[str]:
        """Values that nothing uses, and some of the others."""
        produced = [live for live in builder.values if live.recipe is None and not live.dead]
        return [live.name for live in produced if not live.uses or random.random() < 0.1] or [produced[-1].name]

    def _require_gradients(
        self, builder: Builder, recipes: dict[str, Any], names: dict[str, str], random: Random
    ) -> Any:
        tainted = builder.tainted()
        free = [
            names[live.name]
            for live in builder.values
            if live.recipe is not None
            and live.uses
            and live.type.dtype.is_float
            and live.tensor.untyped_storage().data_ptr() not in tainted
        ]
        chosen = [name for name in free if random.random() < 0.7] or free
        return {
            name: {**recipe, "requires_grad": True} if name in chosen else recipe for name, recipe in recipes.items()
        }

    # -- checking -------------------------------------------------------------------------------------------------

    def _check(self, case: Case, random: Random) -> Generated | None:
        """Run the case from its text as anyone would; None unless it behaves as it did while it was made."""
        try:
            check(case, self.options.bounds)
            function = to_function(case.graph)
            inputs = make_inputs(case)
            if not case.gradient:
                with torch.no_grad():
                    outputs = function(*inputs)
                return Generated(case, tuple(inputs), tuple(outputs), ()) if self._as_stated(case, outputs) else None
            outputs = function(*inputs)
            found = gradients(outputs, inputs)
        except (*REFUSALS, MisfoldError):
            return self._without_gradient(case, random) if case.gradient else None
        if not self._as_stated(case, outputs) or not all_finite([item for item in found if item is not None]):
            return self._without_gradient(case, random)
        if all(item is None for item in found):
            return self._without_gradient(case, random)
        return Generated(case, tuple(inputs), tuple(outputs), tuple(found))

    def _without_gradient(self, case: Case, random: Random) -> Generated | None:
        recipes = {
            name: {key: value for key, value in recipe.items() if key != "requires_grad"}
            for name, recipe in case.recipes.items()
        }
        return self._check(replace(case, recipes=recipes), random)

    def _as_stated(self, case: Case, outputs: Sequence[torch.Tensor]) -> bool:
        special = (
            any(recipe["draw"] == "values" for recipe in case.recipes.values()) and self.options.special_values > 0
        )
        for name, tensor in zip(case.graph.returns, outputs, strict=True):
            kind = case.graph.values[name].known
            if tuple(tensor.shape) != kind.shape or str(tensor.dtype) != f"torch.{kind.dtype.name}":
                return False
        return special or all_finite(outputs)
