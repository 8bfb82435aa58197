"""Seeds that only TVM can hold, and their mutants: safe to read, in normal form, well-formed, and mostly defined."""

from __future__ import annotations

import random
from collections import Counter

import pytest

pytest.importorskip("tvm")

from misfold.fuzz.kernels import seeds
from misfold.fuzz.kernels.expected import from_data
from misfold.generators.tvm_seeds import draw
from misfold.generators.tvm_seeds.draw import normal_text
from misfold.mutators.tvm.mutate import mutate_script
from misfold.mutators.tvm.names import TVM_MUTATORS
from misfold.programs.kernel_tvmscript import TVMScriptCase, parse_tvmscript_case
from misfold.targets.kernels import tvm as target

COUNT = 12


@pytest.fixture(scope="module")
def drawn():
    return [draw(random.Random(f"seed {number}")) for number in range(COUNT)]


def test_seeds_are_in_normal_form_and_the_same_again(drawn):
    for number, seed in enumerate(drawn):
        assert normal_text(target.parse_script(seed.text)) == seed.text
        assert parse_tvmscript_case(TVMScriptCase(seed.text, 1).text).script == seed.text
        if number < 4:
            assert draw(random.Random(f"seed {number}")) == seed


def test_every_mutator_makes_something(drawn):
    made: Counter[str] = Counter()
    for number, name in enumerate(TVM_MUTATORS):
        for seed in drawn[number % 4 :: 2]:
            found = mutate_script(seed.text, random.Random(f"{number}"), [name])
            if found is not None:
                text, by = found
                assert by == name
                assert text != seed.text
                assert normal_text(target.parse_script(text)) == text
                made[name] += 1
                break
    # Statements in a row are rare in seeds that were not scheduled.
    assert set(TVM_MUTATORS) - set(made) <= {"tvm-delete", "tvm-duplicate", "tvm-swap", "tvm-intrinsic", "tvm-schedule"}


def test_the_service_makes_seeds_and_mutants_with_what_they_compute():
    (first,) = seeds.make({"plans": [{"what": "generate", "seed": 3}]})["items"]
    assert first["mutator"] == "seed"
    case = parse_tvmscript_case(first["text"])
    again = from_data(seeds.serve({"case": first["text"]})["expected"])
    wanted = from_data(first["expected"])
    assert {name: value.tolist() for name, value in again.values.items()} == {
        name: value.tolist() for name, value in wanted.values.items()
    }
    assert set(wanted.values) == {one.buffer.name for one in case.parameters if one.role != "in"}
    plans = [
        {"what": "program", "seed": number, "text": first["text"], "mutator": name, "donors": []}
        for number, name in enumerate(("tvm-loop-kind", "tvm-constant", "tvm-predicate", "tvm-guard"))
    ]
    items = seeds.make({"plans": plans})["items"]
    assert all(("text" in one) != ("note" in one) for one in items)
    assert any("text" in one for one in items)


def test_what_cannot_be_read_is_said():
    script = (
        '@T.prim_func(s_tir=True)\ndef main(A: T.Buffer((4,), "int32")):\n'
        "    for i in range(4):\n        A[i] = T.popcount(i)\n"
    )
    assert "popcount" in seeds.serve({"case": TVMScriptCase(script, 1).text})["unreadable"]
