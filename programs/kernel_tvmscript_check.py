"""Which TVMScript texts are safe to hand to TVM's parser.

That parser runs as Python what it does not know: names, attributes and calls of a text reach whatever the language
offers. So a text is checked first, through ``ast`` alone, against a list of what seeds and their mutants consist of:
one function of buffers with constant shapes; loops, blocks, conditions and stores; arithmetic; and calls of the names
below, none of which does anything but make IR. Calls of packed or external functions, which could do anything when the
kernel runs, are none of them.
"""

from __future__ import annotations

import ast
from typing import NoReturn

from .errors import TextError
from .parser import MAX_TEXT

#: Element types, as constructors of literals and as functions that cast.
TYPES = frozenset("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split())
_EXPRESSIONS = frozenset(
    "Add Sub Mul Div Mod FloorDiv FloorMod Max Min EQ NE LT LE GT GE And Or Not Cast Select BitwiseAnd BitwiseOr "
    "BitwiseXor BitwiseNot LShift RShift "
    "max min abs fabs truncdiv truncmod floordiv floormod if_then_else likely let bitwise_and bitwise_or bitwise_xor "
    "bitwise_not shift_left shift_right popcount reinterpret "
    "exp exp2 exp10 log log2 log10 log1p sqrt rsqrt pow sigmoid tanh sin cos tan asin acos atan sinh cosh asinh acosh "
    "atanh atan2 erf floor ceil round nearbyint trunc copysign fmod hypot ldexp isnan isinf isfinite infinity "
    "max_value min_value".split()
)
_LOOPS = frozenset(("grid", "serial", "parallel", "vectorized", "unroll"))
_STATEMENTS = frozenset(
    ("func_attr", "reads", "writes", "where", "sblock_attr", "evaluate", "axis.spatial", "axis.reduce", "axis.remap",
     "axis.opaque", "sblock_alloc_buffer", "alloc_buffer", "bind", "Bind")
)  # fmt: skip
_CONTEXTS = frozenset(("sblock", "init", "attr"))
_CALLS = TYPES | _EXPRESSIONS | _STATEMENTS
#: What a parameter may say of its buffer besides shape and type.
_BUFFER_OPTIONS = frozenset(("offset_factor", "align", "scope"))
_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr,
    ast.BitXor, ast.USub, ast.UAdd, ast.Invert, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt,
    ast.GtE,
)  # fmt: skip
#: A text has at most so many nodes, and nests at most so deep: TVM's parser recurses.
MAX_NODES, MAX_DEPTH = 20_000, 120
_NEVER = frozenset(("T", "I", "range", "True", "False", "None"))


def checked_function(text: str) -> ast.FunctionDef:
    """The one function of a text that is safe to parse. Comments are no part of it.

    Raises:
        TextError: the text holds anything else than what is allowed; says the line.
    """
    if len(text) > MAX_TEXT:
        raise TextError("the text is too large", allowed=f"at most {MAX_TEXT} characters")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise TextError(f"not TVMScript: {error}", line=line, allowed="Python's syntax") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise TextError("the text is too large", allowed=f"at most {MAX_NODES} syntax nodes")
    _check_depth(tree)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise TextError("not one function", line=1, allowed="one function with the decorator T.prim_func")
    function = tree.body[0]
    _Checker().function(function)
    return function


def _check_depth(tree: ast.AST) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise TextError("nested too deeply", allowed=f"{MAX_DEPTH} levels of syntax")


def _fail(node: ast.AST, what: str, allowed: str = "what docs/kernels.md lists") -> NoReturn:
    raise TextError(what, line=getattr(node, "lineno", None), allowed=allowed)


def called(node: ast.AST) -> str | None:
    """``"axis.spatial"`` of the call ``T.axis.spatial(…)``; None if it is no call of something of T."""
    return _path(node.func) if isinstance(node, ast.Call) else None


def _path(node: ast.AST) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed(parts)) if parts and isinstance(node, ast.Name) and node.id == "T" else None


