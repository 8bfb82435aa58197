"""Every error of the parser: where, what, and what is allowed instead."""

from __future__ import annotations

import warnings

import pytest

from misfold.programs.errors import TextError
from misfold.programs.parser import MAX_TEXT, parse_graph
from misfold.programs.printer import print_graph

HEAD = 'def program(x0: "float32[2]", x1: "int64[]"):\n'


def body(*lines):
    return HEAD + "".join(f"    {line}\n" for line in lines)


def error_of(text):
    with pytest.raises(TextError) as caught:
        parse_graph(text)
    message = str(caught.value)
    assert message.isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "what", "allowed"),
    [
        # the function
        ("", None, "expected one function", "def program"),
        ("x = 1\n", None, "expected one function", "def program"),
        (body("return (x0,)") + "import os\n", 3, "expected one function", "def program"),
        ('async def program(x0: "float32[2]"):\n    return (x0,)\n', None, "expected one function", "def program"),
        ('def main(x0: "float32[2]"):\n    return (x0,)\n', 1, "a plain function called program", "def program"),
        ('@f\ndef program(x0: "float32[2]"):\n    return (x0,)\n', 2, "a plain function", "def program"),
        ('def program(x0: "float32[2]") -> 1:\n    return (x0,)\n', 1, "a plain function", "def program"),
        ('def program(*x0: "float32[2]"):\n    return (x0,)\n', 1, "parameters must be plain", "float32"),
        ('def program(**x0: "float32[2]"):\n    return (x0,)\n', 1, "parameters must be plain", "float32"),
        ('def program(*, x0: "float32[2]"):\n    return (x0,)\n', 1, "parameters must be plain", "float32"),
        ('def program(x0: "float32[2]", /):\n    return (x0,)\n', 1, "parameters must be plain", "float32"),
        ('def program(x0: "float32[2]" = f()):\n    return (x0,)\n', 1, "parameters must be plain", "float32"),
        ("def program(x0):\n    return (x0,)\n", 1, "parameter x0 has no type", '"float32[2]"'),
        ("def program(x0: float32):\n    return (x0,)\n", 1, "a type must be a string", '"float32[2, 3]"'),
        ('def program(\n  x0: "float32[2"):\n    return (x0,)\n', 2, "not a tensor type", "DTYPE"),
        ('def program(\n  x0: "bool[]",\n  x0: "bool[]"):\n    return (x0,)\n', 3, "x0 is assigned twice", None),
        ('def program(\n  X: "bool[]"):\n    return (X,)\n', 2, "'X' cannot name a value", None),
        # statements
        (body("v0 = torch.abs(x0)", "pass", "return (v0,)"), 3, "a pass in a graph", "return v, w"),
        (body("for i in x0: v0 = i", "return (v0,)"), 2, "a for loop in a graph", "v = CALL"),
        (body("import os", "return (x0,)"), 2, "an import in a graph", "v = CALL"),
        (body("x0 += x1", "return (x0,)"), 2, "an augmented assignment in a graph", "v = CALL"),
        (body("torch.abs(x0)", "return (x0,)"), 2, "an expression by itself", "v = CALL"),
        (body("del x0", "return (x1,)"), 2, "a del in a graph", "v = CALL"),
        (body("def f(): pass", "return (x1,)"), 2, "a function in a graph", "v = CALL"),
        (body("v0 = v1 = torch.abs(x0)", "return (v1,)"), 2, "a chain of assignments", "v = CALL"),
        (body("x0[0] = torch.abs(x0)", "return (x0,)"), 2, "only a name can be assigned", "v = CALL"),
        (body("x0.data = torch.abs(x0)", "return (x0,)"), 2, "only a name can be assigned", "v = CALL"),
        (body("*v0, v1 = torch.max(x0)", "return (v1,)"), 2, "only a name can be assigned", "v = CALL"),
        (body("(v0, (v1, v2)) = torch.max(x0)", "return (v1,)"), 2, "only a name can be assigned", "v = CALL"),
        (body('x0.a: "bool[]" = torch.abs(x0)', "return (x0,)"), 2, "only a name can be assigned", "v = CALL"),
        (body("return (x0,)", "v0 = torch.abs(x0)"), 3, "a statement after return", None),
        (body("v0 = torch.abs(x0)"), 1, "does not return", "return v0, v1"),
        (body("return"), 2, "return takes a tuple", "return (v0,)"),
        (body("return x0"), 2, "return takes a tuple", "return (v0,)"),
        (body("return ()"), 2, "nothing is returned", None),
        (body("return (x0, 1)"), 2, "return takes a tuple", "return (v0,)"),
        (body("return x0, v9"), 2, "v9 is returned but not defined", None),
        # declarations
        (body('v0: "bool[]"', 'v0: "bool[]"', "return (x0,)"), 3, "v0 is declared twice", None),
        (body('v0: "bool[]"', "return (x0,)"), 1, "v0 is declared but never assigned", None),
        (body('v0: "bool"', "v0, = torch.abs(x0)", "return (v0,)"), 2, "not a tensor type", "DTYPE"),
        # values and calls
        (body("v0 = 1", "return (v0,)"), 2, "must come from a call, not a constant", "torch.add"),
        (body("v0 = x0", "return (v0,)"), 2, "must come from a call, not a name", "torch.add"),
        (body("v0 = x0 + x1", "return (v0,)"), 2, "must come from a call, not arithmetic", "torch.add"),
        (body("v0 = [x0 for x0 in x1]", "return (v0,)"), 2, "not a comprehension", "torch.add"),
        (body("v0 = lambda: 1", "return (v0,)"), 2, "not a lambda", "torch.add"),
        (body("v0 = (v1 := torch.abs(x0))", "return (v0,)"), 2, "not an assignment expression", "torch.add"),
        (body("v0 = abs(x0)", "return (v0,)"), 2, "something that is not an operator", "torch.NAME"),
        (body("v0 = (lambda: 1)()", "return (v0,)"), 2, "something that is not an operator", "torch.NAME"),
        (body("v0 = torch.abs(x0)(x0)", "return (v0,)"), 2, "something that is not an operator", "torch.NAME"),
        (body("v0 = torch.abs(x0).neg()", "return (v0,)"), 2, "something that is not an operator", "torch.NAME"),
        (body("v0 = torch.load('a')", "return (v0,)"), 2, "torch.load is not an operator", "misfold operators"),
        (body("v0 = os.system('a')", "return (v0,)"), 2, "torch.Tensor.system is not an operator", "misfold operators"),
        (body("v0 = x0.__class__.mro()", "return (v0,)"), 2, "__class__.mro is not an operator", "misfold"),
        (body("v0 = torch.abs(x0)", "v1 = y.abs()", "return (v1,)"), 3, "uses y, which is not defined", None),
        (body("v0 = torch.add(v1, x0)", "v1 = torch.abs(x0)", "return (v1,)"), 2, "uses v1, which is not", None),
        (body("v0 = torch.abs(x0)", "v0 = torch.abs(x0)", "return (v0,)"), 3, "v0 is assigned twice", None),
        (body("v0, v0 = torch.max(x0, 0)", "return (v0,)"), 2, "v0 is assigned twice", None),
        (body("() = torch.max(x0, 0)", "return (x0,)"), 2, "torch.max has 0 outputs", None),
        (body("torch = torch.abs(x0)", "return (x0,)"), 2, "'torch' cannot name a value", None),
        (body("v0 = (1)[0]", "return (v0,)"), 2, "only a value can be indexed", "v0[...]"),
        (body("v0 = x0[0][0]", "return (v0,)"), 2, "an index expression as an argument", "values, numbers"),
        # arguments
        (body("v0 = torch.abs(**x0)", "return (v0,)"), 2, "** in a call", "keywords one by one"),
        (body("v0 = torch.abs(*x0)", "return (v0,)"), 2, "a starred expression as an argument", "values, numbers"),
        (body("v0 = torch.abs(x0 + 1)", "return (v0,)"), 2, "arithmetic as an argument", "values, numbers"),
        (body("v0 = torch.abs(not x0)", "return (v0,)"), 2, "a unary operation as an argument", "values, numbers"),
        (body("v0 = torch.abs(-x0)", "return (v0,)"), 2, "a unary operation as an argument", "values, numbers"),
        (body("v0 = torch.abs(-True)", "return (v0,)"), 2, "a unary operation as an argument", "values, numbers"),
        (body("v0 = torch.abs(f'{x0}')", "return (v0,)"), 2, "an f-string as an argument", "values, numbers"),
        (body("v0 = torch.abs(b'a')", "return (v0,)"), 2, "a bytes constant", "values, numbers"),
        (body("v0 = torch.abs(1j)", "return (v0,)"), 2, "a complex constant", "values, numbers"),
        (body("v0 = torch.abs({})", "return (v0,)"), 2, "a dict as an argument", "values, numbers"),
        (body("v0 = torch.abs({x0})", "return (v0,)"), 2, "a set as an argument", "values, numbers"),
        (body("v0 = torch.abs(x0 if x1 else x0)", "return (v0,)"), 2, "a conditional expression", "values, numbers"),
        (body("v0 = torch.abs(x0.shape)", "return (v0,)"), 2, "x0.shape is not a constant", "torch dtypes"),
        (body("v0 = torch.abs(torch.cuda)", "return (v0,)"), 2, "torch.cuda is not a constant", "torch dtypes"),
        (body("v0 = torch.abs(f().x)", "return (v0,)"), 2, "an attribute is not a constant", "torch dtypes"),
        (body("v0 = torch.abs(float('1'))", "return (v0,)"), 2, "a call as an argument", 'float("inf")'),
        (body("v0 = torch.abs(float(x='inf'))", "return (v0,)"), 2, "a call as an argument", 'float("inf")'),
        (body("v0 = torch.abs(slice(1))", "return (v0,)"), 2, "a call as an argument", "slice(a, b, c)"),
        (body("v0 = torch.abs(torch.abs(x0))", "return (v0,)"), 2, "a call as an argument", "values, numbers"),
        (body("v0 = torch.abs(" + "[" * 12 + "]" * 12 + ")", "return (v0,)"), 2, "nested deeper than 8", None),
        (body("v0 = torch.abs(" + "[" * 20 + "]" * 20 + ")", "return (v0,)"), 2, "nested too deeply", None),
        (body("v0 = torch.abs(18446744073709551616)", "return (v0,)"), 2, "does not fit 64 bits", None),
        (body("v0 = torch.abs('" + "a" * 5000 + "')", "return (v0,)"), 2, "a string of 5000 characters", None),
        # text that is not Python
        (body("v0 = ", "return (v0,)"), 2, "not Python syntax", None),
        ("def program(:\n", 1, "not Python syntax", None),
        (body("v0 = torch.abs(x0, dim=1, dim=2)", "return (v0,)"), 2, "keyword argument repeated", None),
        ("(" * 10_000, 1, "not Python syntax: too many nested parentheses", None),
        ("x\0", None, "null bytes", None),
        ("-" * 100_000 + "1", None, "nested too deeply to be read", None),
        ("a" + ".b" * 100_000, None, "nested too deeply to be read", None),
        ("#" * (MAX_TEXT + 1), None, f"a text of {MAX_TEXT + 1} characters", f"at most {MAX_TEXT}"),
    ],
)
def test_errors_say_where_what_and_what_is_allowed(text, line, what, allowed):
    error = error_of(text)
    assert what in error.what
    assert error.line == line
    assert (error.allowed is None) == (allowed is None)
    assert allowed is None or allowed in error.allowed
    assert str(error).startswith(f"line {line}: " if line else error.what)


