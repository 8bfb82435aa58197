"""Temporaries that share memory."""

from __future__ import annotations

import pytest

from misfold.compiler.passes.base import make

from .harness import check_pass
from .shapes import becomes, stays

NAME = "buffer-reuse"
P = "a: in f32[64, 2], o: out f32[64, 2]"


def chain(*names: str) -> str:
    """Loops that each fill one buffer from the one before."""
    text = ""
    for source, target in zip(("a", *names), (*names, "o")):
        text += f"for i_{target} in 0..64 {{ for j_{target} in 0..2 {{ "
        text += f"{target}[i_{target}, j_{target}] = {source}[i_{target}, j_{target}] + 1.0:f32 }} }} "
    return text


def named(text: str, old: str, new: str) -> str:
    return text.replace(f"{old}[", f"{new}[")


def test_equal_shapes_share_and_allocations_sink():
    body = chain("s", "t", "u")
    allocated = "alloc s: f32[64, 2]  alloc t: f32[64, 2]  alloc u: f32[64, 2]  "
    first, *rest = named(body, "u", "s").split("for i_t")
    becomes(NAME, P, allocated + body, f"alloc s: f32[64, 2] {first} alloc t: f32[64, 2] for i_t{rest[0]}")


def test_different_shapes_share_a_flat_buffer():
    before = """alloc s: f32[64, 2]  alloc t: f32[100]
    for i in 0..64 { s[i, 0] = a[i, 0]  s[i, 1] = a[i, 1]  o[i, 0] = s[i, 0] * s[i, 1] }
    for j in 0..64 { t[j] = a[j, 1]  o[j, 1] = t[j] }"""
    becomes(
        NAME,
        P,
        before,
        """alloc s_memory: f32[128]
        for i in 0..64 {
          s_memory[i * 2] = a[i, 0]
          s_memory[i * 2 + 1] = a[i, 1]
          o[i, 0] = s_memory[i * 2] * s_memory[i * 2 + 1]
        }
        for j in 0..64 { s_memory[j] = a[j, 1]  o[j, 1] = s_memory[j] }""",
    )
    stays(NAME, P, before, shapes="same", sink=False)


def test_sinking_into_a_branch():
    becomes(
        NAME,
        P,
        "alloc t: f32[4]  o[0, 0] = 1.0:f32  if a[0, 0] > 0.0:f32 { t[0] = 1.0:f32  o[0, 1] = t[0] }",
        "o[0, 0] = 1.0:f32  if a[0, 0] > 0.0:f32 { alloc t: f32[4]  t[0] = 1.0:f32  o[0, 1] = t[0] }",
    )


@pytest.mark.parametrize(
    "body",
    [
        # both live at once: t is filled from s
        "alloc s: f32[64] for i in 0..64 { s[i] = 1.0:f32 } alloc t: f32[64] for j in 0..64 { t[j] = s[j] }",
        # another type
        "alloc s: f32[64] for i in 0..64 { s[i] = a[i, 0] } alloc t: i32[64] for j in 0..64 { t[j] = i32(j) }",
        # small ones are left to be registers
        "alloc s: f32[4] s[0] = a[0, 0] o[0, 0] = s[0] alloc t: f32[4] t[0] = a[1, 0] o[1, 0] = t[0]",
    ],
)
def test_left_alone(body):
    stays(NAME, P, body)


def test_the_best_fit_is_taken():
    before = """
    alloc s: f32[128] alloc t: f32[256]
    for i in 0..64 { s[i] = a[i, 0]  t[i] = a[i, 1]  o[i, 0] = s[i] + t[i] }
    alloc u: f32[100]
    for j in 0..64 { u[j] = a[j, 0]  o[j, 1] = u[j] }"""
    after = before.replace("alloc s: f32[128] alloc t", "alloc s_memory: f32[128] alloc t")
    after = after.replace("s[i]", "s_memory[i]").replace("u[j]", "s_memory[j]").replace("alloc u: f32[100]", "")
    becomes(NAME, P, before, after)


def check(options: dict, count: int, seed: int) -> None:
    # Unrolled loops leave several buffers in one block.
    prepare = make("unrolling", {"full": 16, "limit": 256}).run
    check_pass(NAME, {"smallest": 1, **options}, count=count, seed=seed, share=0.2, prepare=prepare)


def test_random_programs():
    check({}, count=40, seed=0)


@pytest.mark.slow
def test_many_random_programs():
    check({}, count=700, seed=1)
    check({"shapes": "same"}, count=300, seed=2)
