"""What an invalid call's exception says, without what differs between two calls that fail alike."""

from __future__ import annotations

import re

from misfold.programs.errors import one_line

# Numbers that stand alone or in a list: sizes, positions, values. Those in words (float32, dim2) stay.
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
# Matrix sizes, as torch's messages have them: 13x13.
_PRODUCT = re.compile(r"(?<![\w.])\d+(?:x\d+)+(?!\w)")
_LIST = re.compile(r"N(?:,? ?N)+")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
# torch's messages repeat the whole signature behind these words.
_SIGNATURES = re.compile(r"(?: - |, )?(?:got an invalid combination|received an invalid combination)")
_LIMIT = 160

#: Kinds of labels that are no honest refusal: findings on eager itself.
DEATHS = ("crash", "hang", "memory", "impossible")


def normal_error(kind: str, message: str) -> str:
    """``RuntimeError: shape 'N' is invalid for input of size N``: type and first line, numbers replaced by ``N``."""
    line = next((part.strip() for part in message.splitlines() if part.strip()), "")
    match = _SIGNATURES.search(line)
    if match:
        line = line[: match.end()]
    line = _LIST.sub("N", _NUMBER.sub("N", _PRODUCT.sub("N", _ADDRESS.sub("N", line[:1000]))))
    line = line[:_LIMIT] if line.isprintable() else one_line(line, _LIMIT)
    return f"{kind}: {line}" if line else kind


def is_death(error: str) -> bool:
    """Whether a label says that the call took its process down, never came back, or ran out of memory."""
    return error.partition(":")[0] in DEATHS
