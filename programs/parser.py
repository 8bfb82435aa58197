"""Text to Graph, by an allow-list over Python's syntax tree. Nothing is ever executed."""

from __future__ import annotations

import ast
import re
import warnings
from typing import NoReturn

from .arguments import SYMBOLS, Argument, Ref, Symbol
from .errors import GraphError, TextError
from .graph import Graph, Node, Value
from .operators import NAMESPACES, is_operator
from .printer import GETITEM, METHOD
from .types import TensorType, parse_type

# Python's syntax tree takes about 500 times the memory of a hostile text: 500 MB and 2 s for one of this size.
MAX_TEXT = 2**20
# What Python warns of while reading (an unknown escape, a number glued to a keyword) is not a user's business here.
_WARNED = re.compile(r"\\|[0-9](?:and|else|for|if|in|is|not|or)\b")
_STATEMENTS = 'v: "TYPE" = CALL, v = CALL, v, w = CALL, v: "TYPE", return v, w'
_ARGUMENTS = 'values, numbers, strings, True, False, None, float("inf"), torch dtypes, slice(a, b, c), lists and tuples'

# Syntax by the names people know it by; the others go by the names of Python's ast.
_CALLED = {
    "AnnAssign": "an assignment",
    "Assert": "an assert",
    "Assign": "an assignment",
    "AsyncFunctionDef": "an async function",
    "Attribute": "an attribute",
    "AugAssign": "an augmented assignment",
    "Await": "an await",
    "BinOp": "arithmetic",
    "BoolOp": "a boolean operation",
    "Call": "a call",
    "ClassDef": "a class",
    "Compare": "a comparison",
    "Constant": "a constant",
    "Delete": "a del",
    "Dict": "a dict",
    "DictComp": "a comprehension",
    "Expr": "an expression by itself",
    "For": "a for loop",
    "FunctionDef": "a function",
    "GeneratorExp": "a comprehension",
    "Global": "a global",
    "If": "an if",
    "IfExp": "a conditional expression",
    "Import": "an import",
    "ImportFrom": "an import",
    "JoinedStr": "an f-string",
    "Lambda": "a lambda",
    "List": "a list",
    "ListComp": "a comprehension",
    "Match": "a match",
    "Name": "a name",
    "NamedExpr": "an assignment expression",
    "Pass": "a pass",
    "Raise": "a raise",
    "Return": "a return",
    "Set": "a set",
    "SetComp": "a comprehension",
    "Starred": "a starred expression",
    "Subscript": "an index expression",
    "Try": "a try",
    "Tuple": "a tuple",
    "UnaryOp": "a unary operation",
    "While": "a while loop",
    "With": "a with",
    "Yield": "a yield",
    "YieldFrom": "a yield",
}


def fail(node: ast.AST | None, what: str, allowed: str | None = None) -> NoReturn:
    """Raise TextError at a node's line."""
    raise TextError(what, line=getattr(node, "lineno", None), allowed=allowed)


def describe(node: ast.AST | None) -> str:
    """What a piece of syntax is called in an error: ``a for statement``, ``a lambda``, …"""
    return _CALLED.get(type(node).__name__, f"a {type(node).__name__}")


def syntax_tree(text: str) -> ast.Module:
    """Python's syntax tree of a text.

    Raises:
        TextError: the text is too large, nests too deeply, or is not Python.
    """
    if len(text) > MAX_TEXT:
        raise TextError(f"a text of {len(text)} characters", allowed=f"at most {MAX_TEXT}")
    try:
        if _WARNED.search(text) is None:
            return ast.parse(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise TextError(f"not Python syntax: {error.msg}", line=error.lineno) from None
    except (RecursionError, MemoryError):
        # MemoryError is what Python's parser says of expressions deeper than its own stack.
        raise TextError("nested too deeply to be read") from None
    except (ValueError, OverflowError) as error:
        raise TextError(f"cannot be read: {error}") from None


def parse_graph(text: str) -> Graph:
    """Read a graph from the text of one function.

    Raises:
        TextError: with the line, what is wrong there, and what would be allowed.
    """
    body = syntax_tree(text).body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        fail(body[1] if len(body) > 1 else None, "expected one function and nothing else", "def program(...): ...")
    return graph_from(body[0])


def graph_from(function: ast.FunctionDef) -> Graph:
    """Read a graph from a function's syntax tree; errors as in ``parse_graph``."""
    if (
        function.name != "program"
        or function.decorator_list
        or function.returns
        or getattr(function, "type_params", None)
    ):
        fail(function, "a graph is a plain function called program", 'def program(x0: "float32[2]"): ...')
    spec = function.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs or spec.posonlyargs or spec.defaults:
        fail(function, "parameters must be plain", 'x0: "float32[2]"')
    inputs: list[Value] = []
    lines: dict[tuple[str, int], int] = {}
    for parameter in spec.args:
        if parameter.annotation is None:
            fail(parameter, f"parameter {parameter.arg} has no type", 'x0: "float32[2]"')
        lines["input", len(inputs)] = parameter.lineno
        inputs.append(Value(parameter.arg, _type(parameter.annotation)))
    nodes: list[Node] = []
    declared: dict[str, Value] = {}
    returns: tuple[str, ...] | None = None
    for statement in function.body:
        if returns is not None:
            fail(statement, "a statement after return")
        if isinstance(statement, ast.Return):
            returns = _returns(statement)
            lines.update({("return", index): statement.lineno for index in range(len(returns) or 1)})
        elif isinstance(statement, ast.AnnAssign) and statement.value is None:
            value = _annotated(statement)
            if value.name in declared:
                fail(statement, f"{value.name} is declared twice")
            declared[value.name] = value
        elif isinstance(statement, ast.AnnAssign) or isinstance(statement, ast.Assign):
            lines["node", len(nodes)] = statement.lineno
            nodes.append(_assignment(statement, declared))
        else:
            fail(statement, f"{describe(statement)} in a graph", _STATEMENTS)
    if returns is None:
        fail(function, "the function does not return", "return v0, v1")
    if declared:
        fail(function, f"{next(iter(declared))} is declared but never assigned")
    try:
        return Graph(tuple(inputs), tuple(nodes), returns)
    except GraphError as error:
        line = function.lineno if error.place is None else lines[error.place]
        raise TextError(str(error), line=line) from None


def _type(annotation: ast.expr) -> TensorType:
    if not (isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)):
        fail(annotation, "a type must be a string", '"float32[2, 3]"')
    try:
        return parse_type(annotation.value)
    except TextError as error:
        fail(annotation, error.what, error.allowed)


