"""What every kernel's script contains. The functions are copied into it, so they use nothing but numpy and what a
script defines: ``TARGET``, ``LIMIT``, ``PARAMETERS`` and ``compile_kernel``."""

# ruff: noqa: F821
# mypy: ignore-errors

import subprocess
import sys

import numpy as np

#: Seconds: importing TVM takes 3, compiling a small kernel a tenth.
LIMIT = 60


def memory_of(dtype, values):
    """The values in memory of 64-byte alignment: the array to fill or look at, and its bytes."""
    kind = np.dtype({"bfloat16": "uint16"}.get(dtype, dtype))
    values = np.array([float(x) if isinstance(x, str) else x for x in values], kind)
    memory = np.zeros(values.nbytes + 64, np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    memory = memory[start : start + values.nbytes]
    memory.view(kind)[:] = values
    return memory.view(kind), memory


def run_and_compare():
    """Compile, run, and print which elements are wrong; whether any is."""
    made = [(memory_of(dtype, before), shape, dtype) for _, dtype, shape, before, _ in PARAMETERS]
    compile_kernel()([(memory, shape, dtype) for (_, memory), shape, dtype in made])
    wrong = 0
    for (name, dtype, _, _, after), ((array, _), _, _) in zip(PARAMETERS, made):
        if after is None:
            continue
        expected = memory_of(dtype, [value for _, value in after])[0]
        found = array[[place for place, _ in after]]
        same = (found == expected) | ((found != found) & (expected != expected))
        if not same.all():
            at = int(np.argmin(same))
            print(f"{name}: {int((~same).sum())} of {len(same)} elements are wrong, the first is element {at}:")
            print(f"    expected {expected[at]}")
            print(f"    {TARGET}      {found[at]}")
            wrong += 1
    return wrong > 0


def main():
    """Do it in a child process, which may crash or hang."""
    if sys.argv[1:] == ["--child"]:
        sys.exit(1 if run_and_compare() else 0)
    try:
        child = subprocess.run([sys.executable, __file__, "--child"], capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        print(f"FAILS: {TARGET} does not end within {LIMIT} s")
        sys.exit(1)
    print(child.stdout, end="")
    if child.returncode < 0:
        print(f"FAILS: {TARGET} is killed by signal {-child.returncode}\n{child.stderr[-500:]}")
    elif child.returncode and child.stderr.strip():
        print(child.stderr[-1500:])
        print(f"FAILS: {TARGET} raises {child.stderr.strip().splitlines()[-1][:300]}")
    elif child.returncode:
        print(f"FAILS: {TARGET} differs from what the loops say")
    else:
        print(f"passes: {TARGET} gives what the loops say")
    sys.exit(1 if child.returncode else 0)
