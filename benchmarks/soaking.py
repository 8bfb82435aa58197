"""Whether the programs that the generator makes leave the process alone: all of them, in processes of their own.

    python -m benchmarks.soaking --source hybrid --count 5000 --jobs 1

Programs are made and run again from their text by eager, some at a time in a forked process whose C library checks
blocks of memory where it can (``misfold.generators.traces.labelling``), so that a write out of bounds is a death and
no surprise later. Prints one JSON object as its last line: ``programs``, ``deaths`` with the index of the program that
was being made or run and how the process ended, ``invalid`` (indices of those that do not run from their text or have
other types than stated), ``valid_fraction``, ``finite_fraction``, and ``seconds`` of processor time per program.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import struct
import sys
import time
import warnings
from typing import Any

import torch

from misfold.generators.collect.processes import fork_map
from misfold.generators.generator import Generator
from misfold.generators.options import SOURCES, Options
from misfold.generators.traces.labelling import heap_checks

from .generation import rerun

#: Programs per process: what a process reads and prepares once is worth it.
CHUNK = 250
#: Seconds per program, generously: what takes longer hangs.
SECONDS = 20.0
_PLACE = struct.Struct("q")


class Soak:
    """Programs ``start`` to ``stop`` of a seed, made in children that say which one they are at."""

    def __init__(self, options: Options, seed: int, jobs: int):
        self.generator = Generator(options)
        self.seed, self.jobs = seed, jobs
        self.places = mmap.mmap(-1, mmap.PAGESIZE * 16)
        self.deaths: list[dict[str, Any]] = []
        self.invalid: list[int] = []
        self.infinite: list[int] = []
        self.done = 0
        self.spent = 0.0

    def warm_up(self) -> None:
        """Read all that is read once, without calling an operator."""
        for op in self.generator.source.operators:
            for entry in self.generator.source.entries(op):
                _ = entry.record
            if self.generator.rules is not None:
                self.generator.rules.partials(op)

    def chunk(self, item: tuple[int, int, int]) -> dict[str, Any]:
        """One child's work."""
        slot, start, stop = item
        warnings.simplefilter("ignore")
        began = time.process_time()
        invalid, infinite = [], []
        for index in range(start, stop):
            _PLACE.pack_into(self.places, slot * _PLACE.size, index)
            runs, finite = rerun(self.generator.case(self.seed, index).text)
            if not runs:
                invalid.append(index)
            elif not finite:
                infinite.append(index)
        return {"invalid": invalid, "infinite": infinite, "seconds": time.process_time() - began}

    def run(self, start: int, stop: int) -> None:
        """Make all programs; those behind one that a child dies of are made by another child."""
        slots = mmap.PAGESIZE * 16 // _PLACE.size
        chunks = [(first, min(first + CHUNK, stop)) for first in range(start, stop, CHUNK)]
        while chunks:
            items = [(slot, *chunk) for slot, chunk in enumerate(chunks[:slots])]
            chunks = chunks[slots:]
            for result in fork_map(self.chunk, items, jobs=self.jobs, seconds=SECONDS * CHUNK):
                slot, first, last = items[result.index]
                if result.failure is None:
                    self.invalid += result.data["invalid"]
                    self.infinite += result.data["infinite"]
                    self.spent += result.data["seconds"]
                    self.done += last - first
                else:
                    (index,) = _PLACE.unpack_from(self.places, slot * _PLACE.size)
                    self.deaths.append({"index": index, "ended": result.failure})
                    print(json.dumps(self.deaths[-1]), file=sys.stderr, flush=True)
                    self.done += index + 1 - first
                    if index + 1 < last:
                        chunks.append((index + 1, last))
                print(self.done, "programs", file=sys.stderr, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10, help="operators per program")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--start", type=int, default=0, help="the first index")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--source", choices=tuple(SOURCES), default="hybrid")
    parser.add_argument("--unchecked", action="store_true", help="with the C library as it is")
    arguments = parser.parse_args()
    checked = {} if arguments.unchecked else heap_checks()
    if any(os.environ.get(key) != value for key, value in checked.items()):
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.soaking", *sys.argv[1:]], {**os.environ, **checked}
        )
    torch.set_num_threads(1)
    share = SOURCES[arguments.source]
    options = Options(min_nodes=arguments.nodes, max_nodes=arguments.nodes, rules=share)
    soak = Soak(options, arguments.seed, arguments.jobs)
    soak.warm_up()
    soak.run(arguments.start, arguments.start + arguments.count)
    good = soak.done - len(soak.invalid) - len(soak.deaths)
    result = {
        "source": arguments.source,
        "checked": bool(checked),
        "programs": soak.done,
        "deaths": soak.deaths,
        "invalid": soak.invalid,
        "valid_fraction": good / max(soak.done, 1),
        "finite_fraction": (good - len(soak.infinite)) / max(soak.done, 1),
        "seconds": round(soak.spent / max(soak.done, 1), 5),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
