"""Where traces come from inside the torch wheel: samples and error inputs of its operators, inputs of its modules, and
the examples in its documentation."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch

from misfold.programs.dtypes import DTYPES

from ..collect.sources import DTYPE_ORDER, documented, opinfo_calls, opinfo_entries, run_examples, sample_calls
from .call import Trial
from .watching import Watcher

#: All element types; those that records are made of come first.
DTYPES_IN_ORDER = (*DTYPE_ORDER, *(name for name in DTYPES if name not in DTYPE_ORDER))

# Samples of one type are much like those of another: the first type shows the structures, the others what they take.
SAMPLES = {name: 160 if name == DTYPE_ORDER[0] else 16 for name in DTYPES_IN_ORDER}

Source = Callable[[], Iterable[Trial]]


def torch_sources() -> dict[str, Source]:
    """Every source by a readable name, such as ``opinfo nn.functional.conv2d``; calling one makes its trials.

    Raises:
        ImportError: ``expecttest`` or ``scipy``, which PyTorch's test data needs, is not installed.
    """
    found: dict[str, Source] = {}
    for entry in opinfo_entries():
        name = f"{entry.name}{'.' + entry.variant_test_name if entry.variant_test_name else ''}"
        found[f"opinfo {name}"] = partial(opinfo_trials, entry)
        if entry.error_inputs_func is not None:
            found[f"opinfo-error {name}"] = partial(error_trials, entry)
    for info in module_entries():
        found[f"module {info.name}"] = partial(module_trials, info)
    for name in documented():
        found[f"docstring {name}"] = partial(docstring_trials, name)
    return found


def module_entries() -> list[Any]:
    """The entries of PyTorch's own database of modules; errors as of ``opinfo_entries``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db

    return list(module_db)


def opinfo_trials(entry: Any) -> Iterator[Trial]:
    """What an entry's samples call, in all element types and forms (function, method, in place, aliases)."""
    yield from opinfo_calls(entry, partial(Watcher, "opinfo", 16), DTYPES_IN_ORDER, SAMPLES)


def error_trials(entry: Any) -> Iterator[Trial]:
    """What an entry's error inputs call; most are invalid."""
    torch.manual_seed(0)
    with contextlib.suppress(Exception):  # the generator itself may fail; what it made before counts
        for item in entry.error_inputs("cpu"):
            yield from sample_calls(entry, item.sample_input, partial(Watcher, "opinfo-error", 16))


def module_trials(info: Any) -> Iterator[Trial]:
    """What a module's forward pass calls on its test inputs, in training and in evaluation."""
    torch.manual_seed(0)
    for dtype in info.dtypes:
        for training in (True, False):
            with contextlib.suppress(Exception):
                inputs = info.module_inputs_func(info, "cpu", dtype, False, training)
                yield from _forward(info, inputs, dtype, training, "module")
    if info.module_error_inputs_func is not None:
        with contextlib.suppress(Exception):
            errors = info.module_error_inputs_func(info, "cpu", torch.float32, False, True)
            yield from _forward(info, (item.module_error_input for item in errors), torch.float32, True, "module-error")


def _forward(info: Any, inputs: Iterable[Any], dtype: torch.dtype, training: bool, origin: str) -> Iterator[Trial]:
    for item in inputs:
        try:
            made = item.constructor_input
            module = info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
        except Exception:
            continue  # an error input that the constructor refuses calls nothing
        if item.forward_input is None:
            continue
        with Watcher(origin) as watcher, contextlib.suppress(Exception):
            module(*item.forward_input.args, **item.forward_input.kwargs)
        yield from watcher.calls


def docstring_trials(name: str) -> Iterator[Trial]:
    """What the examples in an operator's documentation call."""
    with Watcher("docstring", 400) as watcher:
        run_examples(name)
    yield from watcher.calls
