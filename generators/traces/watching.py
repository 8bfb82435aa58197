"""Watching torch call by call: what was called with which types, and what came back or was raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from misfold.programs.arguments import SYMBOLS, Argument, Symbol
from misfold.programs.errors import TextError
from misfold.programs.graph import MAX_DEPTH, MAX_STRING
from misfold.programs.types import MAX_RANK, TensorType

from ..calling import NAMES
from ..collect.recording import Inexpressible, Recorder, public_names, without_idle
from .call import Call, Trial, decode_outputs
from .errors import normal_error
from .executing import Unrepresentable, output_data


class Watcher(Recorder):
    """Collects the outermost calls made while it is active as distinct trials in ``calls``, those that raise too.

    What the language has no word for is counted in ``refused`` by reason.
    """

    calls: list[Trial]  # type: ignore[assignment]

    def __init__(self, origin: str, limit: int = 100_000):
        super().__init__(limit)
        self.origin = origin
        self.count: Counter[str] = Counter()
        self._known: set[tuple[str, bool]] = set()
        self._most = limit

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        calls = self._calls(function, args, kwargs) if len(self.calls) < self._most else []
        if not calls:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            self._keep(calls, None, normal_error(type(error).__name__, str(error)))
            raise
        try:
            outputs = decode_outputs(output_data(result))
        except (Unrepresentable, TextError) as error:
            self._refuse(str(error))
        else:
            self._keep(calls, outputs, "")
        return result

    def _calls(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> list[Call]:
        """The call before it is made (it may write its arguments), under every public name of the function."""
        names, extra = public_names(function)
        if not names:
            return []
        try:
            plain = tuple([typed(item) for item in args])
            named = tuple(sorted((key, typed(value)) for key, value in without_idle({**kwargs, **extra}).items()))
        except (Inexpressible, TextError) as error:
            self._refuse(str(error))
            return []
        return [Call(name, plain, named) for name in names]

    def _refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def _keep(self, calls: list[Call], outputs: Any, error: str) -> None:
        for call in calls:
            self.count[call.function] += 1
            key = call.text(), not error
            if key not in self._known:
                self._known.add(key)
                self.calls.append(Trial(call, outputs, error, self.origin))


def typed(item: Any, depth: int = 0) -> Argument:
    """An argument with types in place of tensors.

    Raises:
        Inexpressible: it has no form in the language.
    """
    if isinstance(item, torch.Tensor):
        if item.layout is not torch.strided or item.device.type != "cpu":
            raise Inexpressible("a tensor that is not dense and on the CPU")
        if type(item) not in (torch.Tensor, torch.nn.Parameter):
            raise Inexpressible("a tensor subclass")
        if item.dtype not in NAMES:
            raise Inexpressible(f"a tensor of {item.dtype}")
        if item.dim() > MAX_RANK:
            raise Inexpressible("a tensor of many dimensions")
        return TensorType.of(NAMES[item.dtype], tuple(item.shape))
    if item is None or item is ... or type(item) in (bool, int, float):
        return item
    if isinstance(item, str) and len(item) < MAX_STRING:
        return item
    if isinstance(item, torch.dtype | torch.memory_format | torch.layout) and str(item) in SYMBOLS:
        return Symbol(str(item))
    if depth > MAX_DEPTH:
        raise Inexpressible("deep nesting")
    if isinstance(item, list | range):
        return [typed(part, depth + 1) for part in item]
    if isinstance(item, tuple):
        return tuple([typed(part, depth + 1) for part in item])
    if isinstance(item, slice):
        return slice(*(typed(part, depth + 1) for part in (item.start, item.stop, item.step)))
    raise Inexpressible(f"a {type(item).__name__} argument")
