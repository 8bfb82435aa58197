"""Case files from strangers: broken, truncated, hostile. Each is a case or one clear error, and nothing of it runs."""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
import tracemalloc
from functools import cache

import pytest

from misfold.programs.case import HEADER, Case, parse_case
from misfold.programs.errors import MisfoldError
from misfold.programs.files import decode, read_case
from misfold.programs.parser import MAX_TEXT

VALID = [
    f"""{HEADER}

def program(x0: "float32[2, 3]", x1: "int64[3]"):
    v0: "float32[2, 3]" = torch.add(x0, x1, alpha=2)
    v1 = v0.mul_(0.5)
    v2 = v1[0:1, ..., None]
    v3: "float32[2]"
    v3, v4 = torch.max(v1, 1)
    return v1, v2, v3

INPUTS = {{
    "x0": {{"draw": "normal", "seed": 3, "scale": 2.0, "requires_grad": True}},
    "x1": {{"draw": "integers", "seed": 4, "low": -4, "high": 4, "edges": 0.25}},
}}

PIPELINES = {{
    "tvm": {{"name": "O2", "options": {{"opt_level": 2}}, "passes": [["Fold", {{}}], ["Fuse", {{"n": 1}}]]}},
}}

ABOUT = {{
    "exact": True,
    "seed": 7,
}}
""",
    f"""{HEADER}

def program(x0: "bfloat16[4, 4]{{1, 4}}"):
    v0 = torch.cat([x0, x0], dim=-1)
    v1 = v0.to(torch.float16)
    v2 = torch.nn.functional.pad(v1, (1, 0), "constant", float("-inf"))
    return (v2,)

INPUTS = {{
    "x0": {{"draw": "values", "values": [1, 2.5, -0.0, float("nan")]}},
}}
""",
]

