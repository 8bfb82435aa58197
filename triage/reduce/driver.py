"""Reduction to the smallest failing subgraph, bounded in tests.

Tiers: one returned value; the shortest failing window of nodes that ends where the failure shows; single nodes
replaced by inputs; simple inputs. A candidate counts only if ``fails`` says that it is the same failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError
from misfold.targets.outcome import TensorValue

from .cuts import keep_nodes, keep_returns, live_nodes, simple_recipes


@dataclass
class Reduction:
    """A reduction under way: the smallest failing case so far, and how many tests it took."""

    case: Case
    fails: Callable[[Case], bool]
    capture: Callable[[Case], Mapping[str, TensorValue]]
    budget: int
    tests: int = 0

    def attempt(self, candidate: Case) -> bool:
        """Test a candidate and keep it if it fails in the same way."""
        if self.tests >= self.budget or candidate == self.case:
            return False
        self.tests += 1
        if not self.fails(candidate):
            return False
        self.case = candidate
        return True

    def run(self) -> Case:
        """All tiers, until nothing more goes or the budget is spent."""
        self.one_return()
        self.window()
        self.single_nodes()
        self.one_return()
        self.inputs()
        return self.case

    def one_return(self) -> None:
        """Try each returned value alone, the one that needs the fewest nodes first."""
        returns = dict.fromkeys(self.case.graph.returns)
        if len(returns) < 2:
            self.attempt(keep_returns(self.case, set(returns)))
            return
        case = self.case
        order = sorted(returns, key=lambda name: len(live_nodes(case.graph, [name])))
        for name in order:
            if live_nodes(case.graph, [name]) and self.attempt(keep_returns(case, {name})):
                return
        # No value fails alone: drop as many as possible one by one.
        for name in order:
            rest = set(self.case.graph.returns) - {name}
            if rest:
                self.attempt(keep_returns(self.case, rest))

    def window(self) -> None:
        """Cut the front off: the last 1, 2, 4, … nodes, then one node less at a time."""
        captured = self.capture(self.case)
        case, count = self.case, len(self.case.graph.nodes)
        size = 1
        while size < count:
            if self._try_nodes(case, range(count - size, count), captured):
                low = size // 2 + 1
                for smaller in range(low, size):
                    if self._try_nodes(case, range(count - smaller, count), captured):
                        break
                return
            size *= 2

    def single_nodes(self) -> None:
        """Replace one node at a time by an input holding what it computed."""
        index = len(self.case.graph.nodes) - 1
        captured = self.capture(self.case)
        while index >= 0 and len(self.case.graph.nodes) > 1:
            if index < len(self.case.graph.nodes):
                nodes = [other for other in range(len(self.case.graph.nodes)) if other != index]
                if self._try_nodes(self.case, nodes, captured):
                    captured = {**captured, **self.capture(self.case)}
            index -= 1

    def inputs(self) -> None:
        """Replace inputs' recipes by simple ones, and contiguous strides for others."""
        for value in self.case.graph.inputs:
            for recipe in simple_recipes(value):
                current = self.case.recipes[value.name]
                if current.get("requires_grad"):
                    recipe = {**recipe, "requires_grad": True}
                if current == recipe:
                    break
                try:
                    candidate = replace(self.case, recipes={**self.case.recipes, value.name: recipe})
                except MisfoldError:
                    continue
                if self.attempt(candidate):
                    break

    def _try_nodes(self, case: Case, nodes: range | list[int], captured: Mapping[str, TensorValue]) -> bool:
        try:
            candidate = keep_nodes(case, nodes, captured)
        except (KeyError, MisfoldError):
            # The value is too large to write down, or nothing would be left: not a candidate.
            return False
        return self.attempt(candidate)


def reduce_case(
    case: Case,
    fails: Callable[[Case], bool],
    capture: Callable[[Case], Mapping[str, TensorValue]],
    budget: int = 60,
) -> Case:
    """The smallest case found that ``fails`` accepts, after at most ``budget`` tests.

    ``capture`` gives what each value of a case was when it was made. A graph with stated types keeps them: a value
    that becomes an input gets the captured type.
    """
    return Reduction(case, fails, capture, budget).run()
