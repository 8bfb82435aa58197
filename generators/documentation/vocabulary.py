"""Words that documentation of tensor libraries has for element types, containers, numbers and dimensions.

A closed vocabulary of the field: what the words mean is not learnt, only what sentences say with them.
"""

from __future__ import annotations

import re

_DTYPES = {
    "bool": "bool boolean booleans bools Bool Boolean booltensor",
    "int": "int ints integer integers Int Integer SymInt Integral whole-number",
    "int64": "int64 long longs longtensor int64_t LongTensor",
    "int32": "int32 inttensor IntTensor int32_t",
    "int16": "int16 short ShortTensor",
    "int8": "int8 CharTensor",
    "uint8": "uint8 byte ByteTensor",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "qint8": "qint8",
    "quint8": "quint8",
    "qint32": "qint32",
    "qint16": "qint16",
    "quint16": "quint16",
    "float": "float floats Float floating floating-point",
    "float64": "float64 double doubles DoubleTensor",
    "float32": "float32 FloatTensor",
    "float16": "float16 half HalfTensor",
    "bfloat16": "bfloat16",
    "complex": "complex",
    "complex64": "complex64",
    "complex128": "complex128",
    "numeric": "numeric number numbers Number Numeric Scalar",
    "string": "str string strings strs String Str",
    "dtype": "dtype DType dtypes data-type DataType",
}
_STRUCTURES = {
    "tensor": "tensor tensors Tensor Tensors ndarray NDArray NDArrays array arrays Array array_like array-like"
    " arraylike tensorlike SparseTensor RaggedTensor Variable ndarrays vector vectors matrix matrices Vector Matrix"
    " CSRNDArray RowSparseNDArray sparsetensor EagerTensor ArrayLike Expr",
    "list": "list lists List",
    "tuple": "tuple tuples Tuple",
    "sequence": "sequence sequences Sequence",
    "iterable": "iterable iterables Iterable iterator",
    "dict": "dict dictionary dicts Dict Dictionary mapping Mapping",
    "set": "set-of",
}

#: Words to the element type they name, and to the container they name; lower case and as written.
DTYPE_WORDS: dict[str, str] = {word: name for name, words in _DTYPES.items() for word in words.split()}
STRUCTURE_WORDS: dict[str, str] = {word: name for name, words in _STRUCTURES.items() for word in words.split()}

#: Numbers as words; "a" and "an" are left to the sentence.
NUMBER_WORDS: dict[str, int] = {
    word: number for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}

# ``2D``, ``3-D``, ``4-dimensional``, ``one-dimensional``, ``N-D``
NDIM = re.compile(
    r"\b(\d+|one|two|three|four|five|[nNkK])[\s-]?(?:[dD]\b|dims?\b|dimension(?:al|s)?\b|rank\b)"
    r"|\b(?:rank|dim)[\s-](\d+)\b"
)

_ENDINGS = (("sses", "ss"), ("ies", "y"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"))


def dtype_word(word: str) -> str | None:
    """The element type that a word names, or None."""
    word = word.rsplit(".", 1)[-1] if "." in word else word
    # torch.LongTensor, and torch's legacy names for tensors of one element type
    return DTYPE_WORDS.get(word) or DTYPE_WORDS.get(word.lower())


def structure_word(word: str) -> str | None:
    """The container that a word names, or None."""
    word = word.rsplit(".", 1)[-1] if "." in word else word
    return STRUCTURE_WORDS.get(word) or STRUCTURE_WORDS.get(word.lower())


def stem(word: str) -> str:
    """A word in lower case without a plural's ending, so that one pattern serves both."""
    word = word.lower()
    for ending, short in _ENDINGS:
        if word.endswith(ending):
            return word[: -len(ending)] + short
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
