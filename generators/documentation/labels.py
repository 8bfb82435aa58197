"""What rules say of a sentence: a constraint with a constant value, or one whose value is copied from a placeholder."""

from __future__ import annotations

from dataclasses import dataclass

from . import values
from .normal import Sentence

#: Categories of constraints, and the pools that scores are given for.
CATEGORIES = ("dtype", "structure", "ndim", "shape", "range", "enum")
POOLS = {
    "dtype": "dtype", "structure": "structure", "ndim": "ndim/shape", "shape": "ndim/shape",
    "range": "range/enum", "enum": "range/enum",
}  # fmt: skip
# Placeholders of this normal form that a copied value of a category may stand in, best first.
SOURCES = {
    "dtype": ("DTYPE",),
    "structure": ("STRUCT",),
    "shape": ("SHAPE",),
    "ndim": ("NDIM", "REL"),
    "range": ("INTERVAL", "REL"),
    "enum": ("ENUM",),
}
# Placeholders that are copied only where a rule says so by name.
NAMED = {"NUM": ("NUM", "NUMS"), "BOOL": ("BOOL",), "LENGTH": ("NUM", "ENUM", "CODE", "PARAM")}


@dataclass(frozen=True, order=True)
class Label:
    """``value`` is a constant, or ``COPY`` (what the category's placeholders hold), ``COPY NUM``, ``COPY LENGTH``."""

    category: str
    value: str

    def __str__(self) -> str:
        return f"{self.category} {self.value}"

    @staticmethod
    def parse(text: str) -> Label:
        """The label that ``str`` gave as text.

        Raises:
            ValueError: there is no such category.
        """
        category, _, value = text.partition(" ")
        if category not in CATEGORIES or not value:
            raise ValueError(f"not a label: {text!r}")
        return Label(category, value)

    def read(self, sentence: Sentence) -> list[str]:
        """The canonical values that the label gives a sentence; none if what is to be copied is not there."""
        if not self.value.startswith("COPY"):
            return [self.value]
        named = self.value.removeprefix("COPY").strip()
        if named == "LENGTH":
            for source in NAMED[named]:
                if found := sentence.values(source):
                    return [f"[{found[0].lower()}]"]
            return []
        sources = NAMED[named] if named else SOURCES[self.category]
        for source in sources:
            found = sentence.values(source)
            if found:
                return list(dict.fromkeys(value for text in found for value in values.canonical(self.category, text)))
        return []


# Gold as the sample writes it to the label that is learnt for it.
_GOLD = {
    ("dtype", "D_TYPE"): "COPY", ("dtype", "REXPR"): "COPY", ("dtype", "numpy.dtype"): "dtype",
    ("structure", "D_STRUCTURE"): "COPY", ("structure", "SHAPE"): "COPY", ("structure", "tuple"): "COPY",
    ("tensor_t", "D_STRUCTURE"): "COPY",
    ("shape", "SHAPE"): "COPY", ("shape", "[SHAPE]"): "COPY LENGTH", ("shape", "[CONSTANT_NUM]"): "COPY LENGTH",
    ("ndim", "CONSTANT_NUM"): "COPY", ("ndim", "REXPR"): "COPY",
    ("range", "SHAPE"): "COPY", ("range", "REXPR"): "COPY",
    ("enum", "ENUM"): "COPY", ("enum", "CONSTANT_NUM"): "COPY NUM", ("enum", "CONSTANT_BOOL"): "COPY BOOL",
}  # fmt: skip


def of_gold(column: str, value: str) -> Label:
    """The label for a gold value of a sample's column."""
    category = "structure" if column == "tensor_t" else column
    if value.startswith("COPY"):
        return Label(category, value)
    if (column, value) in _GOLD:
        return Label(category, _GOLD[column, value])
    return Label(category, values.canonical(category, value)[0])