class _Checker:
    def __init__(self) -> None:
        #: Names that the text binds, wherever: TVM itself says where one is used out of its scope.
        self.names: set[str] = set()

    def function(self, function: ast.FunctionDef) -> None:
        if function.returns is not None or getattr(function, "type_params", None):
            _fail(function, "a function that returns something")
        if len(function.decorator_list) != 1:
            _fail(function, "not one decorator", "@T.prim_func")
        decorator = function.decorator_list[0]
        if called(decorator) != "prim_func":
            _fail(decorator, "another decorator", "@T.prim_func(s_tir=True)")
        assert isinstance(decorator, ast.Call)
        if decorator.args or any(
            one.arg not in ("s_tir", "private")
            or not isinstance(one.value, ast.Constant)
            or one.value.value is not True
            for one in decorator.keywords
        ):
            _fail(decorator, "other arguments of the decorator", "s_tir=True, private=True")
        arguments = function.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or arguments.defaults:
            _fail(function, "parameters other than plain ones")
        if not arguments.args:
            _fail(function, "no parameters", "one T.Buffer or more")
        for argument in arguments.args:
            self.bind(argument, argument.arg)
            self.parameter(argument)
        self.collect(function.body)
        self.block(function.body)

    def parameter(self, argument: ast.arg) -> None:
        note = argument.annotation
        if note is None or called(note) != "Buffer":
            _fail(argument, f"parameter {argument.arg} is no buffer", 'name: T.Buffer((4, 5), "float32")')
        assert isinstance(note, ast.Call)
        if not 1 <= len(note.args) <= 2:
            _fail(argument, f"parameter {argument.arg}: not a shape and a type")
        shape, *types = note.args
        if not isinstance(shape, ast.Tuple) or not all(_size(one) is not None for one in shape.elts):
            _fail(argument, f"parameter {argument.arg} has no constant shape", "T.Buffer((4, 5), …)")
        for one in types:
            if not isinstance(one, ast.Constant) or one.value not in TYPES:
                _fail(argument, f"parameter {argument.arg} has another type", ", ".join(sorted(TYPES)))
        for option in note.keywords:
            if option.arg not in _BUFFER_OPTIONS or not isinstance(option.value, ast.Constant):
                _fail(argument, f"parameter {argument.arg} has the option {option.arg}", ", ".join(_BUFFER_OPTIONS))

    def bind(self, node: ast.AST, name: str) -> None:
        if name in _NEVER or name.startswith("__") or not name.isascii():
            _fail(node, f"the name {name!r} is bound")
        self.names.add(name)

    def collect(self, body: list[ast.stmt]) -> None:
        """Find the names that are bound anywhere."""
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.bind(node, node.id)

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[target], value=value):
                self.target(target)
                self.expression(value)
            case ast.AnnAssign(target=ast.Name(), annotation=note, value=value) if value is not None:
                self.annotation(note)
                self.expression(value)
            case ast.Expr(value=ast.Call() as call):
                if called(call) not in _STATEMENTS:
                    _fail(statement, "a call as a statement", ", ".join(sorted(_STATEMENTS)))
                self.expression(call)
            case ast.For(target=target, iter=ast.Call() as loop, body=inner, orelse=[]):
                self.target(target)
                self.loop(loop)
                self.block(inner)
            case ast.If(test=test, body=inner, orelse=other):
                self.expression(test)
                self.block(inner)
                self.block(other)
            case ast.With(items=[ast.withitem(context_expr=ast.Call() as context, optional_vars=None)], body=inner):
                if called(context) not in _CONTEXTS:
                    _fail(statement, "another context", ", ".join(f"with T.{name}(…)" for name in sorted(_CONTEXTS)))
                self.arguments(context)
                self.block(inner)
            case ast.Pass():
                pass
            case _:
                _fail(statement, f"a statement of the kind {type(statement).__name__}")

    def target(self, target: ast.expr) -> None:
        match target:
            case ast.Name():
                pass
            case ast.Tuple(elts=elements) if all(isinstance(one, ast.Name) for one in elements):
                pass
            case ast.Subscript(value=ast.Name() as buffer, slice=place):
                self.expression(buffer)
                self.expression(place)
            case _:
                _fail(target, "something else is assigned to", "a name, names, or an element of a buffer")

    def loop(self, call: ast.Call) -> None:
        plain = isinstance(call.func, ast.Name) and call.func.id == "range"
        if not plain and called(call) not in _LOOPS:
            _fail(call, "another kind of loop", f"range, {', '.join(f'T.{name}' for name in sorted(_LOOPS))}")
        self.arguments(call)

    def annotation(self, node: ast.expr) -> None:
        if isinstance(node, ast.Subscript) and _path(node.value) == "let":
            node = node.slice
        if _path(node) not in TYPES:
            _fail(node, "another annotation", "T.int32, T.let[T.float32], …")

    def arguments(self, call: ast.Call) -> None:
        for one in call.args:
            self.expression(one)
        for option in call.keywords:
            if option.arg is None or option.arg.startswith("_"):
                _fail(call, "arguments out of a dictionary")
            self.expression(option.value)

    def expression(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(value=value):
                if not isinstance(value, bool | int | float | str | None):
                    _fail(node, f"a literal of the kind {type(value).__name__}")
                if isinstance(value, int) and abs(value) >= 2**64:
                    _fail(node, "a literal of more than 64 bits")
            case ast.Name(id=name):
                if name not in self.names:
                    _fail(node, f"the name {name!r}, which nothing binds")
            case ast.Call():
                if called(node) not in _CALLS:
                    _fail(node, f"a call of {ast.unparse(node.func)[:60]}")
                self.arguments(node)
            case ast.BinOp(op=operator, left=left, right=right) if isinstance(operator, _OPERATORS):
                self.expression(left)
                self.expression(right)
            case ast.UnaryOp(op=operator, operand=operand) if isinstance(operator, _OPERATORS):
                self.expression(operand)
            case ast.BoolOp(values=values):
                for one in values:
                    self.expression(one)
            case ast.Compare(left=left, ops=operators, comparators=others):
                if not all(isinstance(one, _OPERATORS) for one in operators):
                    _fail(node, "another comparison")
                for one in (left, *others):
                    self.expression(one)
            case ast.Subscript(value=ast.Name() as buffer, slice=place):
                self.expression(buffer)
                self.expression(place)
            case ast.Slice(lower=low, upper=high, step=step):
                for bound in (low, high, step):
                    if bound is not None:
                        self.expression(bound)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for one in elements:
                    self.expression(one)
            case ast.Dict(keys=keys, values=values):
                for key in keys:
                    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                        _fail(node, "a dictionary with other keys than strings")
                for one in values:
                    self.expression(one)
            case ast.Attribute():
                path = _path(node)
                if path is None or path not in TYPES:
                    _fail(node, f"the attribute {ast.unparse(node)[:60]}")
            case _:
                _fail(node, f"an expression of the kind {type(node).__name__}")


def _size(node: ast.expr) -> int | None:
    """The value of a constant size, also where it is written as T.int64(5)."""
    if isinstance(node, ast.Call) and called(node) in ("int32", "int64") and len(node.args) == 1 and not node.keywords:
        node = node.args[0]
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 0:
        return node.value
    return None


def constant_size(node: ast.expr) -> int:
    """A size of a parameter's shape in a checked function."""
    size = _size(node)
    assert size is not None
    return size