@pytest.mark.parametrize("index", range(5))
def test_the_line_is_that_of_the_bad_node_even_among_alike_ones(index):
    lines = [f"v{number} = torch.abs(x0)" for number in range(5)]
    lines[index] = f"v{index} = torch.abs(y0)"
    assert error_of(body(*lines, "return (v0,)")).line == 2 + index


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("v0 = x0.add(  x1 ,alpha = 2 )", "v0 = x0.add(x1, alpha=2)"),
        ("v0 = torch.Tensor.add(x0, x1)", "v0 = x0.add(x1)"),
        ("v0 = x0[0:1:, ...]", "v0 = x0[0:1, ...]"),
        ("v0 = x0[(0, 1)]", "v0 = x0[0, 1]"),
        ("v0 = x0.__getitem__(0)", "v0 = x0[0]"),
        ("(v0, v1) = torch.max(x0, dim=-1)", "v0, v1 = torch.max(x0, dim=-1)"),
        ("[v0, v1] = torch.max(x0, dim=-1)", None),
        ("v0 = torch.add(1_000, 0x10)", "v0 = torch.add(1000, 16)"),
        ("v0 = torch.add(1e400, x0)", 'v0 = torch.add(float("inf"), x0)'),
        ("v0 = torch.add('a' 'b', x0)", 'v0 = torch.add("ab", x0)'),
        ("v0 = torch.to(x0, torch.float16)", None),
        ("v0 = x0.to(torch.float16)", "v0 = x0.to(torch.float16)"),
    ],
)
def test_other_spellings_of_the_same(line, printed):
    text = body(line, "return (v0,)")
    if printed is None:
        error_of(text)
    else:
        assert print_graph(parse_graph(text)).splitlines()[1].strip() == printed


def test_a_declared_type_may_stand_before_a_single_assignment():
    text = body('v0: "float32[2]"', "v0 = torch.abs(x0)", "return (v0,)")
    assert '    v0: "float32[2]" = torch.abs(x0)\n' in print_graph(parse_graph(text))


@pytest.mark.parametrize("line", [r"v0 = torch.add(x0, '\d')", "v0 = torch.add(x0, 1if 1else 0)"])
def test_python_does_not_warn_a_user_about_a_strangers_file(line):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parse_graph(body(line, "return (v0,)"))
        except TextError as error:
            assert "a conditional expression" in error.what
    assert not caught
