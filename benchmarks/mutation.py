"""How good mutators of programs are, and how fast.

    python -m benchmarks.mutation --count 300 --seed 1
    python -m benchmarks.mutation --kind graphs --count 300 --seed 1

Makes ``--count`` mutants, one mutator after the other, each of a program of its own or of the mutant before it. Prints
one JSON object as its last line:

- ``mutations_per_second``: of processor time, making programs and running mutants left out;
- ``valid``: fraction of the mutants that the interpreter finds no undefined behaviour in, on random inputs;
- ``equal``: fraction of the mutants of mutators that preserve meaning that compute the same;
- ``mutators``: for each its fraction of attempts that changed something, and of those that are valid (and equal, if
  it preserves).

Of graphs, those are valid that eager runs, read back from their text, with the types that they state; their time has
that in it of the run in which each is made.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter

import numpy as np

from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Function
from misfold.generators.kernels import generate, inputs
from misfold.mutators.kernels import MUTATORS, applied


def results(function: Function, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
    """What a function leaves; None: it is undefined."""
    copies = [array.copy() for array in arrays]
    try:
        interpret(function, copies)
    except (AssertionFailed, UndefinedBehaviour):
        return None
    return copies


def equal(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two results are the same; zeros of both signs are."""
    floats = before.dtype.kind in "fV"
    wide = (before.astype(np.float64), after.astype(np.float64)) if floats else (before, after)
    return np.array_equal(*wide, equal_nan=floats)


def measure(count: int, seed: int) -> dict:
    """Mutate and run."""
    tried: Counter[str] = Counter()
    made: Counter[str] = Counter()
    good: Counter[str] = Counter()
    names = list(MUTATORS)
    seconds = 0.0
    number = 0
    while sum(made.values()) < count:
        name = names[number % len(names)]
        source = random.Random(f"{seed}/{number}")
        number += 1
        function, donors = generate(source), [generate(source) for _ in range(2)]
        if source.random() < 0.5 and not MUTATORS[name].preserves:
            earlier = applied(source.choice(names), function, source, donors)
            function = earlier.function if earlier is not None else function
        tried[name] += 1
        begin = time.process_time()
        found = applied(name, function, source, donors)
        seconds += time.process_time() - begin
        if found is None:
            continue
        made[name] += 1
        arrays = inputs(found.function, source)
        after = results(found.function, arrays)
        if after is not None and found.preserves:
            before = results(function, arrays)
            good[name] += before is not None and all(map(equal, before, after))
        else:
            good[name] += after is not None
    preserving = [name for name in names if MUTATORS[name].preserves]
    changing = [name for name in names if not MUTATORS[name].preserves]
    return {
        "mutations": sum(made.values()),
        "mutations_per_second": round(sum(made.values()) / seconds, 1),
        "valid": share(good, made, changing),
        "equal": share(good, made, preserving),
        "mutators": {
            name: {"changed": round(made[name] / tried[name], 3), "valid": share(good, made, [name])}
            for name in names
            if tried[name]
        },
    }


def measure_graphs(count: int, seed: int) -> dict:
    """The same for graphs."""
    import torch

    from benchmarks.generation import rerun
    from misfold.generators.generator import Generator
    from misfold.generators.records import RecordBase
    from misfold.mutators.graphs.mutate import changed
    from misfold.mutators.graphs.signatures import Signatures
    from misfold.mutators.graphs.table import GRAPH_MUTATORS

    torch.set_num_threads(1)
    generator, signatures = Generator(), Signatures(RecordBase.load())
    signatures.unary()
    cases = [generator.case(seed, index) for index in range(min(count, 100) + 3)]
    names = list(GRAPH_MUTATORS)
    tried: Counter[str] = Counter()
    made: Counter[str] = Counter()
    good: Counter[str] = Counter()
    seconds = 0.0
    number = 0
    while sum(made.values()) < count:
        name = names[number % len(names)]
        source = random.Random(f"{seed}/{number}")
        number += 1
        case, *donors = source.sample(cases, 3)
        tried[name] += 1
        begin = time.process_time()
        mutant = changed(name, case, source, signatures, donors)
        seconds += time.process_time() - begin
        if mutant is not None:
            made[name] += 1
            good[name] += rerun(mutant.text)[0]
    return {
        "mutations": sum(made.values()),
        "mutations_per_second": round(sum(made.values()) / seconds, 1),
        "valid": share(good, made, names),
        "mutators": {
            name: {"changed": round(made[name] / tried[name], 3), "valid": share(good, made, [name])}
            for name in names
            if tried[name]
        },
    }


def share(part: Counter[str], whole: Counter[str], names: list[str]) -> float | None:
    """A fraction over several mutators; None: they did nothing."""
    total = sum(whole[name] for name in names)
    return round(sum(part[name] for name in names) / total, 4) if total else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kind", choices=("kernels", "graphs"), default="kernels")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps((measure_graphs if arguments.kind == "graphs" else measure)(arguments.count, arguments.seed)))


if __name__ == "__main__":
    main()
