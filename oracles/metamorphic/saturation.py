"""Terms that equal a term: equality saturation over exact identities of integers, truth values, signs and layouts.

Every rule is an identity to the bit, for operands of one type and one shape, but for the sign of zeros and what
overflows: whoever uses it has to keep zeros out of floats and magnitudes inside the type. Nothing re-associates sums or
products of floats. Saturation is that of Tate et al. (POPL 2009) as egglog implements it (Zhang et al., PLDI 2023).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

#: Rounds of all rules: three reach what takes distributing, moving and folding in a row; each multiplies the terms.
ROUNDS = 3
#: Terms that are taken out to choose from.
CHOICES = 60

BINARY = ("Add", "Sub", "Mul", "Max", "Min", "And", "Or", "Xor")
UNARY = ("Neg", "Abs", "Not", "Twice")
#: Kinds of elements: floats, signed integers, unsigned ones, truth values.
KINDS = {"f": "floats", "s": "signed integers", "u": "unsigned integers", "b": "truth values"}


@dataclass(frozen=True)
class Term:
    """``head`` applied to ``operands``; ``places`` are the dimensions of Turn and Flip, and the number of a Leaf."""

    head: str
    kind: str = ""
    operands: tuple[Term, ...] = ()
    places: tuple[int, ...] = ()

    def text(self) -> str:
        """As egglog writes it."""
        words = [f'"{self.kind}"'] if self.kind else []
        words += [str(item) for item in self.places] + [item.text() for item in self.operands]
        return f"({' '.join([self.head, *words])})"

    def size(self) -> int:
        """How many calls it takes."""
        return (self.head != "Leaf") + sum(item.size() for item in self.operands)


def _rules() -> Iterator[str]:
    for head in ("Add", "Mul", "Max", "Min", "And", "Or", "Xor"):
        yield f"(rewrite ({head} k a b) ({head} k b a))"
    for head, kinds in (("Add", "su"), ("Mul", "su"), ("Max", "fsu"), ("Min", "fsu"), ("And", "sub"), ("Or", "sub"),
                        ("Xor", "sub")):  # fmt: skip
        for kind in kinds:
            left, right = f'({head} "{kind}" ({head} "{kind}" a b) c)', f'({head} "{kind}" a ({head} "{kind}" b c))'
            yield f"(birewrite {left} {right})"
    for kind in "su":
        yield f'(birewrite (Mul "{kind}" a (Add "{kind}" b c)) (Add "{kind}" (Mul "{kind}" a b) (Mul "{kind}" a c)))'
        yield f'(birewrite (Neg "{kind}" (Add "{kind}" a b)) (Add "{kind}" (Neg "{kind}" a) (Neg "{kind}" b)))'
    for kind in "fsu":
        yield f'(birewrite (Sub "{kind}" a b) (Add "{kind}" a (Neg "{kind}" b)))'
        yield f'(rewrite (Neg "{kind}" (Neg "{kind}" a)) a)'
        yield f'(birewrite (Mul "{kind}" (Neg "{kind}" a) b) (Neg "{kind}" (Mul "{kind}" a b)))'
        yield f'(birewrite (Add "{kind}" a a) (Twice "{kind}" a))'
        yield f'(birewrite (Twice "{kind}" (Add "{kind}" a b)) (Add "{kind}" (Twice "{kind}" a) (Twice "{kind}" b)))'
        yield f'(birewrite (Mul "{kind}" (Twice "{kind}" a) b) (Twice "{kind}" (Mul "{kind}" a b)))'
        yield f'(birewrite (Neg "{kind}" (Twice "{kind}" a)) (Twice "{kind}" (Neg "{kind}" a)))'
    for kind in "fs":
        # the negative of the largest is the smallest of the negatives; unsigned ones wrap there
        yield f'(birewrite (Neg "{kind}" (Max "{kind}" a b)) (Min "{kind}" (Neg "{kind}" a) (Neg "{kind}" b)))'
        yield f'(birewrite (Neg "{kind}" (Min "{kind}" a b)) (Max "{kind}" (Neg "{kind}" a) (Neg "{kind}" b)))'
        yield f'(rewrite (Abs "{kind}" (Neg "{kind}" a)) (Abs "{kind}" a))'
        yield f'(birewrite (Abs "{kind}" (Twice "{kind}" a)) (Twice "{kind}" (Abs "{kind}" a)))'
    for kind in "sub":
        for one, other in (("And", "Or"), ("Or", "And")):
            inner = f'({other} "{kind}" a b)'
            yield f'(rewrite ({one} "{kind}" a {inner}) a)'
            yield (
                f'(birewrite ({one} "{kind}" a ({other} "{kind}" b c)) '
                f'({other} "{kind}" ({one} "{kind}" a b) ({one} "{kind}" a c)))'
            )
            yield f'(birewrite (Not "{kind}" {inner}) ({one} "{kind}" (Not "{kind}" a) (Not "{kind}" b)))'
        yield f'(rewrite (Not "{kind}" (Not "{kind}" a)) a)'
    for head in ("Max", "Min", "And", "Or"):
        yield f"(rewrite ({head} k a a) a)"
    for move in ("Turn i j", "Flip i"):
        for head in BINARY:
            yield f"(birewrite ({move} ({head} k a b)) ({head} k ({move} a) ({move} b)))"
        for head in UNARY:
            yield f"(birewrite ({move} ({head} k a)) ({head} k ({move} a)))"
        yield f"(rewrite ({move} ({move} a)) a)"
    yield "(birewrite (Turn i j (Flip i a)) (Flip j (Turn i j a)))"
    yield "(birewrite (Turn i j (Flip j a)) (Flip i (Turn i j a)))"
    yield "(rewrite (Turn i j (Flip d a)) (Flip d (Turn i j a)) :when ((!= d i) (!= d j)))"


def _language(random: Random) -> str:
    """The terms, with costs that differ from draw to draw, so that other terms are the cheapest."""

    def cost() -> int:
        return random.randrange(1, 9)

    lines = ["(sort E)", "(constructor Leaf (i64) E)"]
    lines += [f"(constructor {head} (String E E) E :cost {cost()})" for head in BINARY]
    lines += [f"(constructor {head} (String E) E :cost {cost()})" for head in UNARY]
    lines += [f"(constructor Turn (i64 i64 E) E :cost {cost()})", f"(constructor Flip (i64 E) E :cost {cost()})"]
    return "\n".join([*lines, *_rules()])


def missing() -> str | None:
    """Why terms cannot be saturated here, or None."""
    return None if importlib.util.find_spec("egglog") else "egglog is not installed (pip install misfold[saturation])"


def equal_terms(term: Term, expanded: Mapping[Term, Term], random: Random) -> list[Term]:
    """Terms that equal a term, itself left out.

    Args:
        expanded: further equalities between terms that the rules do not make by themselves, such as x = -(-x).
        random: decides which terms count as cheap.
    """
    from egglog.bindings import EGraph

    graph = EGraph()
    text = [_language(random), f"(let $root {term.text()})"]
    text += [f"(union {left.text()} {right.text()})" for left, right in expanded.items()]
    text += [f"(run {ROUNDS})", f"(extract $root {CHOICES})"]
    results = graph.run_program(*graph.parse_program("\n".join(text)))
    found = [_parsed(line) for line in str(results[-1]).strip().strip("()").splitlines() if line.strip()]
    return [item for item in dict.fromkeys(found) if item != term]


_WORDS = re.compile(r'[()]|"[a-z]"|[A-Za-z]+|-?\d+')


def _parsed(text: str) -> Term:
    words = _WORDS.findall(text)
    place = 0

    def one() -> Term:
        nonlocal place
        head = words[place + 1]
        place += 2
        kind, places, operands = "", [], []
        while words[place] != ")":
            word = words[place]
            if word == "(":
                operands.append(one())
                continue
            if word.startswith('"'):
                kind = word.strip('"')
            else:
                places.append(int(word))
            place += 1
        place += 1
        return Term(head, kind, tuple(operands), tuple(places))

    return one()
