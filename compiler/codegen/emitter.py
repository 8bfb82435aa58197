"""Writes LLVM's textual IR: values with operators, instructions, basic blocks, functions.

Arithmetic on constants is left to LLVM, except for that on i64: index arithmetic is mostly constant, and text that is
not written need not be parsed. A scalar that meets a vector is broadcast; a Python number takes the type of its
partner, so formulas read as such: ``x * x + 1.0``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .types import I1, PTR, Type, of


class Value:
    """An SSA value or a constant (``literal``). ``<`` and the like are methods: ``lt`` is signed or, on floats,
    ordered; ``ult`` is unsigned."""

    __slots__ = ("emitter", "literal", "text", "type")

    def __init__(self, emitter: Emitter, text: str, type: Type, literal: int | float | None = None):
        self.emitter = emitter
        self.text = text
        self.type = type
        self.literal = literal

    def __add__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("fadd" if self.type.is_float else "add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("fsub" if self.type.is_float else "sub", self, other)

    def __mul__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("fmul" if self.type.is_float else "mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("fdiv", self, other)

    def __radd__(self, other: float) -> Value:
        return self.emitter.literal(other, self.type) + self

    def __rsub__(self, other: float) -> Value:
        return self.emitter.literal(other, self.type) - self

    def __rmul__(self, other: float) -> Value:
        return self.emitter.literal(other, self.type) * self

    def __rtruediv__(self, other: float) -> Value:
        return self.emitter.literal(other, self.type) / self

    def __neg__(self) -> Value:
        if self.type.is_float:
            return self.emitter.instruction(f"fneg {self.type.text} {self.text}", self.type)
        return self.emitter.literal(0, self.type) - self

    def __and__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("and", self, other)

    def __or__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("or", self, other)

    def __xor__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("xor", self, other)

    def __invert__(self) -> Value:
        return self ^ (1 if self.type.bits == 1 else -1)

    def __lshift__(self, other: Operand) -> Value:
        return self.emitter.arithmetic("shl", self, other)

    def lshr(self, other: Operand) -> Value:
        return self.emitter.arithmetic("lshr", self, other)

    def ashr(self, other: Operand) -> Value:
        return self.emitter.arithmetic("ashr", self, other)

    def eq(self, other: Operand) -> Value:
        return self.emitter.compare("oeq" if self.type.is_float else "eq", self, other)

    def ne(self, other: Operand) -> Value:
        return self.emitter.compare("une" if self.type.is_float else "ne", self, other)

    def lt(self, other: Operand) -> Value:
        return self.emitter.compare("olt" if self.type.is_float else "slt", self, other)

    def le(self, other: Operand) -> Value:
        return self.emitter.compare("ole" if self.type.is_float else "sle", self, other)

    def gt(self, other: Operand) -> Value:
        return self.emitter.compare("ogt" if self.type.is_float else "sgt", self, other)

    def ge(self, other: Operand) -> Value:
        return self.emitter.compare("oge" if self.type.is_float else "sge", self, other)

    def ult(self, other: Operand) -> Value:
        return self.emitter.compare("ult", self, other)

    def is_nan(self) -> Value:
        if self.literal is not None:
            return self.emitter.literal(self.literal != self.literal, of("i1", self.type.lanes))
        return self.emitter.compare("uno", self, self)


Operand = Value | int | float


class Module:
    """What a module is made of, by its parts; helpers are made when they are first used."""

    def __init__(self, attributes: str = "", scales: bool = False):
        #: Attributes that all functions have, as the attribute group #0.
        self.attributes = attributes
        #: Whether the host scales by powers of two in one instruction.
        self.scales = scales
        self._declarations: dict[str, str] = {}
        # By their text: a helper that two others need is defined once.
        self._functions: dict[str, None] = {}
        self.helpers: set[str] = set()
        #: Math functions that are called instead of inlined, by the names they go by here: the arguments that
        #: ``shared.address`` wants but the options.
        self.shared: dict[str, tuple[str, Callable[..., Value], Type, int]] = {}

    def declare(self, name: str, text: str) -> None:
        self._declarations.setdefault(name, text)

    def unique(self, stem: str) -> str:
        """A function name that is not taken."""
        name, number = stem, 1
        while name in self.helpers:
            name, number = f"{stem}.{number}", number + 1
        self.helpers.add(name)
        return name

    def define(self, text: str) -> None:
        self._functions[text] = None

    def helper(self, name: str, type: Type, arity: int, body: Callable[..., Value]) -> str:
        """The name of a small function on values of one type, that is inlined wherever it is called."""
        name = f"{name}.{type.mangled}"
        if name not in self.helpers:
            made = _written.get((name, self.scales))
            if made is None:
                made = _written[name, self.scales] = Module(scales=self.scales)
                made._write_helper(name, type, arity, body)
            self._declarations.update(made._declarations)
            self._functions.update(made._functions)
            self.helpers |= made.helpers
        return name

    def share(self, name: str, type: Type, arity: int, body: Callable[..., Value]) -> str:
        """The name of the same function in a copy that all programs call."""
        symbol = f"misfold.{name}.{type.mangled}"
        self.shared[symbol] = (name, body, type, arity)
        signature = ", ".join([type.text] * arity)
        self.declare(symbol, f"declare {type.text} @{symbol}({signature}) nounwind willreturn memory(none)")
        return symbol

    def _write_helper(self, name: str, type: Type, arity: int, body: Callable[..., Value]) -> None:
        self.helpers.add(name)
        emitter = Emitter(self)
        parameters = [Value(emitter, f"%x{i}", type) for i in range(arity)]
        result = body(*parameters)
        emitter.line(f"ret {result.type.text} {emitter.broadcast(result, type.lanes).text}")
        signature = ", ".join(f"{one.type.text} {one.text}" for one in parameters)
        head = f"define internal {result.type.text} @{name}({signature}) alwaysinline #0"
        self.define(emitter.function(head))

    def text(self, head: str) -> str:
        group = f"attributes #0 = {{ nounwind {self.attributes} }}"
        return "\n".join([head, *self._declarations.values(), *self._functions, group, ""])


#: Helpers by name and ``scales``, each in a module of its own with all it needs: writing them takes longer than using.
_written: dict[tuple[str, bool], Module] = {}


class Emitter:
    """The body of one function, from its entry block on."""

    def __init__(self, module: Module, flags: str = ""):
        self.module = module
        #: Fast-math flags of ``fadd``, ``fsub``, ``fmul``: "" or "contract ".
        self.flags = flags
        #: How often the current place runs at most, for each call of the function.
        self.runs = math.inf
        #: The label of the block that is being written.
        self.block = "entry"
        self._allocations: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        # Addresses and index arithmetic that the current place can use, by their text, and the order they came in.
        self._known: dict[str, Value] = {}
        self._order: list[str] = []

    # ------------------------------------------------------------------------------------------------- text and blocks

    def line(self, text: str) -> None:
        self._lines.append(text)

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def instruction(self, text: str, type: Type) -> Value:
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"{name} = {text}")
        return Value(self, name, type)

    def once(self, text: str, type: Type) -> Value:
        """An instruction without effects, which is not written where its value is known."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self.instruction(text, type)
            self._order.append(text)
        return known

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Code that does not dominate what comes behind it: what it computes is not used there."""
        before = len(self._order)
        yield
        for text in self._order[before:]:
            del self._known[text]
        del self._order[before:]

    def later(self) -> int:
        """A place for a line that cannot be written yet; ``fill`` writes it."""
        self._lines.append("")
        return len(self._lines) - 1

    def fill(self, place: int, text: str) -> None:
        self._lines[place] = text

    def begin(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self._lines.append(f"br label %{label}")

    def branch(self, condition: Value, then: str, other: str) -> None:
        self._lines.append(f"br i1 {condition.text}, label %{then}, label %{other}")

    def allocate(self, size: int) -> Value:
        """Stack memory of the function, aligned to a cache line."""
        name = self.fresh("%a")
        self._allocations.append(f"{name} = alloca [{max(size, 1)} x i8], align 64")
        return Value(self, name, PTR)

    def function(self, head: str) -> str:
        return "\n".join([f"{head} {{", "entry:", *self._allocations, *self._lines, "}"])

    # ---------------------------------------------------------------------------------------------- constants and lanes

    def literal(self, value: int | float | bool, type: Type) -> Value:
        if type.is_float:
            if type.element == "float":
                value = struct.unpack("<f", struct.pack("<f", value))[0]
            bits = struct.unpack("<Q", struct.pack("<d", value))[0]
            text = f"0x{bits:016X}"
        elif type.element == "i1":
            text = "true" if value else "false"
        else:
            text = str(int(value))
        if type.lanes:
            text = f"splat ({type.element} {text})"
        return Value(self, text, type, value)

    def constants(self, values: Iterable[int], element: str = "i64") -> Value:
        """A vector of constants."""
        values = list(values)
        type = of(element, len(values))
        return Value(self, f"<{', '.join(f'{element} {value}' for value in values)}>", type)

    def broadcast(self, value: Value, lanes: int) -> Value:
        if value.type.lanes or not lanes:
            return value
        type = value.type.with_lanes(lanes)
        if value.literal is not None:
            return self.literal(value.literal, type)
        one = self.once(f"insertelement {type.text} poison, {value.type.text} {value.text}, i64 0", type)
        return self.once(
            f"shufflevector {type.text} {one.text}, {type.text} poison, <{lanes} x i32> zeroinitializer", type
        )

    def shuffle(self, value: Value, order: list[int]) -> Value:
        type = value.type.with_lanes(len(order))
        mask = self.constants(order, "i32")
        text = "zeroinitializer" if not any(order) else mask.text
        return self.instruction(
            f"shufflevector {value.type.text} {value.text}, {value.type.text} poison, {mask.type.text} {text}", type
        )

    def lane(self, value: Value, index: int | Value) -> Value:
        if not value.type.lanes:
            return value
        at = index.text if isinstance(index, Value) else str(index)
        return self.instruction(f"extractelement {value.type.text} {value.text}, i64 {at}", value.type.scalar)

    def _pair(self, left: Operand, right: Operand) -> tuple[Value, Value]:
        """Both operands as values of one type."""
        if not isinstance(left, Value):
            assert isinstance(right, Value)
            return self.literal(left, right.type), right
        if not isinstance(right, Value):
            return left, self.literal(right, left.type)
        lanes = left.type.lanes or right.type.lanes
        left, right = self.broadcast(left, lanes), self.broadcast(right, lanes)
        assert left.type is right.type, f"{left.type.text} meets {right.type.text}"
        return left, right

    # ---------------------------------------------------------------------------------------------------- instructions

    def arithmetic(self, opcode: str, left: Operand, right: Operand) -> Value:
        left, right = self._pair(left, right)
        if left.type.element == "i64":
            known = _fold(opcode, left, right)
            if known is not None:
                return known
            return self.once(f"{opcode} {left.type.text} {left.text}, {right.text}", left.type)
        flags = self.flags if opcode in ("fadd", "fsub", "fmul") else ""
        return self.instruction(f"{opcode} {flags}{left.type.text} {left.text}, {right.text}", left.type)

    def compare(self, predicate: str, left: Operand, right: Operand) -> Value:
        left, right = self._pair(left, right)
        opcode = "fcmp" if left.type.is_float else "icmp"
        type = of("i1", left.type.lanes)
        return self.instruction(f"{opcode} {predicate} {left.type.text} {left.text}, {right.text}", type)

    def select(self, condition: Value, then: Operand, other: Operand) -> Value:
        then, other = self._pair(then, other)
        if condition.literal is not None:
            return then if condition.literal else other
        lanes = condition.type.lanes or then.type.lanes
        then, other = self.broadcast(then, lanes), self.broadcast(other, lanes)
        return self.instruction(
            f"select {condition.type.text} {condition.text}, {then.type.text} {then.text}, "
            f"{other.type.text} {other.text}",
            then.type,
        )

    def convert(self, opcode: str, value: Value, element: str) -> Value:
        """``bitcast``, ``trunc``, ``zext``, ``fpext``, … to another element type."""
        type = value.type.with_element(element)
        if type is value.type:
            return value
        return self.instruction(f"{opcode} {value.type.text} {value.text} to {type.text}", type)

    def intrinsic(self, name: str, operands: Iterable[Operand], type: Type, flags: str = "") -> Value:
        """Call ``llvm.NAME``, overloaded on the type of its first operand."""
        operands = list(operands)
        first = next(one for one in operands if isinstance(one, Value))
        lanes = max(one.type.lanes for one in operands if isinstance(one, Value))
        values = [one if isinstance(one, Value) else self.literal(one, first.type) for one in operands]
        values = [self.broadcast(one, lanes) for one in values]
        overloads = [values[0].type.mangled]
        if name == "ldexp":
            overloads.append(values[1].type.mangled)
        return self.call(f"llvm.{name}.{'.'.join(overloads)}", values, type.with_lanes(lanes), flags)

    def call(self, name: str, operands: list[Value], type: Type, flags: str = "", declare: bool = True) -> Value:
        if declare:
            signature = ", ".join(one.type.text for one in operands)
            self.module.declare(name, f"declare {type.text} @{name}({signature})")
        arguments = ", ".join(f"{one.type.text} {one.text}" for one in operands)
        return self.instruction(f"call {flags}{type.text} @{name}({arguments})", type)

    def any(self, mask: Value) -> Value:
        """Whether any lane of a vector of i1 is true."""
        if not mask.type.lanes:
            return mask
        return self.call(f"llvm.vector.reduce.or.{mask.type.mangled}", [mask], I1)


def _fold(opcode: str, left: Value, right: Value) -> Value | None:
    """The result of i64 arithmetic that needs no instruction."""
    a, b = left.literal, right.literal
    if a is not None and b is not None:
        if opcode in ("add", "sub", "mul"):
            exact = int(a + b if opcode == "add" else a - b if opcode == "sub" else a * b)
            return left.emitter.literal((exact + (1 << 63)) % (1 << 64) - (1 << 63), left.type)
        return None
    if (b == 0 and opcode in ("add", "sub", "or", "xor")) or (b == 1 and opcode == "mul"):
        return left
    if (a == 0 and opcode == "add") or (a == 1 and opcode == "mul"):
        return right
    if opcode == "mul" and (a == 0 or b == 0):
        return left.emitter.literal(0, left.type)
    return None


# -------------------------------------------------------------------------------- formulas: what math functions use


def fma(a: Value, b: Operand, c: Operand) -> Value:
    """a · b + c, rounded once."""
    return a.emitter.intrinsic("fma", (a, b, c), a.type)


def select(condition: Value, then: Operand, other: Operand) -> Value:
    return condition.emitter.select(condition, then, other)


def absolute(x: Value) -> Value:
    return x.emitter.intrinsic("fabs", (x,), x.type)


def square_root(x: Value) -> Value:
    return x.emitter.intrinsic("sqrt", (x,), x.type)


def copysign(magnitude: Operand, sign: Value) -> Value:
    magnitude = magnitude if isinstance(magnitude, Value) else sign.emitter.literal(magnitude, sign.type)
    return sign.emitter.intrinsic("copysign", (magnitude, sign), sign.type)


def bits(x: Value) -> Value:
    """A float's bits as an integer."""
    return x.emitter.convert("bitcast", x, f"i{x.type.bits}")


def from_bits(x: Value) -> Value:
    """The float (binary32 or binary64) of these bits."""
    return x.emitter.convert("bitcast", x, {16: "half", 32: "float", 64: "double"}[x.type.bits])


def convert(opcode: str, x: Value, element: str) -> Value:
    return x.emitter.convert(opcode, x, element)


def polynomial(x: Value, coefficients: Iterable[float]) -> Value:
    """Σ cₖ xᵏ by Horner's rule, one fused multiply-add a step; coefficients from the constant term up."""
    *rest, last = coefficients
    result = x.emitter.literal(last, x.type)
    for coefficient in reversed(rest):
        result = fma(x, result, coefficient) if result.literal is None else fma(x, last, coefficient)
    return result
