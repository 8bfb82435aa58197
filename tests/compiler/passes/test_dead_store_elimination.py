"""What nobody can tell goes; what somebody can stays."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .shapes import becomes, stays

NAME = "dead-store-elimination"
P = "a: in f32[8], n: in i64[1], b: inout f32[8], o: out f32[8]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("let x: f32 = a[0]  let y: f32 = x + x  o[0] = x", "let x: f32 = a[0]  o[0] = x"),
        # a chain of buffers that ends nowhere
        ("alloc s: f32[8]  alloc t: f32[8]  for i in 0..8 { s[i] = a[i] t[i] = s[i] s[i] add= t[i] } o[0] = 1.0:f32",
         "o[0] = 1.0:f32"),
        ("o[0] = a[0]  o[1] = a[1]  o[0] = a[2]", "o[1] = a[1]  o[0] = a[2]"),
        ("b[0] add= a[0]  b[0] = a[2]", "b[0] = a[2]"),
        ("for i in 0..8 { o[i] = 0.0:f32  o[i] = a[i] }", "for i in 0..8 { o[i] = a[i] }"),
        ("if n[0] > 0 { o[0] = a[0] }  o[0] = a[1]", "o[0] = a[1]"),
        ("b[1] = b[1]  o[0] = b[1]", "o[0] = b[1]"),
        # read for the last time before its last store
        ("alloc t: f32[]  for i in 0..8 { t[] = a[i]  o[i] = t[] }  t[] = 5.0:f32",
         "alloc t: f32[]  for i in 0..8 { t[] = a[i]  o[i] = t[] }"),
        ("for i in 0..n[0] { let x: f32 = a[i]  if x > 0.0:f32 { let y: f32 = x } }  o[0] = 1.0:f32", "o[0] = 1.0:f32"),
    ],
)  # fmt: skip
def test_dead(before, after):
    becomes(NAME, P, before, after)


@pytest.mark.parametrize(
    "body",
    [
        "o[0] = a[0]  b[1] = o[0]  o[0] = a[2]",
        "o[0] = a[0]  b[0] add= o[0]  o[0] = a[2]",
        "o[0] = a[0]  if n[0] > 0 { o[0] = a[1] }",
        "alloc t: f32[]  t[] = 0.0:f32  for i in 0..8 { o[i] = t[]  t[] = a[i] }",  # the next iteration reads it
        "alloc t: i64[]  t[] = n[0]  if t[] > 0 { o[0] = 1.0:f32 }",  # a condition
        'let x: i64 = n[0]  for i in 0..x { assert i < 5, "x" }',
        "b[n[0]] = a[0]  b[n[0]] = a[1]",
    ],
)
def test_alive(body):
    stays(NAME, P, body)


def test_random_programs():
    check_pass(NAME, count=40, share=0.5)


@pytest.mark.slow
def test_many_random_programs():
    check_pass(NAME, count=1000, seed=1, share=0.5)
