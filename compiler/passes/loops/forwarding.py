"""Stored values are used where they would be loaded again."""

from __future__ import annotations

from dataclasses import dataclass, field

from misfold.compiler.loops.ir import (
    Buffer,
    Const,
    Expr,
    For,
    If,
    Let,
    Load,
    Reduce,
    Statement,
    Store,
    Var,
)
from misfold.compiler.loops.ranges import has_load, plain_form
from misfold.compiler.loops.visit import Block, Names, map_expressions, rewrite, statements, with_body

#: An index as terms and constant of its linear form.
Form = tuple[frozenset[tuple[Expr, int]], int]


@dataclass(slots=True, eq=False)
class _Stored:
    """A store that has been passed; ``var`` is bound to its value as soon as a load wants it."""

    store: Store
    forms: tuple[Form, ...]
    var: Var | None = None


@dataclass(slots=True)
class _Known:
    """What the elements of buffers hold, by the buffer's name."""

    stored: dict[str, list[_Stored]] = field(default_factory=dict)

    def copy(self) -> _Known:
        return _Known({name: list(some) for name, some in self.stored.items()})

    def forget_written(self, blocks: tuple[Block, ...]) -> None:
        """What may have been overwritten by any of the writes in blocks, whenever and however often they run."""
        if not self.stored:
            return
        for block in blocks:
            for statement in statements(block):
                if isinstance(statement, Store | Reduce) and self.stored.get(statement.buffer.name):
                    self.forget_element(statement.buffer, _forms(statement.indices))

    def forget_element(self, buffer: Buffer, forms: tuple[Form, ...]) -> None:
        """What may have been overwritten by a write to one element."""
        some = self.stored.get(buffer.name)
        if some:
            self.stored[buffer.name] = [one for one in some if _differ(one.forms, forms)]

    def find(self, load: Load) -> _Stored | None:
        for one in reversed(self.stored.get(load.buffer.name, ())):
            if one.store.indices == load.indices:
                return one
        return None


def _differ(some: tuple[Form, ...], others: tuple[Form, ...]) -> bool:
    """Whether two elements are surely not the same: in some dimension, indices differ by a constant."""
    return any(
        terms == other_terms and constant != other and abs(constant - other) < 1 << 63
        for (terms, constant), (other_terms, other) in zip(some, others)
    )


def forward(block: Block, names: Names) -> Block:
    """The block with loads replaced by what has been stored before, in this block or one around, with no write in
    between that might change it; the same object if there are none."""
    forwarder = _Forwarder(names)
    result = forwarder.block(block, _Known())
    return result if forwarder.changed else block


class _Forwarder:
    def __init__(self, names: Names):
        self.names = names
        self.changed = False

    def block(self, block: Block, known: _Known) -> Block:
        result: list[Statement | _Stored] = []
        for statement in block:
            if known.stored:
                statement = map_expressions(statement, lambda e: rewrite(e, lambda node: self._value(node, known)))
            match statement:
                case Store(buffer, indices, _):
                    forms = _forms(indices)
                    known.forget_element(buffer, forms)
                    if any(has_load(one) for one in indices):  # what the indices load may change
                        result.append(statement)
                    else:
                        passed = _Stored(statement, forms)
                        known.stored.setdefault(buffer.name, []).append(passed)
                        result.append(passed)
                case Reduce(_, buffer, indices, _):
                    known.forget_element(buffer, _forms(indices))
                    result.append(statement)
                case For(_, _, _, body):
                    known.forget_written((body,))  # in the body too: an earlier iteration may have run
                    result.append(with_body(statement, self.block(body, known.copy())))
                case If(condition, then, other):
                    new = If(condition, self.block(then, known.copy()), self.block(other, known.copy()))
                    known.forget_written((then, other))
                    result.append(new)
                case _:
                    result.append(statement)
        return self._written_out(result)

    def _value(self, node: Expr, known: _Known) -> Expr:
        if not isinstance(node, Load):
            return node
        found = known.find(node)
        if found is None:
            return node
        self.changed = True
        if isinstance(found.store.value, Const | Var):
            return found.store.value
        if found.var is None:
            found.var = Var(self.names.fresh(f"{node.buffer.name}_value"), node.dtype)
        return found.var

    @staticmethod
    def _written_out(statements: list[Statement | _Stored]) -> Block:
        result: list[Statement] = []
        for statement in statements:
            if not isinstance(statement, _Stored):
                result.append(statement)
            elif statement.var is None:
                result.append(statement.store)
            else:
                store = statement.store
                result += (Let(statement.var, store.value), Store(store.buffer, store.indices, statement.var))
        return tuple(result)


def _forms(indices: tuple[Expr, ...]) -> tuple[Form, ...]:
    linear = [plain_form(one) for one in indices]
    return tuple([(frozenset(form.terms.items()), form.constant) for form in linear])