def _annotated(statement: ast.AnnAssign) -> Value:
    if not isinstance(statement.target, ast.Name):
        fail(statement, "only a name can be assigned", _STATEMENTS)
    return Value(statement.target.id, _type(statement.annotation))


def _returns(statement: ast.Return) -> tuple[str, ...]:
    value = statement.value
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    names = [item.id for item in items if isinstance(item, ast.Name)]
    if not isinstance(value, ast.Tuple) or len(names) != len(items):
        fail(statement, "return takes a tuple of values", "return (v0,) or return v0, v1")
    return tuple(names)


def _assignment(statement: ast.Assign | ast.AnnAssign, declared: dict[str, Value]) -> Node:
    unpack = False
    if isinstance(statement, ast.AnnAssign):
        outputs = [_annotated(statement)]
    else:
        if len(statement.targets) != 1:
            fail(statement, "a chain of assignments", _STATEMENTS)
        target = statement.targets[0]
        unpack = isinstance(target, ast.Tuple)
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        outputs = []
        for name in names:
            if not isinstance(name, ast.Name):
                fail(statement, "only a name can be assigned", _STATEMENTS)
            outputs.append(declared.pop(name.id, Value(name.id)))
    call = statement.value
    kwargs: dict[str, Argument] = {}
    if isinstance(call, ast.Subscript):
        op, args = GETITEM, (_argument(call.value), _argument(call.slice))
        if not isinstance(args[0], Ref):
            fail(call, "only a value can be indexed", "v0[...]")
    elif isinstance(call, ast.Call):
        op, args, kwargs = _call(call)
    else:
        fail(statement, f"a value must come from a call, not {describe(call)}", "torch.add(v0, v1), v0.add(1)")
    return Node(op, args, kwargs, tuple(outputs), unpack)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _call(call: ast.Call) -> tuple[str, tuple[Argument, ...], dict[str, Argument]]:
    name = _dotted(call.func)
    if name is None or "." not in name:
        fail(call, "a call of something that is not an operator", ", ".join(f"{s}.NAME" for s in NAMESPACES))
    head, _, rest = name.partition(".")
    args: list[Argument] = []
    if head == "torch":
        op = name
    else:
        op = METHOD + rest
        args.append(Ref(head))
    if not is_operator(op):
        fail(call, f"{op} is not an operator that a graph may call", "names that misfold operators --all lists")
    for argument in call.args:
        args.append(_argument(argument))
    kwargs: dict[str, Argument] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            fail(call, "** in a call", "keywords one by one")
        if keyword.arg in kwargs:
            fail(call, f"keyword argument repeated: {keyword.arg}")
        kwargs[keyword.arg] = _argument(keyword.value)
    return op, tuple(args), kwargs


def _argument(node: ast.expr, depth: int = 0) -> Argument:
    if depth > 16:
        fail(node, "arguments nested too deeply")
    if isinstance(node, ast.Name):
        return Ref(node.id)
    if isinstance(node, ast.Constant):
        if node.value is None or node.value is ... or type(node.value) in (bool, int, float, str):
            return node.value
        fail(node, f"a {type(node.value).__name__} constant", _ARGUMENTS)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if type(node.operand.value) in (int, float):
            return -node.operand.value  # type: ignore[operator]
    if isinstance(node, ast.List):
        return [_argument(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_argument(item, depth + 1) for item in node.elts)
    if isinstance(node, ast.Attribute):
        name = _dotted(node)
        if name in SYMBOLS:
            return Symbol(name)
        fail(node, f"{name or 'an attribute'} is not a constant that a graph may name", _ARGUMENTS)
    if isinstance(node, ast.Slice):
        return slice(
            *(None if part is None else _argument(part, depth + 1) for part in (node.lower, node.upper, node.step))
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id == "slice" and len(node.args) == 3:
            return slice(*(_argument(part, depth + 1) for part in node.args))
        if node.func.id == "float" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            if node.args[0].value in ("inf", "-inf", "nan"):
                return float(node.args[0].value)  # type: ignore[arg-type]
    fail(node, f"{describe(node)} as an argument", _ARGUMENTS)
