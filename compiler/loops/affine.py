"""Affine forms: sums of variables times constants, plus a constant; and the iteration domains of loops.

A form is equal to its expression modulo 2⁶⁴, as index arithmetic is. Whoever needs them equal as integers has to bound
the form first (``constraints.System`` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from misfold.compiler.dtypes import INDEX

from .ir import Binary, Const, Expr, For, Let, Unary, Var, index

#: Coefficients beyond this make a form useless; the limit keeps arithmetic on forms clear of 64 bits.
LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Affine:
    """``Σ coefficient · variable + constant``. ``terms`` are sorted by variable; no coefficient is 0."""

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    @staticmethod
    def variable(name: str) -> Affine:
        return Affine(((name, 1),))

    def coefficient(self, name: str) -> int:
        for variable, coefficient in self.terms:
            if variable == name:
                return coefficient
        return 0

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other)
        if not other.terms:
            return Affine(self.terms, self.constant + other.constant)
        if not self.terms:
            return Affine(other.terms, self.constant + other.constant)
        total = dict(self.terms)
        for name, coefficient in other.terms:
            total[name] = total.get(name, 0) + coefficient
        return Affine(tuple(sorted(term for term in total.items() if term[1])), self.constant + other.constant)

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Affine | int) -> Affine:
        return self + (-other)

    def __mul__(self, factor: int) -> Affine:
        if factor == 0:
            return Affine()
        return Affine(tuple([(name, c * factor) for name, c in self.terms]), self.constant * factor)

    def replaced(self, values: Mapping[str, Affine]) -> Affine:
        """With variables replaced by forms."""
        result = Affine((), self.constant)
        for name, coefficient in self.terms:
            result = result + values.get(name, Affine(((name, 1),))) * coefficient
        return result

    def without(self, name: str) -> Affine:
        """The rest of the form, the term of one variable left out."""
        return Affine(tuple([term for term in self.terms if term[0] != name]), self.constant)

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple([name for name, _ in self.terms])

    def expression(self) -> Expr:
        """The form as an expression."""
        result: Expr | None = None
        for name, coefficient in self.terms:
            if result is not None and coefficient < 0:
                term = Var(name) if coefficient == -1 else Binary("mul", Var(name), index(-coefficient))
                result = Binary("sub", result, term)
                continue
            term = Var(name) if coefficient == 1 else Binary("mul", Var(name), index(coefficient))
            result = term if result is None else Binary("add", result, term)
        if result is None:
            return index(self.constant)
        if self.constant < 0:
            return Binary("sub", result, index(-self.constant))
        return Binary("add", result, index(self.constant)) if self.constant else result


@dataclass(frozen=True, slots=True)
class Quotient:
    """A variable ``name`` that stands for ``dividend // divisor`` (rounded down; the divisor is positive)."""

    name: str
    dividend: Affine
    divisor: int


