"""The program generator: records composed into graphs, each step executed, each case a function of seed and index."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from random import Random
from typing import Any

import torch

from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError, UsageError

from .backward import put_in_front
from .building import Builder, Live
from .checking import Generated, run_again
from .inputs import Mode
from .options import Options
from .placing import Choice, Placer, Source
from .pool import Pool, Turn, Turns
from .records import RecordBase
from .solving.source import RuleSource

# A program that cannot be finished is begun again; with so many failures the options admit too little.
ATTEMPTS = 60
# Placements tried per operator wanted, before the program is left as large as it is.
PATIENCE = 12
# Adapting calls per placement: with more, programs would consist of them.
ADAPTING = 2
# How many operators are looked at for one that some value fits, and how often others may come before one.
AHEAD, WAITING = 4, 2
# A reduction to one element anywhere but at the end makes what follows one of single elements.
REDUCED = 0.5


class Generator:
    """Makes cases. ``source`` are the records that programs are composed of, ``rules`` what calls are made by that have
    not been recorded: by default those for the installed torch.

    Raises:
        UsageError: the options admit no operator, or there are no records or rules for the installed torch.
    """

    def __init__(self, options: Options | None = None, source: Source | None = None, rules: RuleSource | None = None):
        self.options = options if options is not None else Options()
        self.source: Source = source if source is not None else RecordBase.load()
        if rules is None and self.options.rules > 0:
            rules = RuleSource.load(self.source)
        self.rules = rules if self.options.rules > 0 else None
        self._pools: dict[tuple[frozenset[str] | None, bool], Pool] = {}
        if not any(self.options.admits(op) for op in self.source.operators):
            raise UsageError("the patterns admit no operator; see: misfold operators")

    def case(self, seed: int, index: int, only: Collection[str] | None = None) -> Case:
        """The case number ``index`` of a seed: the same for the same options, records and ``only``, in any process.

        Args:
            only: operators that may be used at all, adapting ones included; the same frozenset each time is quickest.

        Raises:
            UsageError: nothing can be made within the options.
        """
        return self.generate(seed, index, only).case

    def generate(self, seed: int, index: int, only: Collection[str] | None = None) -> Generated:
        """As ``case``, with the tensors of the run that checked it."""
        names = only if only is None or isinstance(only, frozenset) else frozenset(only)
        # Old operators warn that they are old; that is no news here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for attempt in range(ATTEMPTS):
                made = self._attempt(seed, index, attempt, names)
                if made is not None:
                    return made
        raise UsageError("no program could be made within these options: admit more operators, types or elements")

    def _pool(self, only: frozenset[str] | None, exact: bool) -> Pool:
        key = (only, exact)
        if key not in self._pools:
            self._pools[key] = Pool(self.source, self.rules, self.options, only, exact)
            if not self._pools[key].names:
                raise UsageError("the patterns and the operators asked for have none in common; see: misfold operators")
        return self._pools[key]

    # -- making ---------------------------------------------------------------------------------------------------

    def _attempt(self, seed: int, index: int, attempt: int, only: frozenset[str] | None) -> Generated | None:
        # Seeding with text goes through SHA-512: independent of the process, and neighbours are unrelated.
        random = Random(f"{seed}/{index}/{attempt}")
        about = {"seed": seed, "index": index}
        mode = Mode.choose(random, self.options)
        pool = self._pool(only, mode.exact and random.random() < 0.5)
        with torch.no_grad():
            builder = self._grow(random, pool, Turns(pool.turns(seed, index, attempt)), mode)
        if not self.options.min_nodes <= len(builder.nodes) <= self.options.max_nodes:
            return None
        produced = [live for live in builder.values if live.recipe is None and not live.dead]
        returned = [live for live in produced if not live.uses or random.random() < 0.1] or produced[-1:]
        inputs = [live for live in builder.values if live.recipe is not None and live.uses]
        if not returned:
            return None
        tainted = builder.tainted()
        try:
            graph, names = builder.graph([live.name for live in returned])
            if mode.gradient:
                wanted = differentiable(inputs, tainted, random)
                recipes = {names[live.name]: _recipe(live, live in wanted) for live in inputs}
                found = run_again(
                    Case(graph, recipes, exact=mode.exact, about=about), inputs, tainted, returned, mode.special
                )
                if found is not None and any(item is not None for item in found.gradients):
                    return found
            recipes = {names[live.name]: _recipe(live, False) for live in inputs}
            return run_again(
                Case(graph, recipes, exact=mode.exact, about=about), inputs, tainted, returned, mode.special
            )
        except MisfoldError:
            return None

    def _grow(self, random: Random, pool: Pool, turns: Turns, mode: Mode) -> Builder:
        """Operators one by one, up to the number wanted or the end of patience."""
        options = self.options
        builder = Builder(options.bounds, finite=not mode.special)
        placer = Placer(builder, random, options, mode, pool.allowed, pool.calls)
        wanted = random.randint(options.min_nodes, options.max_nodes)
        for _ in range(PATIENCE * wanted):
            left = options.max_nodes - len(builder.nodes)
            if len(builder.nodes) >= wanted or left < 1:
                break
            if builder.nodes and random.random() < options.backward:
                grown = put_in_front(
                    builder, placer, turns, lambda turn: pool.choice(turn.op, random, (), turn.at), random
                )
                if grown is not None:
                    builder = placer.builder = grown
                    continue
            turn, choice = coming(pool, turns, builder.kinds, random)
            if choice is None:
                continue
            if choice.reduces and len(builder.nodes) + 1 < wanted and random.random() < REDUCED:
                continue
            if mode.gradient and choice.writes and random.random() < 0.5:
                continue
            placer.parity = turn.parity
            # Each adapting call leaves less room for the operators proper.
            choice.place(placer, min(ADAPTING, left - 1))
        return builder


def coming(pool: Pool, turns: Turns, kinds: Collection[tuple[str, int]], random: Random) -> tuple[Turn, Choice | None]:
    """The operator that is next, and a way to call it, if there is one: the first of a few that some value fits in the
    way in which it is its turn; none waits for long."""
    if kinds and turns.waited < WAITING:
        for turn in turns.ahead(AHEAD):
            choice = pool.choice(turn.op, random, (), turn.at)
            if choice is not None and choice.fits(kinds):
                turns.take(turn)
                return turn, choice
    turn = turns.next()
    return turn, pool.choice(turn.op, random, kinds, turn.at)


def differentiable(inputs: Sequence[Live], tainted: set[int], random: Random) -> list[Live]:
    """Inputs that are to require a gradient: floating ones whose memory nothing writes."""
    free = [
        live for live in inputs if live.type.dtype.is_float and live.tensor.untyped_storage().data_ptr() not in tainted
    ]
    return [live for live in free if random.random() < 0.7] or free


def _recipe(live: Live, requires_grad: bool) -> dict[str, Any]:
    recipe = dict(live.recipe or {})
    return {**recipe, "requires_grad": True} if requires_grad else recipe