# Lines that would leave a mark if anything of a file ran: in this process's own environment.
CANARY = "MISFOLD_CANARY"
ATTACK = f"__import__('os').environ.__setitem__('{CANARY}', '1')"
EXPRESSIONS = [
    ATTACK,
    f"(lambda: {ATTACK})()",
    f"[{ATTACK} for _ in (1,)]",
    f"{{{ATTACK}: 1}}",
    f"{{1: {ATTACK}}}",
    f"{{{ATTACK} for _ in (1,)}}",
    f"tuple({ATTACK} for _ in (1,))",
    f'f"{{{ATTACK}}}"',
    f"(y := {ATTACK})",
    f"x0[{ATTACK}]",
    f"x0.add({ATTACK})",
    f"torch.add(x0, {ATTACK})",
    f"torch.add(x0, *{ATTACK})",
    f"torch.add(x0, **{ATTACK})",
    f"torch.add(x0, alpha={ATTACK})",
    f"torch.add(x0, slice({ATTACK}, 1, 1))",
    f"torch.add(x0, float({ATTACK}))",
    f"1 if {ATTACK} else 2",
    f"not {ATTACK}",
    f"await {ATTACK}",
    f"(yield {ATTACK})",
    f"print({ATTACK})",
    f"eval({ATTACK!r})",
    f"exec({ATTACK!r})",
    f"compile({ATTACK!r}, '', 'exec')",
    "open('canary', 'w')",
    "x0.__class__.__base__.__subclasses__()",
    "x0.__reduce__()",
    "x0.__class__",
    "torch.load('canary')",
    "torch.save(x0, 'canary')",
    "torch.from_file('canary')",
    "torch.os.system('touch canary')",
    "torch._C._jit_set_profiling_mode(True)",
    "torch.ops.aten.add(x0, x0)",
    "torch.Tensor.numpy(x0)",
    "torch.utils.data.os.system('touch canary')",
    "x0.register_hook(print)",
    "x0.apply_(print)",
    "x0.tofile('canary')",
    "x0.data_ptr()",
    "x0.set_(x0)",
    "().__class__.__bases__[0].__subclasses__()[0]",
    "torch.Tensor.__getitem__.__globals__",
    "getattr(torch, 'load')('canary')",
    "globals()['torch']",
    "inputs",
    "1 .real",
    "x0 @ x0",
    "x0 < x0 < x0",
    "x0 and x0",
    "...",
    "None",
    "b'x'",
    "1j",
    "~1",
    "--1",
    "+1",
    "1_0",
    "10**10**10",
    "'a' * 10**10",
    "'%1000000000d' % 1",
    "0x" + "f" * 100_000,
    "9" * 5_000,
    "1e999999999",
    "'" + "a" * 100_000 + "'",
    "(" * 10_000,
    "(" * 150 + "x0" + ")" * 150,
    "[" * 150 + "]" * 150,
    "{0:" * 90 + "0" + "}" * 90,
    "-" * 50_000 + "1",
    "not " * 50_000 + "1",
    "x0" + ".a" * 50_000,
    "x0" + "[0]" * 50_000,
    "x0" + "()" * 50_000,
    "x0" + "+x0" * 50_000,
    "lambda: " * 5_000 + "1",
    "'a' " * 50_000,
    "[" + "1, " * 100_000 + "]",
    "torch.add(" + "x0, " * 50_000 + ")",
    "torch.add(x0, " + ", ".join(f"k{index}=1" for index in range(20_000)) + ")",
    "torch.add(x0, k=1, k=2)",
    "torch.add(" + "a" * 500_000 + ")",
    "torch." + "a" * 500_000 + "(x0)",
    "x0[" + "0:" * 3 + "]",
    "x0[0:1:2, *x0]",
    "x0[y := 1]",
    "'\\ud800\\x1b[31m\\n'",
    "'\\N{BULLET}'",
    "'\\N{no such name}'",
    "'\\x'",
    "torch.add(x0, '\x1b[31m')",
    "ｔｏｒｃｈ.ａｄｄ(x0, x0)",
    "torch.add(х0, х0)",  # Cyrillic
]
STATEMENTS = [
    ATTACK,
    "import os",
    "from os import *",
    f"@{ATTACK}\ndef program(): pass",
    f"def program(x0: {ATTACK}): return (x0,)",
    f'def program(x0: "float32[2]" = {ATTACK}): return (x0,)',
    f'def program(x0: "float32[2]") -> {ATTACK}: return (x0,)',
    f'def program(*x0: "float32[2]", y={ATTACK}): return (x0,)',
    f"class program(metaclass={ATTACK}): pass",
    f"with {ATTACK}: pass",
    f"for _ in {ATTACK}: pass",
    f"while {ATTACK}: pass",
    f"if {ATTACK}: pass",
    f"try: {ATTACK}\nfinally: pass",
    f"match {ATTACK}:\n    case _: pass",
    f"assert {ATTACK}",
    f"raise {ATTACK}",
    f"del {ATTACK}",
    f"INPUTS = {ATTACK}",
    f"INPUTS = {{'x0': {ATTACK}}}",
    f"ABOUT = {{**{ATTACK}}}",
    f"ABOUT: {ATTACK} = {{}}",
    f"ABOUT = {{'a': 1}} or {ATTACK}",
    f"PIPELINES = {{'tvm': {ATTACK}}}",
    "global torch",
    "pass",
    "HEADER = 1",
    "if 1: pass\n" + "elif 1: pass\n" * 2_000,
    "".join(" " * index + "if 1:\n" for index in range(99)) + " " * 99 + "pass",
    "ABOUT = {" + "'a': 1, " * 20_000 + "}",
    "ABOUT = {" + "".join(f"'{index}': 1, " for index in range(20_000)) + "}",
    "x = 1; " * 50_000,
    "\\\n" * 10_000,
    "'''" + "a" * 100_000,
    "\ufeff",
    "\0",
    "\x0c\x1b[2J",
    "# coding: utf-7\n+AG8AcwA-",
]
TYPES = [
    "float32[-1]",
    "float32[1000000000000]",
    "float32[1000000, 1000000]",
    "float32[1099511627776, 1099511627776, 1099511627776]",
    "float32[1099511627777]",
    "float32[" + "9" * 10_000 + "]",
    "float32[2]{-1}",
    "float32[2]{1099511627776}",
    "float32[2]{1, 1}",
    "float32[" + "1, " * 100 + "1]",
    "float32[" + " " * 100_000 + "]",
    "float32[2",
    "float128[2]",
    "object[2]",
    "float32[x]",
    "float32[2]; import os",
    "",
    "\x1b[31m",
]
RECIPES = [
    '{"draw": "constant", "value": 1}',
    "1",
    "None",
    "[]",
    "{}",
    "'normal'",
    '{"draw": {}}',
    '{"draw": ["normal"]}',
    '{"draw": None}',
    '{"draw": "normal", "seed": "1"}',
    '{"draw": "normal", "seed": 1e400}',
    '{"draw": "normal", "seed": 1, "scale": float("nan")}',
    '{"draw": "normal", "seed": 1, "scale": []}',
    '{"draw": "integers", "seed": 1, "low": float("nan"), "high": 1}',
    '{"draw": "integers", "seed": 1, "low": "a", "high": {}}',
    '{"draw": "integers", "seed": 1, "low": -9223372036854775809, "high": 1}',
    '{"draw": "uniform", "seed": 1, "low": float("-inf"), "high": float("inf")}',
    '{"draw": "bernoulli", "seed": 1, "p": "half"}',
    '{"draw": "definite", "seed": 1}',
    '{"draw": "constant", "value": {}}',
    '{"draw": "constant", "value": 1, "edges": float("nan")}',
    '{"draw": "constant", "value": 1, "edges": []}',
    '{"draw": "constant", "value": 1, "requires_grad": "yes"}',
    '{"draw": "values", "values": {}}',
    '{"draw": "values", "values": [[]]}',
    '{"draw": "values", "values": ["a"]}',
    '{"draw": "values", "values": []}',
    '{"draw": "constant", "draw": "normal"}',
    '{"draw": "\\x1b[31m\\n"}',
    '{"\\x1b[31m": 1, "draw": "normal", "seed": 1}',
]
PIPELINES = [
    "1",
    "[]",
    "None",
    "{}",
    '{"name": None}',
    '{"name": "a", "passes": {}}',
    '{"name": "a", "passes": [1]}',
    '{"name": "a", "passes": [[]]}',
    '{"name": "a", "passes": [["p", []]]}',
    '{"name": "a", "passes": [[["p"], {}]]}',
    '{"name": "a", "options": None}',
    '{"name": "a", "options": [["a", 1]]}',
    '{"name": "a", "surprise": 1}',
]