@dataclass(slots=True)
class Forms:
    """What is known of variables while walking down a function.

    ``lets`` holds forms of ``let`` variables, None for those that have none. A variable that is in neither ``lets``
    nor a loop of interest stands for itself: it has one value wherever both of two accesses see it.
    """

    lets: dict[str, Affine | None]
    #: Quotients met so far, by the name of their variable.
    quotients: dict[str, Quotient]

    @staticmethod
    def new() -> Forms:
        return Forms({}, {})

    def bind(self, let: Let) -> None:
        """Note a ``let``."""
        self.lets[let.var.name] = self.of(let.value) if let.var.dtype == INDEX else None

    def of(self, expression: Expr) -> Affine | None:
        """The form of an expression of type INDEX; None where it has none.

        ``x // c`` and ``x % c`` for a positive constant c have one in terms of a quotient.
        """
        if isinstance(expression, Var) and expression.dtype == INDEX:
            name = expression.name
            return self.lets[name] if name in self.lets else Affine(((name, 1),))
        match expression:
            case Const(value, dtype) if dtype == INDEX:
                return _limited(Affine((), int(value)))
            case Unary("neg", operand):
                inner = self.of(operand)
                return None if inner is None else -inner
            case Binary("add" | "sub" as op, left, right):
                a, b = self.of(left), self.of(right)
                if a is None or b is None:
                    return None
                return _limited(a + b if op == "add" else a - b)
            case Binary("mul", left, right):
                a, b = self.of(left), self.of(right)
                if a is None or b is None or (a.terms and b.terms):
                    return None
                return _limited(a * b.constant if a.terms else b * a.constant)
            case Binary("shl", left, Const(amount, _)):
                a = self.of(left)
                return _limited(a * (1 << int(amount))) if a is not None and 0 <= amount < 40 else None
            case Binary("floordiv" | "floormod" as op, left, Const(divisor, _)) if 0 < divisor < LARGEST:
                a = self.of(left)
                return None if a is None else self._divided(op, a, int(divisor))
        return None

    def _divided(self, op: str, dividend: Affine, divisor: int) -> Affine | None:
        if dividend.is_constant:
            whole, rest = divmod(dividend.constant, divisor)
            return Affine((), whole if op == "floordiv" else rest)
        written = "+".join([f"{c}{v}" for v, c in dividend.terms])
        name = f"({written}+{dividend.constant})//{divisor}"  # cannot be the name of a variable
        self.quotients[name] = Quotient(name, dividend, divisor)
        quotient = Affine(((name, 1),))
        return quotient if op == "floordiv" else dividend - quotient * divisor


def _limited(form: Affine) -> Affine | None:
    if abs(form.constant) > LARGEST or any(abs(coefficient) > LARGEST for _, coefficient in form.terms):
        return None
    return form


def affine(expression: Expr) -> Affine | None:
    """The affine form of an expression, its variables taken for themselves and no division; None if it has none."""
    forms = Forms.new()
    result = forms.of(expression)
    return None if forms.quotients else result


@dataclass(frozen=True, slots=True)
class Domain:
    """The values of a loop's variable: ``lower <= variable < upper`` for each bound, congruent to ``base``.

    Bounds that have no affine form are left out: the domain is then too large, never too small.
    """

    name: str
    lower: tuple[Affine, ...]
    upper: tuple[Affine, ...]
    step: int
    #: The start, if it has a form: values differ from it by multiples of ``step``.
    base: Affine | None

    @property
    def width(self) -> int | None:
        """``variable`` is one of at most this many consecutive integers from the start; None: unknown."""
        widths = [
            (high - low).constant for low in self.lower for high in self.upper if (high - low).is_constant
        ]  # a loop with several lower bounds starts at the largest
        return max(0, min(widths)) if widths else None


def domain(loop: For, forms: Forms) -> Domain:
    """The iteration domain of a loop. ``max`` of starts and ``min`` of stops are conjunctions of bounds."""
    lower, upper = _bounds("max", loop.start, forms), _bounds("min", loop.stop, forms)
    # a maximum has no form
    base = lower[0] if lower and not _is(loop.start, "max") else None
    return Domain(loop.var.name, lower, upper, loop.step, base)


def _bounds(op: str, bound: Expr, forms: Forms) -> tuple[Affine, ...]:
    if not _is(bound, op):
        form = forms.of(bound)
        return () if form is None else (form,)
    return tuple([form for form in (forms.of(part) for part in parts(op, bound)) if form is not None])


def _is(expression: Expr, op: str) -> bool:
    return isinstance(expression, Binary) and expression.op == op


def parts(op: str, bound: Expr) -> Iterable[Expr]:
    """The operands of nested ``min``s or ``max``es: (max, max(max(a, b), c)) gives a, b, c."""
    if isinstance(bound, Binary) and bound.op == op:
        yield from parts(op, bound.left)
        yield from parts(op, bound.right)
    else:
        yield bound
