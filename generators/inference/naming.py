"""Names of the positional arguments of traced calls: rules are read by people."""

from __future__ import annotations

import inspect
from functools import lru_cache

import torch

from misfold.programs.errors import UsageError

from ..traces import signatures
from ..traces.call import Call
from ..traces.executing import callable_of


def positional_names(call: Call) -> tuple[str, ...]:
    """One name for each positional argument, ``arg0`` … where no signature is known."""
    if ":" in call.function:
        names = _own(call.function)
    else:
        names = ()
        # Functions of two results, chosen by an argument, do not tell their parameters; the longer one of them does.
        known = signatures.signatures(call.function)
        for signature in known or _dispatched(call.function):
            if signatures._bind(signature, call.args, dict(call.kwargs)) is not None:
                names = tuple(item.name for item in signature if not item.keyword_only)
                break
    taken = {key for key, _ in call.kwargs}
    count = len(call.args)
    if len(names) < count or taken & set(names[:count]):
        return tuple(f"arg{index}" for index in range(count))
    return names[:count]


@lru_cache(maxsize=64)
def _dispatched(function: str) -> tuple[signatures.Signature, ...]:
    """The signature of the variant of a function that returns indices too."""
    space, _, last = function.rpartition(".")
    target = getattr(torch.nn.functional, f"{last}_with_indices", None) if space == "torch.nn.functional" else None
    written = signatures._written(target) if target is not None else None
    return () if written is None else (written,)


@lru_cache(maxsize=64)
def _own(function: str) -> tuple[str, ...]:
    """Positional parameters of a user's function."""
    try:
        parameters = inspect.signature(callable_of(function)).parameters.values()
    except (UsageError, ValueError, TypeError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(item.name for item in parameters if item.kind in kinds)
