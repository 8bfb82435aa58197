"""Where calls come from: PyTorch's OpInfo database and the examples in torch's docstrings."""

from __future__ import annotations

import contextlib
import doctest
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from types import FunctionType
from typing import Any

import torch

from misfold.programs.errors import GraphError
from misfold.programs.operators import NAMESPACES, is_operator, operator_names

from ..calling import TORCH_DTYPES, function_of
from ..undefined import last_name
from .recording import Call, Recorder, beneath, public_names

# float32 first: where a cap cuts, the commonest element type stays.
DTYPE_ORDER = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "int16", "bool")
# Some entries have thousands of samples, many alike.
SAMPLES = 400


def opinfo_entries() -> list[Any]:
    """The entries of PyTorch's own operator database.

    Raises:
        ImportError: ``expecttest`` or ``scipy``, which PyTorch's test data needs, is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

    return [entry for entry in op_db if "jiterator" not in entry.name]


def forms(entry: Any) -> Iterator[tuple[Callable[..., Any], bool]]:
    """The ways to call an entry's operator, with whether they write its input: function, method, in place, the same of
    its aliases, and what has the same name in another of torch's namespaces."""
    seen: set[int] = set()
    for source in (entry, *entry.aliases):
        for kind in ("op", "method_variant", "inplace_variant"):
            function = getattr(source, kind, None)
            if function is None:
                continue
            for form, writes in ((function, kind == "inplace_variant"), *namesakes(function)):
                if id(form) not in seen:
                    seen.add(id(form))
                    yield form, writes


@cache
def namesakes(function: Callable[..., Any]) -> list[tuple[Callable[..., Any], bool]]:
    """What other namespaces call the same, and in place: ``torch.exp`` and ``torch.exp_`` of ``torch.Tensor.exp``; with
    whether it writes its input. Whether it takes the same arguments shows when it is called."""
    found = []
    for known in public_names(function)[0]:
        last = last_name(known)
        for name in (f"{space}.{spelling}" for space in NAMESPACES for spelling in dict.fromkeys((last, f"{last}_"))):
            if name != known and is_operator(name):
                with contextlib.suppress(GraphError):
                    found.append((function_of(name), name.endswith("_")))
    return found


def opinfo_calls(
    entry: Any,
    watch: Callable[[], Recorder] | None = None,
    order: Sequence[str] = DTYPE_ORDER,
    samples: Mapping[str, int] | None = None,
) -> Iterator[Any]:
    """Calls that an entry's samples make, over the element types in ``order`` and all forms.

    ``watch`` makes the recorders, by default those that record what runs (see ``sample_calls``); ``samples`` says how
    many samples of an element type are looked at where that is not ``SAMPLES``.
    """
    most = samples or {}
    torch.manual_seed(0)
    for name in order:
        dtype = TORCH_DTYPES[name]
        if not entry.supports_dtype(dtype, "cpu"):
            continue
        try:
            for sample in islice(entry.sample_inputs("cpu", dtype, requires_grad=False), most.get(name, SAMPLES)):
                yield from sample_calls(entry, sample, watch)
        except Exception:
            continue


def sample_calls(entry: Any, sample: Any, watch: Callable[[], Recorder] | None = None) -> Iterator[Any]:
    """Calls that one sample makes, one form after another.

    Recorders made by ``watch`` are asked for what they saw also where the sample fails; the default ones are not.
    """
    for function, inplace in forms(entry):
        first = sample.input
        if inplace and isinstance(first, torch.Tensor):
            first = first.clone()
        # What is written in Python is called once more, for the operators beneath it have names of their own.
        views = (contextlib.nullcontext, beneath) if isinstance(function, FunctionType) else (contextlib.nullcontext,)
        for view in views:
            with watch() if watch is not None else Recorder(limit=8) as recorder, view():
                try:
                    function(first, *sample.args, **sample.kwargs)
                except Exception:
                    if watch is None:
                        continue
            yield from recorder.calls


def documented() -> list[str]:
    """Allow-listed names whose docstring holds examples."""
    names = []
    for name in sorted(operator_names()):
        text = docstring(name)
        if text and ">>>" in text:
            names.append(name)
    return names


def docstring(name: str) -> str | None:
    """The documentation of a public operator in the installed torch."""
    item: Any = torch
    for part in name.split(".")[1:]:
        item = getattr(item, part, None)
    text = getattr(item, "__doc__", None)
    return text if isinstance(text, str) else None


def docstring_calls(name: str) -> Sequence[Call]:
    """Calls that the examples of an operator's docstring make; an example that fails does not stop the next."""
    with Recorder(limit=200) as recorder:
        run_examples(name)
    return recorder.calls


def run_examples(name: str) -> None:
    """Execute the examples in an operator's docstring, one after another, whatever becomes of each."""
    text = docstring(name) or ""
    scope: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "nn": torch.nn, "math": __import__("math")}
    torch.manual_seed(0)
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return
    with contextlib.redirect_stdout(io.StringIO()):
        for example in examples:
            try:
                exec(compile(example.source, "<docstring>", "single"), scope)
            except Exception:
                continue
