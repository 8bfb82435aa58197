"""What compiled code and its callers are told when something is wrong."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from misfold.compiler.codegen import Options, build, jit
from misfold.compiler.errors import AssertionFailed, OutOfBounds, PipelineError
from misfold.compiler.loops.parser import parse_function

COPY = "function copy(a: in f32[4, 8], o: out f32[4, 8]) { for i in 0..4 { for j in 0..8 { o[i, j] = a[i, j] } } }"


def _out_of_bounds(text: str, *arrays: np.ndarray, threads: int = 1) -> str:
    with pytest.raises(OutOfBounds) as caught:
        build(parse_function(text), Options(bounds_checked=True, threads=threads))(*arrays)
    return str(caught.value)


def test_a_scalar_index_out_of_bounds() -> None:
    text = "function f(a: in f32[4], o: inout f32[]) { for i in 0..9 { for j in 0..1 { o[] add= a[i - 1] } } }"
    message = _out_of_bounds(text, np.zeros(4, np.float32), np.zeros((), np.float32))
    assert message == "index -1 is out of bounds for dimension 0 of a, which has size 4 (load in for i / for j)"


@pytest.mark.parametrize("access", ["o[k[i]] = 1.0:f32", "o[k[i]] add= 1.0:f32", "o[0] = o[k[i]]"])
def test_one_lane_out_of_bounds(access: str) -> None:
    text = f"function f(k: in i64[16], o: inout f32[8]) {{ vectorised i in 0..16 {{ if k[i] != -5 {{ {access} }} }} }}"
    k = np.full(16, -5)
    k[9], k[12] = 8, 77
    o = np.zeros(8, np.float32)
    message = _out_of_bounds(text, k, o)
    assert message.startswith("index 8 is out of bounds for dimension 0 of o, which has size 8")
    k[:] = -5
    build(parse_function(text), Options(bounds_checked=True))(k, o)
    assert (o == 0).all()


def test_contiguous_lanes_out_of_bounds_write_nothing() -> None:
    text = "function f(o: inout f32[12]) { vectorised i in 0..16 { o[i] = 1.0:f32 } }"
    o = np.zeros(12, np.float32)
    assert "index 12 " in _out_of_bounds(text, o)
    assert (o == 0).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_out_of_bounds_in_a_parallel_loop(threads: int) -> None:
    text = "function f(o: out f32[8]) { parallel i in 0..9 { o[i] = 1.0:f32 } }"
    assert "index 8 is out of bounds" in _out_of_bounds(text, np.zeros(8, np.float32), threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["for", "vectorised", "unrolled", "parallel"])
def test_asserts(kind: str, threads: int) -> None:
    function = parse_function(
        f"""function f(a: in i64[16]) {{
          {kind} i in 0..16 {{
            if a[i] != 7 {{ assert a[i] < 10, "index out of range" }}
          }}
          assert a[0] >= 0, "negative"
        }}"""
    )
    compiled = build(function, Options(threads=threads))
    a = np.full(16, 3)
    compiled(a)
    a[13] = 10
    with pytest.raises(AssertionFailed, match=r"^index out of range$"):
        compiled(a)
    a[13], a[0] = 7, -1
    with pytest.raises(AssertionFailed, match=r"^negative$"):
        compiled(a)


def test_arrays_are_checked() -> None:
    copy = build(parse_function(COPY))
    a, o = np.ones((4, 8), np.float32), np.zeros((4, 8), np.float32)
    copy(a, o)
    assert (o == 1).all()
    with pytest.raises(TypeError, match="copy takes 2 arrays, not 1"):
        copy(a)
    with pytest.raises(TypeError, match="a must be an array of float32, not float64"):
        copy(a.astype(np.float64), o)
    with pytest.raises(TypeError, match="not list"):
        copy([1.0], o)
    with pytest.raises(ValueError, match=r"o must have the shape \(4, 8\), not \(8, 4\)"):
        copy(a, np.zeros((8, 4), np.float32))
    with pytest.raises(ValueError, match="strides"):
        copy(np.asfortranarray(a), o)
    o.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        copy(a, o)
    copy(o, a)


def test_raw_pointers() -> None:
    copy = build(parse_function(COPY))
    a, o = np.ones((4, 8), np.float32), np.zeros((4, 8), np.float32)
    copy.call_pointers([a.ctypes.data, o.ctypes.data])
    assert (o == 1).all()
    with pytest.raises(TypeError, match="takes 2"):
        copy.call_pointers([a.ctypes.data])


def test_empty_arrays() -> None:
    build(parse_function("function f(a: out f32[0, 3]) { for i in 0..0 { a[i, 0] = 1.0:f32 } }"))(
        np.zeros((0, 3), np.float32)
    )


def test_calls_from_several_threads_have_arenas_of_their_own() -> None:
    function = parse_function(
        """function f(x: in i64[], o: out i64[20000]) {
          alloc t: i64[20000]
          for i in 0..20000 { t[i] = x[] + i }
          for i_1 in 0..20000 { o[i_1] = t[19999 - i_1] }
        }"""
    )
    compiled = build(function)

    def call(x: int) -> bool:
        o = np.zeros(20000, np.int64)
        compiled(np.array(x), o)
        return bool((o == x + np.arange(20000)[::-1]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(200)))


def test_functions_compile_on_several_threads_and_are_freed() -> None:
    def work() -> None:
        for _ in range(5):
            o = np.zeros((4, 8), np.float32)
            build(parse_function(COPY))(np.ones((4, 8), np.float32), o)
            results.append(bool((o == 1).all()))

    results: list[bool] = []
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert results == [True] * 15


def test_options_are_checked() -> None:
    for wrong in ({"level": 4}, {"vector_bits": 128}, {"threads": 0}, {"threads": True}, {"contract": 1}):
        with pytest.raises(PipelineError, match="code generation"):
            Options(**wrong)  # type: ignore[arg-type]


def test_what_is_printed() -> None:
    compiled = build(parse_function(COPY))
    assert "define i64 @entry" in compiled.llvm_ir()
    assert "entry" in compiled.llvm_ir(optimised=True)
    assert "ret" in compiled.assembly()
    assert jit.head().startswith("target datalayout")
