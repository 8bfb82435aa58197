"""Patterns of a sentence in normal form: runs of up to four tokens, pairs with a gap, and short ones as a whole.

A pattern is text that a person can read: ``type: DTYPE or STRUCT`` is a run in a documented type, ``text: whether …
to`` a pair with up to four tokens between, ``text: ^ the number`` a run at a sentence's beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

from .normal import Sentence

LONGEST = 4
# A gap joins what an adjective or two stand between ("number of output channels"), not whole clauses.
GAP = 4
# Documented types are taken whole up to this length, with their ends; rules are not to hold whole sentences of prose.
WHOLE = 8
EITHER, SEVERAL = "any", "several"
BEGIN, END, ANY = "^", "$", "…"


def patterns(sentence: Sentence, gaps: bool = True) -> set[str]:
    """All patterns that a sentence has."""
    words = [BEGIN, *(token.text for token in sentence.tokens), END]
    found = {f"{sentence.field}: {run}" for run in _runs(words)}
    # What holds wherever it stands: a placeholder, one that lists several values, and a placeholder's neighbours.
    for index, token in enumerate(sentence.tokens, 1):
        if token.values:
            found.add(f"{EITHER}: {token}")
            found.add(f"{EITHER}: {words[index - 1]} {token}")
            if len(token.values) > 1:
                found.add(f"{EITHER}: {SEVERAL} {token}")
    if gaps:
        found |= {f"{sentence.field}: {pair}" for pair in _pairs(words)}
    return found


def _runs(words: list[str]) -> Iterator[str]:
    for length in range(1, LONGEST + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])
    if LONGEST < len(words) <= WHOLE:
        yield " ".join(words)


def _pairs(words: list[str]) -> Iterator[str]:
    for first in range(len(words)):
        for second in range(first + 2, min(first + 2 + GAP, len(words))):
            yield f"{words[first]} {ANY} {words[second]}"
