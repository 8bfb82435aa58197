"""What integer expressions can be: intervals, and linear forms whose parts cancel.

``Ranges`` holds what is known at one place of a function: bounds of loop and ``let`` variables, and the conditions of
the ``If``s around. Integers of the loop IR wrap around, and that is never overlooked: an expression of an n-bit type
is congruent to its linear form modulo 2ⁿ, whatever wraps on the way; so where the form's interval fits into the type,
the expression *is* the form, and where it does not, nothing is known but the type. Intervals as facts about programs:
P. and R. Cousot, *Abstract Interpretation*, POPL 1977, section 9.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd

from misfold.compiler.dtypes import INDEX, DType

from .intervals import OPERATORS, Interval, full, scaled
from .ir import Binary, Cast, Const, Expr, For, Select, Unary, Var
from .operators import BINARY
from .visit import loads


@dataclass(slots=True)
class Linear:
    """``Σ coefficient · atom + constant`` over the mathematical integers; no coefficient is 0."""

    constant: int = 0
    terms: dict[Expr, int] = field(default_factory=dict)

    def plus(self, other: Linear, factor: int = 1) -> Linear:
        """``self + factor · other``."""
        terms = dict(self.terms)
        for atom, coefficient in other.terms.items():
            total = terms.get(atom, 0) + factor * coefficient
            if total:
                terms[atom] = total
            else:
                terms.pop(atom, None)
        return Linear(self.constant + factor * other.constant, terms)

    def times(self, factor: int) -> Linear:
        return Linear().plus(self, factor) if factor else Linear()

    def split(self, divisor: int) -> tuple[Linear, Linear]:
        """``quotient, rest`` with ``divisor · quotient + rest == self``: what the divisor divides, and what it does
        not; the constant is part of the rest."""
        whole = {atom: c // divisor for atom, c in self.terms.items() if c % divisor == 0}
        return Linear(0, whole), Linear(self.constant, {a: c for a, c in self.terms.items() if a not in whole})


_BIT = Interval(0, 1)
_COMPARISONS = frozenset(name for name, operator in BINARY.items() if operator.compares)
_NEGATED = {"lt": "ge", "ge": "lt", "le": "gt", "gt": "le", "eq": "ne", "ne": "eq"}
# Divisions that round as floordiv does where dividend and divisor are not negative; the second only asks the divisor.
_DIVISIONS = {"floordiv": "div", "eucliddiv": "div", "truncdiv": "div"}
_REMAINDERS = {"floormod": "mod", "euclidmod": "mod", "truncmod": "mod"}


def has_load(expression: Expr) -> bool:
    return bool(loads(expression))


# What ``plain_form`` has answered, by the identity of the expression, which is kept with it.
_plain: dict[int, tuple[Expr, Linear]] = {}
_MOST_PLAIN = 1 << 12


def plain_form(expression: Expr) -> Linear:
    """``Ranges.linear`` where nothing is known of variables: the same wherever the expression stands."""
    known = _plain.get(id(expression))
    if known is not None and known[0] is expression:
        return known[1]
    form = Ranges().linear(expression)
    if len(_plain) >= _MOST_PLAIN:
        _plain.clear()
    _plain[id(expression)] = expression, form
    return form


class Ranges:
    """What is known at one place. ``bind`` adds to it; ``inside`` and ``assuming`` give what holds further in."""

    __slots__ = ("_atoms", "_bounds", "_definitions", "_facts", "_forms", "_known")

    def __init__(self, outer: Ranges | None = None):
        #: Intervals of variables; linear forms that ``let`` variables equal; conditions that hold or do not; intervals
        #: of linear forms without their constants (each form stands there with both signs).
        self._bounds: dict[str, Interval] = dict(outer._bounds) if outer else {}
        self._definitions: dict[str, Linear | Expr] = dict(outer._definitions) if outer else {}
        self._known: dict[Expr, bool] = dict(outer._known) if outer else {}
        self._facts: dict[frozenset[tuple[Expr, int]], Interval] = dict(outer._facts) if outer else {}
        #: Answers given, by the identity of the expression, which is kept with them: without these, every division
        #: and min would ask twice for its operand.
        self._forms: dict[tuple[int, bool], tuple[Expr, Linear]] = {}
        self._atoms: dict[int, tuple[Expr, Interval]] = {}

    # ------------------------------------------------------------------------------------------------ what is known

    def bind(self, var: Var, value: Expr) -> None:
        """``let var = value``."""
        if var.dtype.is_float:
            return
        if var.dtype.is_bool:
            truth = self.truth(value)
            if truth is not None:
                self._bounds[var.name] = Interval(truth, truth)
            elif not has_load(value):
                self._definitions[var.name] = value
            return
        form = self.value(value)
        self._bounds[var.name] = self.bounds(form)
        if not any(has_load(atom) for atom in form.terms):
            self._definitions[var.name] = form

    def inside(self, loop: For) -> Ranges:
        """In the body of a loop."""
        inner = Ranges(self)
        first, last = self.interval(loop.start), self.interval(loop.stop)
        high = last.high - 1
        if loop.step > 1 and first.single is not None and high >= first.low:
            high -= (high - first.low) % loop.step
        inner._bounds[loop.var.name] = Interval(first.low, max(first.low, high))
        for bound in _parts(loop.stop, "min"):
            if not isinstance(bound, Const):
                inner._assume(Binary("lt", loop.var, bound), True)
        for bound in _parts(loop.start, "max"):
            if not isinstance(bound, Const):
                inner._assume(Binary("ge", loop.var, bound), True)
        return inner

    def assuming(self, condition: Expr, truth: bool = True) -> Ranges:
        """Where a condition is known to be true or false."""
        inner = Ranges(self)
        inner._assume(condition, truth)
        return inner

    def _assume(self, condition: Expr, truth: bool) -> None:
        self._forms.clear()
        self._atoms.clear()
        self._learn_condition(condition, truth)
        self._forms.clear()
        self._atoms.clear()

    def _learn_condition(self, condition: Expr, truth: bool) -> None:
        match condition:
            case Var(name, _):
                self._bounds[name] = Interval(truth, truth)
                definition = self._definitions.get(name)
                if definition is not None and not isinstance(definition, Linear):
                    self._assume(definition, truth)
                return
            case Unary("not", operand):
                return self._assume(operand, not truth)
            case Binary("and" | "or" as op, left, right) if (op == "and") == truth:
                self._assume(left, truth)
                self._assume(right, truth)
                return
            case Binary(op, left, right) if op in _COMPARISONS and left.dtype.is_integer:
                self._assume_order(op if truth else _NEGATED[op], left, right)
        if not has_load(condition):
            self._known[condition] = truth

    def _assume_order(self, op: str, left: Expr, right: Expr) -> None:
        difference = self.value(left).plus(self.value(right), -1)
        match op:
            case "lt" | "le":
                self._at_most_zero(difference, op == "lt")
            case "gt" | "ge":
                self._at_most_zero(difference.times(-1), op == "gt")
            case "eq":
                self._at_most_zero(difference, False)
                self._at_most_zero(difference.times(-1), False)
            case "ne":
                bounds = self.bounds(difference)
                if bounds.high == 0:
                    self._at_most_zero(difference, True)
                elif bounds.low == 0:
                    self._at_most_zero(difference.times(-1), True)

    def _at_most_zero(self, form: Linear, strict: bool) -> None:
        """``form <= 0`` (or ``< 0``). Loads may read something else later, so nothing is kept of them."""
        if not form.terms or any(has_load(atom) for atom in form.terms):
            return
        limit = -form.constant - strict
        divisor = gcd(*form.terms.values())
        self._learn({atom: c // divisor for atom, c in form.terms.items()}, limit // divisor)
        if len(form.terms) > 1:
            lows = {a: scaled(self._atom(a), c).low for a, c in form.terms.items()}
            total = sum(lows.values())
            for atom, coefficient in form.terms.items():
                room = limit - (total - lows[atom])  # coefficient · atom <= room
                if coefficient > 0:
                    self._learn({atom: 1}, room // coefficient)
                else:
                    self._learn({atom: -1}, room // -coefficient)

    def _learn(self, terms: dict[Expr, int], limit: int) -> None:
        old = self._sum(terms)
        if limit >= old.high:
            return
        new = old.meet(Interval(min(old.low, limit), limit))
        if len(terms) == 1:
            ((atom, sign),) = terms.items()
            if isinstance(atom, Var):
                self._bounds[atom.name] = new if sign > 0 else scaled(new, -1)
                return
        self._facts[frozenset(terms.items())] = new
        self._facts[frozenset([(atom, -c) for atom, c in terms.items()])] = scaled(new, -1)

    # ------------------------------------------------------------------------------------------------ what follows

    def interval(self, expression: Expr) -> Interval:
        """All values that an integer or bool expression can have. Floats have none (``TypeError``)."""
        if isinstance(expression, Const) and not expression.dtype.is_float:
            return Interval(int(expression.value), int(expression.value))
        if expression.dtype.is_float:
            raise TypeError("floats have no interval")
        if expression.dtype.is_bool:
            truth = self.truth(expression)
            return _BIT if truth is None else Interval(truth, truth)
        return self.bounds(self.value(expression))

    def truth(self, condition: Expr) -> bool | None:
        """Whether a bool expression is always true or always false; None: not known."""
        match condition:
            case Const(value, _):
                return bool(value)
            case Unary("not", operand):
                truth = self.truth(operand)
                return None if truth is None else not truth
            case Binary(op, left, right) if op in _COMPARISONS and not left.dtype.is_float:
                truth = self._compare(op, left, right)
                if truth is not None:
                    return truth
            case Binary("and" | "or" as op, left, right):
                decides = op == "or"  # the value of one side that decides
                a, b = self.truth(left), self.truth(right)
                if a is decides or b is decides:
                    return decides
                if a is not None and b is not None:
                    return not decides
            case Binary("xor", left, right):
                a, b = self.truth(left), self.truth(right)
                if a is not None and b is not None:
                    return a is not b
            case Select(choice, then, other):
                chosen = self.truth(choice)
                if chosen is not None:
                    return self.truth(then if chosen else other)
                a, b = self.truth(then), self.truth(other)
                if a is b and a is not None:
                    return a
            case Cast(_, operand) if not operand.dtype.is_float:
                bounds = self.interval(operand)
                if not bounds.low <= 0 <= bounds.high:
                    return True
                if bounds.single == 0:
                    return False
            case Var(name, _):
                known = self._bounds.get(name, _BIT).single
                if known is not None:
                    return bool(known)
                definition = self._definitions.get(name)
                return self.truth(definition) if definition is not None and not isinstance(definition, Linear) else None
        return self._known.get(condition) if self._known else None

    def _compare(self, op: str, left: Expr, right: Expr) -> bool | None:
        if isinstance(left, Const) and isinstance(right, Const):
            low = high = int(left.value) - int(right.value)
        elif left.dtype.is_bool:
            a, b = self.interval(left), self.interval(right)
            low, high = a.low - b.high, a.high - b.low
        else:
            difference = self.bounds(self.value(left).plus(self.value(right), -1))
            low, high = difference.low, difference.high
        if op in ("gt", "ge", "ne"):
            opposite = self._decide(_NEGATED[op], low, high)
            return None if opposite is None else not opposite
        return self._decide(op, low, high)

    @staticmethod
    def _decide(op: str, low: int, high: int) -> bool | None:
        """Whether ``x op 0`` for all x from low to high."""
        if op == "eq":
            return True if low == high == 0 else False if low > 0 or high < 0 else None
        limit = -1 if op == "lt" else 0
        return True if high <= limit else False if low > limit else None

    def bounds(self, form: Linear) -> Interval:
        """The interval of a linear form."""
        if not form.terms:
            return Interval(form.constant, form.constant)
        bounds = self._sum(form.terms)
        return Interval(bounds.low + form.constant, bounds.high + form.constant)

    def _sum(self, terms: dict[Expr, int]) -> Interval:
        low = high = 0
        for atom, coefficient in terms.items():
            part = scaled(self._atom(atom), coefficient)
            low, high = low + part.low, high + part.high
        bounds = Interval(low, high)
        if self._facts and len(terms) > 1:
            divisor = gcd(*terms.values())
            known = self._facts.get(frozenset([(atom, c // divisor) for atom, c in terms.items()]))
            if known is not None:
                bounds = bounds.meet(scaled(known, divisor))
        return bounds

    def value(self, expression: Expr) -> Linear:
        """The linear form that an expression equals as a mathematical integer, variables of ``let`` opened."""
        form = self.linear(expression, opened=True)
        if isinstance(expression, Const | Var):
            return form
        if self.bounds(form).within(full(expression.dtype)):
            return form
        return Linear(0, {expression: 1})

    def exact(self, form: Linear, dtype: DType) -> bool:
        """Whether a linear form's value always lies within a type."""
        return self.bounds(form).within(full(dtype))

    def linear(self, expression: Expr, opened: bool = False) -> Linear:
        """A linear form that an integer expression of n bits is congruent to modulo 2ⁿ. ``opened``: variables of
        ``let`` are replaced by what they stand for."""
        if isinstance(expression, Const):
            return Linear(int(expression.value))
        if isinstance(expression, Var):
            definition = self._definitions.get(expression.name) if opened else None
            return definition if isinstance(definition, Linear) else Linear(0, {expression: 1})
        key = id(expression), opened
        if key not in self._forms:
            self._forms[key] = expression, self._linear(expression, opened)
        return self._forms[key][1]

    def _linear(self, expression: Expr, opened: bool) -> Linear:
        match expression:
            case Unary("neg", operand):
                return self.linear(operand, opened).times(-1)
            case Unary("not", operand):  # ~x == -x - 1
                return Linear(-1).plus(self.linear(operand, opened), -1)
            case Binary("add", left, right):
                return self.linear(left, opened).plus(self.linear(right, opened))
            case Binary("sub", left, right):
                return self.linear(left, opened).plus(self.linear(right, opened), -1)
            case Binary("mul", left, right):
                a, b = self.linear(left, opened), self.linear(right, opened)
                if not b.terms:
                    return a.times(b.constant)
                if not a.terms:
                    return b.times(a.constant)
            case Binary("min" | "max" as op, left, right):
                first = self._compare("le" if op == "min" else "ge", left, right)
                if first is not None:
                    return self.linear(left if first else right, opened)
            case Binary("shl", left, Const(value, dtype)) if 0 <= value < dtype.bits:
                return self.linear(left, opened).times(1 << int(value))
            case Binary(op, left, Const(value, dtype)):
                divided = self._divided(op, left, int(value), dtype, opened)
                if divided is not None:
                    return divided
            case Cast(dtype, operand) if operand.dtype.is_integer:
                form = self.linear(operand, opened)
                if dtype.bits <= operand.dtype.bits or self.exact(form, operand.dtype):
                    return form
            case Select(condition, then, other):
                truth = self.truth(condition)
                if truth is not None:
                    return self.linear(then if truth else other, opened)
        return Linear(0, {expression: 1})

    def _divided(self, op: str, left: Expr, divisor: int, dtype: DType, opened: bool) -> Linear | None:
        """Quotient or remainder by a constant, where what the divisor divides leaves a rest that never crosses a
        multiple of it: (4·i + j) // 4 == i for 0 <= j < 4."""
        if op == "shr" and 0 <= divisor < dtype.bits:
            kind, divisor = "div", 1 << divisor
        elif op == "and" and divisor > 0 and divisor & (divisor + 1) == 0:
            kind, divisor = "mod", divisor + 1
        else:
            kind = _DIVISIONS.get(op) or _REMAINDERS.get(op) or ""
        if not kind or divisor <= 0:
            return None
        form = self.linear(left, opened)
        bounds = self.bounds(form)
        if not bounds.within(full(dtype)) or (op.startswith("trunc") and bounds.low < 0):
            return None
        quotient, rest = form.split(divisor)
        low, high = self.bounds(rest).low // divisor, self.bounds(rest).high // divisor
        if low != high:
            return None
        return Linear(low).plus(quotient) if kind == "div" else Linear(-low * divisor).plus(rest)

    def _atom(self, atom: Expr) -> Interval:
        """The interval of an expression that is no sum: from its operands, and from what is known of it."""
        if isinstance(atom, Var):
            return self._bounds.get(atom.name) or full(atom.dtype)
        if id(atom) in self._atoms:
            return self._atoms[id(atom)][1]
        whole = full(atom.dtype)
        bounds = self._structure(atom)
        bounds = whole if bounds is None or not bounds.within(whole) else bounds
        known = self._facts.get(frozenset([(atom, 1)])) if self._facts else None
        if known is not None:
            bounds = bounds.meet(known)
        self._atoms[id(atom)] = atom, bounds
        return bounds

    def _structure(self, atom: Expr) -> Interval | None:
        match atom:
            case Unary("abs", operand):
                x = self.interval(operand)
                low = max(x.low, -x.high, 0)
                return Interval(low, max(-x.low, x.high))
            case Binary(op, left, right) if op in OPERATORS:
                return OPERATORS[op](self.interval(left), self.interval(right))
            case Select(_, then, other):
                return self.interval(then).join(self.interval(other))
            case Cast(_, operand) if not operand.dtype.is_float:
                return self.interval(operand)
        return None


def _parts(expression: Expr, op: str) -> list[Expr]:
    """The operands of nested ``min`` or ``max``."""
    if isinstance(expression, Binary) and expression.op == op and expression.dtype == INDEX:
        return _parts(expression.left, op) + _parts(expression.right, op)
    return [expression]
