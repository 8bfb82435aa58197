"""Text to Graph, by an allow-list over Python's syntax tree. Nothing is ever executed."""

from __future__ import annotations

import ast
from typing import NoReturn

from .arguments import SYMBOLS, Argument, Ref, Symbol
from .errors import GraphError, TextError
from .graph import Graph, Node, Value
from .operators import NAMESPACES, is_operator
from .printer import GETITEM, METHOD
from .types import parse_type

MAX_TEXT = 16 * 2**20
_STATEMENTS = 'v: "TYPE" = CALL, v = CALL, v, w = CALL, v: "TYPE", return v, w'
_ARGUMENTS = 'values, numbers, strings, True, False, None, float("inf"), torch dtypes, slice(a, b, c), lists and tuples'


def fail(node: ast.AST | None, what: str, allowed: str | None = None) -> NoReturn:
    """Raise TextError at a node's line."""
    raise TextError(what, line=getattr(node, "lineno", None), allowed=allowed)


def syntax_tree(text: str) -> ast.Module:
    """Python's syntax tree of a text.

    Raises:
        TextError: the text is too large, nests too deeply, or is not Python.
    """
    if len(text) > MAX_TEXT:
        raise TextError(f"a text of {len(text)} characters", allowed=f"at most {MAX_TEXT}")
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise TextError(f"not Python syntax: {error.msg}", line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise TextError(f"cannot be read: {str(error) or type(error).__name__}") from None


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
    if function.name != "program" or function.decorator_list or function.returns:
        fail(function, "a graph is a plain function called program", 'def program(x0: "float32[2]"): ...')
    spec = function.args
    if spec.vararg or spec.kwarg or spec.kwonlyargs or spec.posonlyargs or spec.defaults:
        fail(function, "parameters must be plain", 'x0: "float32[2]"')
    inputs = []
    for parameter in spec.args:
        if parameter.annotation is None:
            fail(parameter, f"parameter {parameter.arg} has no type", 'x0: "float32[2]"')
        inputs.append(Value(parameter.arg, _type(parameter.annotation)))
    nodes: list[Node] = []
    declared: dict[str, Value] = {}
    returns: tuple[str, ...] | None = None
    lines: list[int] = []
    for statement in function.body:
        if returns is not None:
            fail(statement, "a statement after return")
        if isinstance(statement, ast.Return):
            returns = _returns(statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is None:
            value = _annotated(statement)
            if value.name in declared:
                fail(statement, f"{value.name} is declared twice")
            declared[value.name] = value
        elif isinstance(statement, ast.AnnAssign) or isinstance(statement, ast.Assign):
            nodes.append(_assignment(statement, declared))
            lines.append(statement.lineno)
        else:
            fail(statement, f"a {type(statement).__name__} statement", _STATEMENTS)
    if returns is None:
        fail(function, "the function does not return", "return v0, v1")
    if declared:
        fail(function, f"{next(iter(declared))} is declared but never assigned")
    try:
        return Graph(tuple(inputs), tuple(nodes), returns)
    except GraphError as error:
        raise TextError(str(error), line=_line_of(error, nodes, lines, function)) from None


def _line_of(error: GraphError, nodes: list[Node], lines: list[int], function: ast.FunctionDef) -> int:
    # The graph's own check stops at the first bad node: find it by checking ever longer prefixes' last node.
    for node, line in zip(nodes, lines, strict=True):
        if any(word in str(error) for word in (node.op, *(value.name + " is assigned" for value in node.outputs))):
            return line
    return function.lineno


def _type(annotation: ast.expr):  # type: ignore[no-untyped-def]
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
            outputs.append(declared.pop(name.id, None) or Value(name.id))
    call = statement.value
    if isinstance(call, ast.Subscript):
        op, args, kwargs = GETITEM, (_argument(call.value), _argument(call.slice)), {}
        if not isinstance(args[0], Ref):
            fail(call, "only a value can be indexed", "v0[...]")
    elif isinstance(call, ast.Call):
        op, args, kwargs = _call(call)
    else:
        fail(statement, f"a value must come from a call, not a {type(call).__name__}", "torch.add(v0, v1), v0.add(1)")
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
        fail(call, f"{op} is not an operator that a graph may call", "see: misfold operators --all")
    for argument in call.args:
        args.append(_argument(argument))
    kwargs: dict[str, Argument] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in kwargs:
            fail(call, "** or a repeated keyword in a call")
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
        return slice(*(None if part is None else _argument(part, depth + 1) for part in (node.lower, node.upper, node.step)))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id == "slice" and len(node.args) == 3:
            return slice(*(_argument(part, depth + 1) for part in node.args))
        if node.func.id == "float" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            if node.args[0].value in ("inf", "-inf", "nan"):
                return float(node.args[0].value)  # type: ignore[arg-type]
    fail(node, f"a {type(node).__name__} as an argument", _ARGUMENTS)
