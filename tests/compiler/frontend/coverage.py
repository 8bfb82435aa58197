"""Which of PyTorch's operators the compiler takes, by PyTorch's own samples of them (OpInfo).

    python -m tests.compiler.frontend.coverage > docs/compiler-operators.md

writes a table of operator × dtype. ``--samples`` limits the samples of each, ``--only`` the operators. Each sample is
compiled at O2 and run; with ``--evaluated`` only the frontend is looked at, and numpy evaluates the graph IR.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from misfold.compiler.errors import Unsupported
from misfold.targets.protocol import Unsupported as NotExported

from .checking import Compute, Wrong, check, compiled, evaluated

DTYPES = (torch.float32, torch.bfloat16, torch.int64, torch.bool)

#: Nothing says what is in these results.
UNSPECIFIED = frozenset("empty empty_like empty_permuted empty_strided new_empty new_empty_strided".split())

#: Pairs of operator and dtype that one forked child does.
CHUNK = 40

#: Which of equal elements the second result points to is eager's choice.
TIES = frozenset("kthvalue median nanmedian mode topk sort".split())


@dataclass(frozen=True)
class Entry:
    """What happened with the samples of an operator in one dtype. ``reasons`` of those unsupported, ``faults`` of
    those wrong."""

    operator: str
    dtype: torch.dtype
    passed: int
    reasons: Sequence[str]
    faults: Sequence[str]


def operators() -> list[Any]:
    from torch.testing._internal.common_methods_invocations import op_db

    return sorted(op_db, key=lambda op: (op.name, op.variant_test_name))


def full_name(op: Any) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def entries(
    only: Sequence[str] = (), samples: int = 4, dtypes: Sequence[torch.dtype] = DTYPES, compute: Compute = evaluated
) -> Iterator[Entry]:
    """One entry for each operator and dtype that it takes."""
    for op, dtype in pairs(only, dtypes):
        yield examine(op, dtype, samples, compute)


def pairs(only: Sequence[str] = (), dtypes: Sequence[torch.dtype] = DTYPES) -> list[tuple[Any, torch.dtype]]:
    """Operators with the dtypes that they take."""
    # jiterators are kernels of CUDA
    chosen = [op for op in operators() if (not only or op.name in only) and not op.name.startswith("jiterator")]
    return [(op, dtype) for op in chosen for dtype in dtypes if dtype in op.supported_dtypes("cpu")]


def in_children(only: Sequence[str], samples: int, compute: Compute) -> Iterator[Entry]:
    """The same in forked children, so that a crash is an entry too, and what compiled code leaves behind goes."""
    todo = pairs(only)
    for start in range(0, len(todo), CHUNK):
        chunk = todo[start : start + CHUNK]
        while chunk:
            found, status = _in_child(chunk, samples, compute)
            yield from found
            chunk = chunk[len(found) :]
            if chunk:
                op, dtype = chunk.pop(0)
                yield Entry(full_name(op), dtype, 0, [], [f"the process died: status {status}"])


def _in_child(chunk: Sequence[Any], samples: int, compute: Compute) -> tuple[list[Entry], int]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as out:
            for op, dtype in chunk:
                entry = examine(op, dtype, samples, compute)
                out.write(json.dumps([entry.passed, entry.reasons, entry.faults]) + "\n")
                out.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as lines:
        rows = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    return [Entry(full_name(op), dtype, *row) for (op, dtype), row in zip(chunk, rows)], status


def examine(op: Any, dtype: torch.dtype, samples: int, compute: Compute = evaluated) -> Entry:
    """What happens to ``samples`` of PyTorch's samples of an operator, spread over all of them; 0 means all."""
    passed, reasons, faults = 0, [], []
    torch.manual_seed(0)
    given = list(op.sample_inputs("cpu", dtype))
    step = max(1, -(-len(given) // samples)) if samples else 1
    for sample in given[::step]:
        try:
            _check_sample(op, sample, compute)
            passed += 1
        except (Unsupported, NotExported) as error:
            reasons.append(str(error))
        except Wrong as error:
            faults.append(str(error))
        except Exception as error:
            faults.append(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return Entry(full_name(op), dtype, passed, reasons, faults)


def _check_sample(op: Any, sample: Any, compute: Compute) -> None:
    leaves, structure = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    places = [number for number, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    tensors = [leaves[number].detach() for number in places]
    if any(tensor.layout is not torch.strided for tensor in tensors):
        raise Unsupported("sparse tensors")

    def call(*given: torch.Tensor) -> Any:
        filled = list(leaves)
        for number, tensor in zip(places, given):
            filled[number] = tensor
        first, args, kwargs = pytree.tree_unflatten(filled, structure)
        return pytree.tree_leaves(op(first, *args, **kwargs))

    stable = sample.kwargs.get("stable", False)
    check(
        call,
        *tensors,
        compute=compute,
        values=op.name not in UNSPECIFIED and (op.name != "argsort" or stable),
        results=1 if op.name in TIES and not stable else None,
    )


def markdown(found: Sequence[Entry]) -> str:
    """The table, with what is unsupported and why."""
    cells: dict[str, dict[torch.dtype, str]] = {}
    for entry in found:
        if entry.faults:
            state = "wrong"
        elif not entry.reasons:
            state = "yes"
        else:
            state = f"{entry.passed}/{entry.passed + len(entry.reasons)}" if entry.passed else "no"
        cells.setdefault(entry.operator, {})[entry.dtype] = state
    names = [str(dtype).removeprefix("torch.") for dtype in DTYPES]
    lines = [f"| operator | {' | '.join(names)} | what is missing |", f"|---|{'---|' * (len(names) + 1)}"]
    for operator, states in cells.items():
        reasons = Counter(reason for entry in found if entry.operator == operator for reason in entry.reasons)
        missing = "; ".join(reason.replace("|", "\\|")[:100] for reason, _ in reasons.most_common(1))
        lines.append(f"| {operator} | {' | '.join(states.get(dtype, '') for dtype in DTYPES)} | {missing} |")
    return "\n".join(lines)


PREFACE = """# Operators of misfold's own compiler

Which of PyTorch's operators the compiler takes, by {samples} of PyTorch's own samples (OpInfo) of each in four
dtypes. Each sample is exported, converted to graph IR, {how} and compared with eager. Floats
that differ from eager may agree with eager's result in a wider type, or with the exported operators run one by one.
Where eager leaves open which of equal elements an index names, only values are compared. *yes*: all samples agree.
*2/3*: so many do, the others are refused. *no*: all are refused. *wrong*: one disagrees. Empty:
PyTorch does not have the operator in that dtype. {summary}

This file is written by `{command} > docs/compiler-operators.md`,
here with {versions}.
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="coverage")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--evaluated", action="store_true", help="evaluate graphs with numpy instead of compiling")
    parser.add_argument("--faults", action="store_true", help="say on standard error what is wrong or unsupported")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = []
    for entry in in_children(options.only, options.samples, evaluated if options.evaluated else compiled):
        found.append(entry)
        if options.faults and (entry.faults or entry.reasons):
            for kind, texts in (("WRONG", entry.faults), ("no", entry.reasons)):
                for text, count in Counter(text[:300] for text in texts).items():
                    print(f"{entry.operator} {entry.dtype} {kind} ×{count}: {text}", file=sys.stderr, flush=True)
    states = Counter("wrong" if one.faults else "part" if one.reasons and one.passed else "no" if one.reasons else "yes"
                     for one in found)  # fmt: skip
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    import llvmlite
    import numpy

    print(
        PREFACE.format(
            samples=f"up to {options.samples}" if options.samples else "all",
            how="evaluated with numpy" if options.evaluated else "compiled at O2, run",
            command=" ".join(
                ["python -m tests.compiler.frontend.coverage", *(one for one in arguments if one != "--faults")]
            ),
            versions=f"PyTorch {torch.__version__}, llvmlite {llvmlite.__version__}, numpy {numpy.__version__}, "
            f"{platform.machine()}",
            summary=f"Of {len(found)} pairs of operator and dtype: {counts}.",
        )
    )
    print(markdown(found))


if __name__ == "__main__":
    main(sys.argv[1:])