def with_parts(
    value=None, statement=None, kind="float32[2, 3]", recipe='{"draw": "constant", "value": 1}', pipeline=None
):
    lines = [HEADER, "", f'def program(x0: "{kind}"):']
    lines += [f"    v0 = {value}", "    return (v0,)"] if value else ["    return (x0,)"]
    lines += ["", "INPUTS = {", f'    "x0": {recipe},', "}"]
    lines += ["", f'PIPELINES = {{"tvm": {pipeline}}}'] if pipeline else []
    return "\n".join([*lines, *([statement] if statement else []), ""])


HOSTILE = [
    *(with_parts(value=value) for value in EXPRESSIONS),
    *(with_parts(value=f"torch.add(x0, {value})") for value in EXPRESSIONS),
    *(with_parts(recipe=f'{{"draw": "constant", "value": {value}}}') for value in EXPRESSIONS),
    *(with_parts(statement=statement) for statement in STATEMENTS),
    *(f"{HEADER}\n{statement}\n" for statement in STATEMENTS),
    *(with_parts(kind=kind) for kind in TYPES),
    *(with_parts(recipe=recipe) for recipe in RECIPES),
    *(with_parts(pipeline=pipeline) for pipeline in PIPELINES),
    "",
    "\n",
    "\0" * 1000,
    HEADER,
    HEADER + "\r",
    HEADER + "\n" * 100_000,
    HEADER + "\n" + "x" * (MAX_TEXT - len(HEADER) - 1),
    HEADER + "\n" + "x" * 10_000_000,
    HEADER + "\n" + "#" * (MAX_TEXT - len(HEADER) - 1),
    "PK\x03\x04",
    "\x80\x04\x95",
    "#!/usr/bin/env python\nimport os\n",
]


