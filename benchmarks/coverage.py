"""What coverage of stock binaries costs: arming, and running with traps armed once all warm code has been reached.

    python -m benchmarks.coverage --trials 5 --compiles 20 --cases 100

Prints one JSON object as its last line. Times are medians over ``--trials`` with the least and the most:

* ``functions_arm_s``, ``blocks_arm_s``: seconds to put traps into TVM's functions, and into its basic blocks with their
  addresses read from the cache (``blocks_sweep_s``: to make the cache, once per library);
* ``warm_overhead``: processor time of compiling kernels that were compiled before, with traps armed, divided by
  that without, minus 1; the two run in turn, in forks of one process;
* ``first_reached``: functions and blocks that the first compile reaches;
* ``checked``, ``differing``: cases whose outcomes were compared with and without, and how many differed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TVM_NUM_THREADS", "1")

SOURCE = """
@T.prim_func
def main(A: T.Buffer((32, 32), "float32"), B: T.Buffer((32,), "float32")):
    for i in range(32):
        B[i] = T.float32(0)
        for j in range(32):
            B[i] = B[i] + T.max(A[i, j], T.float32({constant}))
"""


def in_child(work: Callable[[], Any]) -> Any:
    """What ``work`` returns in a fork, so that each trial begins with untouched code."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            json.dump(work(), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        result = json.load(lines)
    os.waitpid(child, 0)
    return result


def compile_once(constant: int) -> None:
    import tvm
    from tvm.script import tirx as T

    tvm.compile(tvm.script.from_source(SOURCE.format(constant=constant), extra_vars={"T": T}), target="llvm")


def processor_seconds(compiles: int) -> float:
    """Of compiles after some that warm up."""
    for constant in range(3):
        compile_once(constant)
    started = time.process_time()
    for constant in range(compiles):
        compile_once(constant % 3)
    return time.process_time() - started


def spread_of(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 4), "least": round(min(values), 4), "most": round(max(values), 4)
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--compiles", type=int, default=20, help="compiles per trial of the overhead")
    parser.add_argument("--cases", type=int, default=100, help="cases whose outcomes are compared; 0: none")
    options = parser.parse_args()
    import tvm

    from misfold.fuzz.coverage.checking import check
    from misfold.fuzz.coverage.native.source import NativeSource

    compile_once(0)
    result: dict[str, Any] = {"tvm": tvm.__version__, "trials": options.trials}
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        started = time.perf_counter()
        NativeSource("tvm", "blocks", Path(scratch))
        result["blocks_sweep_s"] = round(time.perf_counter() - started, 2)
        first: dict[str, int] = {}
        for kind in ("functions", "blocks"):

            def arm(kind: Any = kind) -> list[float]:
                started = time.perf_counter()
                source = NativeSource("tvm", kind, Path(scratch))
                read = time.perf_counter()
                source.arm()
                armed = time.perf_counter()
                compile_once(1)
                return [read - started, armed - read, len(source.new_since()), source.size]

            trials = [in_child(arm) for _ in range(options.trials)]
            result[f"{kind}_read_s"] = spread_of([trial[0] for trial in trials])
            result[f"{kind}_arm_s"] = spread_of([trial[1] for trial in trials])
            result[f"{kind}_points"] = trials[0][3]
            first[kind] = trials[0][2]
        result["first_reached"] = first
        for kind in ("functions", "blocks"):

            def armed(kind: Any = kind) -> float:
                NativeSource("tvm", kind, Path(scratch)).arm()
                return processor_seconds(options.compiles)

            ratios = []
            for _ in range(options.trials):
                with_traps = in_child(armed)
                without = in_child(lambda: processor_seconds(options.compiles))
                ratios.append(with_traps / without - 1)
            result[f"{kind}_warm_overhead"] = spread_of(ratios)
    if options.cases:
        found = check("tvm", ("auto",), options.cases, 1, 2)
        result["checked"], result["differing"] = sum(found.outcomes.values()), len(found.different)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
