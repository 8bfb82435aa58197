"""The loop IR's interpreter against C, on generated kernels: two evaluations that share no code.

    python -m benchmarks.interpreter --count 20000 --seed 1

Every exact output has to be the same bit by bit (zeros of both signs and all NaNs count as one). The C program
(``benchmarks.c_kernels``) is built without contraction and, where the compiler can, with the address and undefined
behaviour sanitizers, so an access out of bounds that the interpreter missed ends it. Prints one JSON object as its
last line; exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.c_kernels import program
from misfold.compiler.dtypes import F64, DType
from misfold.compiler.loops.ir import Function
from misfold.generators.kernels import Options, generate
from misfold.oracles.kernels import Expected, expect
from misfold.programs.kernel import KernelCase, kernel_inputs

FLAGS = ["-std=gnu11", "-O0", "-ffp-contract=off", "-w"]
SANITIZERS = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]


def held(dtype: DType) -> np.dtype:
    """How the C program holds an element: low floats as float."""
    if dtype.is_float:
        return np.dtype(np.float64 if dtype == F64 else np.float32)
    return np.dtype(np.uint8) if dtype.is_bool else np.dtype(f"{'u' if dtype.kind == 'uint' else ''}int{dtype.bits}")


def sanitizers(compiler: str, folder: Path) -> list[str]:
    """The sanitizers' flags if they work here."""
    source, binary = folder / "probe.c", folder / "probe"
    source.write_text("int main(void) { return 0; }\n")
    command = [compiler, *SANITIZERS, str(source), "-o", str(binary)]
    if subprocess.run(command, capture_output=True).returncode:
        return []
    return [] if subprocess.run([str(binary)], capture_output=True).returncode else SANITIZERS


def run_c(compiler: str, flags: list[str], functions: list[Function], arrays: bytes, folder: Path) -> bytes:
    """What the C program of some functions writes.

    Raises:
        RuntimeError: it cannot be built, or it ends early.
    """
    source, binary = folder / "kernels.c", folder / "kernels"
    source.write_text(program(functions))
    built = subprocess.run([compiler, *flags, str(source), "-o", str(binary), "-lm"], capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"{compiler}: {built.stderr[:2000]}")
    done = subprocess.run([str(binary)], input=arrays, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"the C program ended with {done.returncode}: {done.stderr.decode()[:2000]}")
    return done.stdout


def differences(case: KernelCase, expected: Expected, output: bytes, start: int) -> tuple[list[str], int]:
    """How one kernel's part of the output, which begins at ``start``, differs from what is expected, and its end."""
    found: list[str] = []
    failed = output[start] == 1
    start += 1
    if failed != (expected.fails is not None):
        found.append(f"an assert fails in {'C' if failed else 'the interpreter'} only")
    for parameter in case.function.parameters:
        if parameter.role == "in":
            continue
        buffer = parameter.buffer
        dtype = held(buffer.dtype)
        end = start + buffer.elements * dtype.itemsize
        value = np.frombuffer(output[start:end], dtype).reshape(buffer.shape)
        start = end
        if found or expected.fails is not None or buffer.name in expected.approximate:
            continue
        wanted = expected.values[buffer.name].astype(dtype)
        same = (value == wanted) | ((value != value) & (wanted != wanted))
        if not same.all():
            place = tuple(int(one) for one in np.argwhere(~same)[0])
            found.append(f"{buffer.name}{list(place)} is {wanted[place]} in the interpreter, {value[place]} in C")
    return found, start


def measure(count: int, seed: int, batch: int, options: Options, sanitize: bool = True) -> dict[str, Any]:
    """Run the comparison.

    Raises:
        RuntimeError: there is no C compiler, or what it makes does not run.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler: install gcc")
    wrong: list[dict[str, Any]] = []
    invalid = exact = approximate = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="misfold-c-") as name:
        folder = Path(name)
        extra = sanitizers(compiler, folder) if sanitize else []
        for first in range(0, count, batch):
            cases: list[tuple[int, KernelCase, Expected]] = []
            data = bytearray()
            for number in range(first, min(first + batch, count)):
                case = KernelCase(generate(random.Random(f"{seed}/{number}"), options), number)
                expected = expect(case)
                if expected.invalid is not None:
                    invalid += 1
                    wrong.append({"number": number, "what": [f"undefined: {expected.invalid}"]})
                    continue
                cases.append((number, case, expected))
                for parameter, array in zip(case.function.parameters, kernel_inputs(case)):
                    data += np.ascontiguousarray(array).astype(held(parameter.buffer.dtype)).tobytes()
            functions = [case.function for _, case, _ in cases]
            output, place = run_c(compiler, [*FLAGS, *extra], functions, bytes(data), folder), 0
            for number, case, expected in cases:
                found, place = differences(case, expected, output, place)
                if found:
                    wrong.append({"number": number, "what": found})
                approximate += len(expected.approximate)
                exact += len(expected.values) - len(expected.approximate)
    return {
        "kernels": count,
        "seed": seed,
        "undefined": invalid,
        "different": len(wrong),
        "first": wrong[:10],
        "outputs": {"exact": exact, "approximate, not compared": approximate},
        "sanitizers": bool(extra),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--statements", type=int, default=12)
    parser.add_argument("--no-sanitizers", action="store_true")
    arguments = parser.parse_args()
    options = Options(statements=arguments.statements, work=600)
    found = measure(arguments.count, arguments.seed, arguments.batch, options, not arguments.no_sanitizers)
    print(json.dumps(found))
    sys.exit(1 if found["different"] else 0)


if __name__ == "__main__":
    main()
