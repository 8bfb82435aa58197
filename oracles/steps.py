"""Step functions under rounding: comparisons, floor, argmax, conversions to integers.

Random samples alone miss flips: of eight elements that sit on a threshold, one shows no flip in three samples. So two
samples (four, for two operands) are pushed to either side of every operand by more than honest evaluations differ;
a result that could flip then does flip in one of them. Where flips are not monotone (equality) they are set outright,
and where they touch a whole row (ties in argmax and sort) the row is left undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from misfold.programs.arguments import Ref
from misfold.programs.graph import Node

from . import kinds
from .exactness import grid_of, has_ties
from .rounding import amount

if TYPE_CHECKING:
    from .worlds import Env, Worlds

#: The sign of the push of the first and of further operands in each sample.
CORNERS = ((1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0))
#: How many times the observed spread an operand of a step function may be off before a flip counts as a fault. A
#: sample of four falls short of half the standard deviation in 2% of cases, and honest errors go to four of those.
MARGIN = 8.0
# Quotients are rounded before they are cut, in some implementations: a step even on exact operands.
_QUOTIENTS = frozenset("floor_divide remainder fmod div divide".split())


class Steps:
    """What one node's steps do to the samples. Made before the node runs."""

    def __init__(self, node: Node, worlds: Worlds, own: Env, before: Env, results: Sequence[torch.Tensor]):
        self.node, self.worlds, self.own, self.before = node, worlds, own, before
        self.name = kinds.base_name(node.op)
        rounding = self.name in ("div", "divide") and node.kwargs.get("rounding_mode") is not None
        self.step = self.name in kinds.STEP or rounding or self._to_integer(results)
        self.point = self.name in kinds.POINT
        self.margins: Env = {}
        tied = self.name in kinds.TIES or self.name in kinds.DISTINCT
        kinked = worlds.gradient and (self.name in kinds.KINKS or self._paired() or self.name in kinds.ROUTED)
        if self.step or self.point or tied or kinked or self.name in kinds.TRUTH:
            for use in node.uses:
                margin = self._margin(use)
                if margin is not None:
                    self.margins[use] = margin
        self._near: Env = {}
        if kinked and self.margins:
            self._near = self._kinks()
        self._flips: torch.Tensor | None = self._equal_flips() if self.point and self.margins else None

    def _to_integer(self, results: Sequence[torch.Tensor]) -> bool:
        floats = any(item.is_floating_point() for item in self.own.values())
        return floats and self.name in kinds.MOVE and any(_is_integer(item) for item in results)

    def _paired(self) -> bool:
        pair = len(self.node.args) > 1 and isinstance(self.node.args[1], Ref)
        return self.name in kinds.PAIRED_KINKS and pair

    def _margin(self, use: str) -> torch.Tensor | None:
        margin = self.worlds.margin(use)
        if margin is not None:
            return margin * MARGIN
        item = self.before[use]
        if self.name in _QUOTIENTS and self.step and item.is_floating_point():
            grid = grid_of(item)
            if grid is None or grid.quantum < 0:
                return item.abs() * amount(self.own[use].dtype)
        return None

    def _kinks(self) -> Env:
        """Where operands are so near a kink that the gradient could be either side's."""
        near: Env = {}
        if self._paired():
            first, second = self.node.uses[0], self.node.uses[-1]
            gap = (self.before[first] - self.before[second]).abs()
            bound = self.margins.get(first, torch.zeros(())) + self.margins.get(second, torch.zeros(()))
            close = (gap <= bound).nan_to_num()
            for use in self.margins:
                if close.shape == self.before[use].shape:
                    near[use] = close
                else:
                    self.worlds.routed = self.worlds.routed or f"a kink of {self.node.op}"
        elif self.name in kinds.KINKS and (use := self.node.uses[0]) in self.margins:
            # All of them have their kinks at 0 or at their bounds, where the value changes its slope.
            near[use] = self._bends(use)
        return near

    def _bends(self, use: str) -> torch.Tensor:
        item, margin = self.before[use], self.margins[use]
        close = item.abs() <= margin
        for bound in (*self.node.args[1:], *self.node.kwargs.values()):
            if isinstance(bound, int | float) and not isinstance(bound, bool):
                close = close | ((item - bound).abs() <= margin)
            elif isinstance(bound, Ref) and self.before[bound.name].is_floating_point():
                close = close | ((item - self.before[bound.name]).abs() <= margin)
        if self.name in ("relu6", "hardtanh", "hardsigmoid", "hardswish"):
            for fixed in (-3.0, -1.0, 1.0, 3.0, 6.0):
                close = close | ((item - fixed).abs() <= margin)
        return close & (margin > 0)

    def _equal_flips(self) -> torch.Tensor | None:
        if self.name == "isin" or len(self.node.args) < 2:
            return None
        values, margins = [], []
        for argument in self.node.args[:2]:
            if isinstance(argument, Ref):
                item = self.before[argument.name]
                values.append(item.double() if not item.is_floating_point() else item)
                margins.append(self.margins.get(argument.name, torch.zeros((), dtype=torch.float64)))
            elif isinstance(argument, bool | int | float):
                values.append(torch.tensor(float(argument), dtype=torch.float64))
                margins.append(torch.zeros((), dtype=torch.float64))
            else:
                return None
        bound = margins[0] + margins[1]
        return ((values[0] - values[1]).abs() <= bound) & (bound > 0)

    def undecided(self, results: Sequence[torch.Tensor], wide: Sequence[torch.Tensor]) -> tuple[str | None, str | None]:
        """Why the node's results cannot be judged; and why its indices alone cannot."""
        reason = tied = None
        first = self.node.uses[0] if self.node.uses else None
        indices = any(map(_is_integer, results))
        if self.name in kinds.TIES and first is not None and not self._paired():
            stable = self.name in ("sort", "argsort") and self.node.kwargs.get("stable") is True
            routed = self.worlds.gradient and self.before[first].is_floating_point()
            if (indices and not (stable and not self.margins)) or routed:
                if has_ties(self.name, self.node, self.before[first], self.margins.get(first)):
                    tied = f"{self.node.op} chooses among equal elements" if indices else None
                    if routed:
                        self.worlds.routed = self.worlds.routed or f"{self.node.op} chooses among equal elements"
        elif self.worlds.gradient and self.name in kinds.ROUTED and self.margins and first is not None:
            if has_ties(self.name, self.node, self.before[first], self.margins.get(first)):
                self.worlds.routed = self.worlds.routed or f"{self.node.op} chooses among nearly equal elements"
        if self.name in kinds.DISTINCT and self.margins and first is not None:
            if has_ties("sort", Node(self.node.op, self.node.args[:1], {}, self.node.outputs, self.node.unpack),
                        self.before[first].flatten(), self.margins[first].flatten()):  # fmt: skip
                reason = f"{self.node.op} compares nearly equal elements"
        if self.name in kinds.TRUTH:
            for use, margin in self.margins.items():
                if bool(((self.before[use].abs() <= margin) & (margin > 0)).any()):
                    reason = f"{self.node.op} asks whether nearly zero is zero"
        if self.name == "isin" and self.margins:
            reason = f"{self.node.op} compares inexact elements for equality"
        return reason, tied

    def operands(self, index: int, env: Env, written: tuple[str, ...]) -> Env:
        """A sample's operands, pushed where steps or kinks ask for it. Those written are pushed in place."""
        view = {use: env[use] for use in self.node.uses}
        if not self.margins and self.name not in kinds.ZERO_SIGN:
            return view
        if self.step and not self.point:
            for use, margin in self.margins.items():
                sign = CORNERS[index][0 if use == self.node.uses[0] else 1]
                target = self.before[use] + sign * margin
                wanted = torch.where(torch.isfinite(target), target, view[use].detach())
                view[use] = _replaced(view[use], wanted, use in written)
        elif self._near and index < 2:
            for use, close in self._near.items():
                sign = CORNERS[index][0 if use == self.node.uses[0] else 1]
                target = self.before[use] + sign * self.margins[use]
                wanted = torch.where(close & torch.isfinite(target), target, view[use].detach())
                view[use] = _replaced(view[use], wanted, use in written)
        if self.name in kinds.ZERO_SIGN and index == len(CORNERS) - 1:
            for use, item in view.items():
                if item.is_floating_point():
                    now = item.detach()
                    view[use] = _replaced(item, torch.where(now == 0, -now, now), use in written)
        return view

    def flip(self, index: int, results: list[torch.Tensor]) -> None:
        """Set results of equality to the other answer where it could be that one."""
        if self._flips is not None and index == 0 and results and results[0].shape == self._flips.shape:
            data = results[0].data
            if data.dtype is torch.bool:
                data.logical_xor_(self._flips)
            else:
                data.copy_(torch.where(self._flips, 1 - data, data))


def _is_integer(item: torch.Tensor) -> bool:
    return not (item.is_floating_point() or item.is_complex() or item.dtype is torch.bool)


def _replaced(item: torch.Tensor, wanted: torch.Tensor, in_place: bool) -> torch.Tensor:
    """``item`` with other elements: in its memory, or as a copy through which gradients still flow."""
    if in_place:
        item.data.copy_(wanted)
        return item
    if item.requires_grad:
        return item + (wanted - item.detach()).nan_to_num(0.0, 0.0, 0.0)
    return wanted
