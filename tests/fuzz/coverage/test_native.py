"""Traps in the installed TVM, each scenario in a process of its own: traps stay for the life of a process."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from misfold.fuzz.coverage.native.blocks import _function_blocks, blocks
from misfold.fuzz.coverage.native.elf import Library, LibraryError
from misfold.fuzz.coverage.native.regions import REGIONS, border
from misfold.fuzz.coverage.native.source import NativeSource

PRELUDE = """
import json, os, sys, threading
os.environ["TVM_NUM_THREADS"] = "1"
import numpy as np, tvm
from tvm.script import tirx as T
from misfold.fuzz.coverage.native.source import NativeSource

SOURCE = '''
@T.prim_func
def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
    for i in range(16):
        B[i] = A[i] + T.float32(1)
'''

def work():
    function = tvm.compile(tvm.script.from_source(SOURCE, extra_vars={"T": T}), target="llvm")
    a, b = tvm.runtime.tensor(np.arange(16, dtype="float32")), tvm.runtime.tensor(np.zeros(16, "float32"))
    function(a, b)
    return b.numpy().tolist()

source = NativeSource("tvm")
"""


def run(body: str) -> dict:
    """What a script prints as JSON, after importing TVM and making a source."""
    script = PRELUDE + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def tvm_library() -> Library:
    return Library(REGIONS["tvm"].path())


def test_code_runs_as_before_and_each_function_is_told_once():
    told = run(
        """
        source.arm()
        before = source.new_since()
        first, reached = work(), source.new_since()
        second, again = work(), source.new_since()
        print(json.dumps({"before": len(before), "first": first, "second": second, "reached": reached, "again": again}))
        """
    )
    assert told["before"] == 0
    assert told["first"] == told["second"] == [float(i + 1) for i in range(16)]
    assert len(told["reached"]) > 1000
    assert told["reached"] == sorted(set(told["reached"]))
    assert not told["again"]
    components = {place.component for place in NativeSource("tvm").describe(told["reached"])}
    assert any(component.startswith("tvm::") for component in components)


def test_what_the_campaign_knows_is_not_told():
    told = run(
        """
        pid = os.fork()
        if pid == 0:
            source.arm()
            work()
            with open("/proc/self/fd/1", "w") as out:
                out.write(json.dumps(source.new_since()) + "\\n")
            os._exit(0)
        os.waitpid(pid, 0)
        source.arm(seen=range(0, source.size, 2))
        source.forget(range(1, source.size, 4))
        work()
        print(json.dumps({"left": source.new_since()}))
        """
    )
    assert told["left"]
    assert {point % 4 for point in told["left"]} == {3}


def test_children_and_threads_reach_on_their_own():
    told = run(
        """
        source.arm()
        work()
        parent = set(source.new_since())
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            other = SOURCE.replace("A[i] + T.float32(1)", "T.exp(A[i]) * T.floor(A[i])")
            function = tvm.script.from_source(other, extra_vars={"T": T})
            tvm.compile(function, target="llvm")
            os.write(writer, json.dumps(source.new_since()).encode())
            os._exit(0)
        os.close(writer)
        child = json.loads(os.fdopen(reader).read())
        os.waitpid(pid, 0)
        own = source.new_since()
        threads = [threading.Thread(target=work) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(json.dumps({"common": len(parent & set(child)), "child": len(child), "own": own}))
        """
    )
    assert told["child"] > 0
    assert told["common"] == 0  # what the parent had reached has no trap in the child
    assert not told["own"]  # what the child reaches, the parent does not


def test_exceptions_pass_through_armed_code():
    told = run(
        """
        source.arm()
        try:
            tvm.target.Target("no such target")
            print(json.dumps({"error": None}))
        except Exception as error:
            print(json.dumps({"error": type(error).__name__, "reached": len(source.new_since())}))
        """
    )
    assert told["error"]
    assert told["reached"] > 0


def test_a_trap_that_is_none_of_ours_kills_as_ever():
    script = PRELUDE + "source.arm()\nimport signal\nos.kill(os.getpid(), signal.SIGTRAP)\nprint('alive')\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == -5
    assert "alive" not in done.stdout


def test_a_library_that_is_not_loaded_is_said():
    script = "from misfold.fuzz.coverage.native.source import NativeSource\nNativeSource('tvm').arm()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stderr.rstrip().endswith("libtvm_compiler.so is not loaded in this process")


def test_functions_do_not_overlap_and_blocks_begin_inside_of_them(tvm_library):
    functions = tvm_library.functions
    assert len(functions.start) > 100_000
    assert np.all(np.diff(functions.start.astype(np.int64)) > 0)
    assert np.mean(functions.start[:-1] + functions.size[:-1] <= functions.start[1:]) > 0.999


def test_tvm_lies_in_front_of_llvm(tvm_library):
    low, high = REGIONS["tvm"].bounds(tvm_library)
    ours = [at for at, name in tvm_library.classes.items() if name.startswith("N3tvm")]
    theirs = [at for at, name in tvm_library.classes.items() if name.startswith("N4llvm")]
    assert sum(low <= at < high for at in ours) / len(ours) > 0.99
    assert sum(low <= at < high for at in theirs) / len(theirs) < 0.01


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [([1, 2, 3], [4, 5], 4), ([1, 2, 9], [3, 4, 5], 3), ([1, 5], [3], 2)]
)
def test_border(ours, theirs, expected):
    assert border(ours, theirs) == expected


def test_blocks_of_a_function():
    # test edi, edi; je +2; mov eax, edi (2 bytes); ret; nop; ret
    code = bytes.fromhex("85ff 7402 89f8 c3 90 c3".replace(" ", ""))
    assert _function_blocks(code, 0x1000) == [0x1000, 0x1004, 0x1006, 0x1007]


@pytest.mark.parametrize("code", ["06", "7401b8", "eb0148b8"])  # invalid; cut off; a branch into an instruction
def test_a_function_that_does_not_decode_is_one_block(code):
    assert _function_blocks(bytes.fromhex(code), 0x1000) == [0x1000]


def test_blocks_are_cached_and_a_damaged_cache_is_made_anew(tvm_library, tmp_path):
    low = tvm_library.text[0]
    found = blocks(tvm_library, low, low + 20_000, tmp_path)
    (file,) = tmp_path.iterdir()
    assert np.array_equal(blocks(tvm_library, low, low + 20_000, tmp_path), found)
    file.write_bytes(file.read_bytes()[:-3])
    assert np.array_equal(blocks(tvm_library, low, low + 20_000, tmp_path), found)
    file.write_bytes(b"x" * 40 + file.read_bytes()[40:])
    assert np.array_equal(blocks(tvm_library, low, low + 20_000, tmp_path), found)


def test_what_is_no_library_is_refused(tmp_path):
    (tmp_path / "a.so").write_bytes(b"no ELF")
    with pytest.raises(LibraryError, match=r"a\.so"):
        Library(tmp_path / "a.so")
    with pytest.raises(LibraryError, match="none"):
        Library(tmp_path / "none.so")


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_regions_are_found_in_what_is_installed(region):
    source = NativeSource(region)
    assert source.size > 10_000
    assert os.path.basename(REGIONS[region].path()) in str(REGIONS[region].path())
    assert len(source.describe([0, source.size // 2, source.size - 1])) == 3