def mutated(random_source):
    """A valid file's bytes with a few random changes."""
    data = bytearray(random_source.choice(VALID).encode())
    for _ in range(random_source.randint(1, 4)):
        kind = random_source.randrange(9)
        lines = bytes(data).split(b"\n")
        here, there = (random_source.randrange(len(lines)) for _ in range(2))
        place = random_source.randrange(len(data) + 1)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << random_source.randrange(8)
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data = bytearray(b"\n".join([*lines[:here], lines[there], *lines[here:]]))
        elif kind == 3:
            data = bytearray(b"\n".join([*lines[:here], *lines[here + 1 :]]))
        elif kind == 4:
            lines[here], lines[there] = lines[there], lines[here]
            data = bytearray(b"\n".join(lines))
        elif kind == 5:
            data[place:place] = random_source.choice(EXPRESSIONS[:60]).encode()
        elif kind == 6:
            data[place:place] = random_source.choice(b"()[]{}\"'\\:,.=-*@#\0\xff\n\t 0").to_bytes(1, "little")
        elif kind == 7:
            del data[place : place + random_source.randint(1, 30)]
        else:
            end = place + random_source.randint(1, 40)
            data[place:place] = data[place:end] * random_source.randint(1, 5)
    return bytes(data)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """No file appears, no module is imported, the environment stays: nothing of a file was executed."""
    monkeypatch.chdir(tmp_path)
    parse_case(VALID[0])
    modules = set(sys.modules)
    yield
    assert CANARY not in os.environ
    assert os.listdir(tmp_path) == []
    # what the interpreter itself loads to read text: codecs, and the table of Unicode names
    assert {name for name in set(sys.modules) - modules if not name.startswith(("encodings", "unicodedata"))} == set()


def outcome(text):
    """The case or the message; anything but one printable line of reasonable length fails."""
    try:
        case = parse_case(text, "stranger.py")
    except MisfoldError as error:
        message = str(error)
        assert message.isprintable(), message
        assert message.startswith("stranger.py:")
        assert len(message) < 1000
        return message
    assert isinstance(case, Case)
    # what is taken can be kept
    assert parse_case(case.text).text == case.text
    assert len(case.hash) == 16
    return case


@cache
def judged(index):
    return outcome(HOSTILE[index])


def test_the_attack_would_be_seen():
    eval(ATTACK)
    assert os.environ.pop(CANARY) == "1"


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_a_hostile_file_is_a_case_or_one_clear_error(index):
    judged(index)


def test_hardly_any_hostile_file_is_a_case():
    cases = [text for index, text in enumerate(HOSTILE) if isinstance(judged(index), Case)]
    assert len(HOSTILE) > 300
    # constants as arguments, values or data, large types that no campaign would run, comments
    assert len(cases) < 60
    assert not [text for text in cases if "canary" in text.lower()]


@pytest.mark.parametrize("seed", range(20))
def test_mutated_files(seed):
    source = random.Random(seed)
    errors = 0
    for _ in range(100):
        data = mutated(source)
        try:
            text = decode(data, "stranger.py")
        except MisfoldError as error:
            assert str(error).isprintable()
            errors += 1
        else:
            errors += not isinstance(outcome(text), Case)
    assert 50 < errors < 100


def test_every_truncation_of_a_file():
    for text in VALID:
        for end in range(len(text)):
            outcome(text[:end])


def test_files_of_random_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("outside") / "a.py"
    source = random.Random(1)
    for size in (0, 1, 100, 10_000):
        for prefix in (b"", HEADER.encode() + b"\n"):
            path.write_bytes(prefix + source.randbytes(size))
            with pytest.raises(MisfoldError) as caught:
                read_case(path)
            assert str(caught.value).isprintable()


def test_no_name_of_an_operator_reaches_files_processes_or_memory():
    from misfold.programs.operators import operator_names

    words = ("load", "save", "file", "system", "exec", "eval", "storage", "ptr", "numpy", "hook", "apply", "pickle")
    assert not [name for name in operator_names() if any(word in name.rpartition(".")[2] for word in words)]


def test_the_worst_text_takes_bounded_memory():
    text = f"{HEADER}\nABOUT = {{'a': [{'0,' * (MAX_TEXT // 2 - 50)}]}}\n"
    assert len(text) < MAX_TEXT
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome(text)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1_000_000  # kilobytes


def test_types_of_strangers_are_not_kept():
    from misfold.programs.types import parse_type

    parse_type.cache_clear()
    tracemalloc.start()
    for index in range(300):
        outcome(with_parts(kind=f"float32[{index}{' ' * 20_000}]"))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parse_type.cache_info().currsize < 10
    assert kept < 2_000_000
