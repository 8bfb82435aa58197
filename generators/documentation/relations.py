"""Relations between parameters: "same shape as input", "broadcastable with other", "must match target's dtype".

Annotated samples do not have relations, so that none can be learnt; these patterns of the normal form are written by
hand and say no more than that two parameters share a property. They are kept apart from what the learnt rules are
scored for.
"""

from __future__ import annotations

from .facts import Fact
from .normal import Sentence

_SAME = {"same", "equal", "match", "matching", "identical", "consistent"}
_BROADCAST = {"broadcastable", "broadcasted", "broadcast"}
_PROPERTIES = {
    "shape": "shape", "size": "shape", "dimension": "ndim", "ndim": "ndim", "dtype": "dtype", "type": "dtype",
    "length": "length", "device": "device", "number": "ndim",
}  # fmt: skip
# Words between "same" and what is the same, and between that and the other parameter.
_REACH = 6


def relations(sentence: Sentence) -> list[Fact]:
    """The relations that a sentence states; values are ``same shape: other`` or ``broadcast: other``."""
    tokens = sentence.tokens
    found = []
    for index, token in enumerate(tokens):
        if token.text not in _SAME | _BROADCAST:
            continue
        after = tokens[index + 1 : index + 1 + 2 * _REACH]
        before = tokens[max(0, index - _REACH) : index]
        other = next((t.values[0] for t in after if t.text == "PARAM"), None)
        if other is None:
            continue
        if token.text in _BROADCAST:
            found.append(Fact("relation", f"broadcast: {other}", sentence.raw, sentence.field))
            continue
        # "dtype" is itself a placeholder, whose value says so.
        words = ["dtype" if t.values == ("dtype",) else t.text for t in (*after[:_REACH], *reversed(before))]
        shared = next((_PROPERTIES[word] for word in words if word in _PROPERTIES), None)
        if shared is not None:
            found.append(Fact("relation", f"same {shared}: {other}", sentence.raw, sentence.field))
    return found
