"""The annotated sample that rules are learnt from: rows of one sentence each, with gold constraints.

Columns: API, Arg, Descp (the description; ``DD:`` a documented type, ``DF:`` a default), Normalized_descp (one of its
sentences, with placeholders), then dtype, tensor_t, structure, shape, ndim, range, enum. ``;`` separates alternatives,
and a gold value that is a placeholder stands for the words that the sentence has in its place.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from importlib import resources
from pathlib import Path

from misfold.programs.errors import UsageError

from . import values
from .labels import Label
from .normal import DEFAULT, TEXT, TYPE, Sentence, sentences
from .vocabulary import structure_word

COLUMNS = (
    "API",
    "Arg",
    "Descp",
    "Normalized_descp",
    "dtype",
    "tensor_t",
    "structure",
    "shape",
    "ndim",
    "range",
    "enum",
)
#: Column of the sample to the category that it belongs to here.
CATEGORY = {
    "dtype": "dtype", "tensor_t": "structure", "structure": "structure", "shape": "shape", "ndim": "ndim",
    "range": "range", "enum": "enum",
}  # fmt: skip
_FIELDS = {"DD:": TYPE, "DF:": DEFAULT}
# What each placeholder of the sample may stand for in the text.
_NAMES = r"[\w.]*\w|<[\w.]+>"
_WORDS = {
    "D_TYPE": _NAMES,
    "D_STRUCTURE": r"[\w.]+(?:\[\])?(?:\s?/\s?[\w.]+)*|\(\s?tuple\s?\)",
    "CONSTANT_NUM": r"[-(]*\d[\d.eE+-]*[,)]*D?|one|two|three|four",
    "CONSTANT_FLOAT": r"-?[\d.]+(?:[eE][-+]?\d+)?",
    "CONSTANT_BOOL": r"[Tt]rue|[Ff]alse",
    "ENUM": r"\{.*\}|[\"'`‘“][^\"'`]*[\"'`’”](?:\s*(?:,|or|and|,\s*(?:or|and))\s*[\"'`‘“][^\"'`]*[\"'`’”])*|\w+-\d",
    "SHAPE": r"\[[^()]*[\])]|\((?:[^()]|\([^()]*\))*\)|\[.*\]",
    "REXPR": r"<\w+>|\w*\s*[<>=]{1,2}\s*-?[\w.]+",
    "PARAM": r"[\"'`]?[\w.]+[\"'`]?",
    "DF_STR": r".+",
    "DEFAULT": r"DF:|default",
}
_PIECE = re.compile(r"\w+|[^\w\s]")
# Costs of the alignment: a word of the normalised sentence that the text lacks, and one of the text that is passed
# over.
_LOST, _SKIPPED = 3.0, 0.5
# Longest stretch of text, in pieces, that one placeholder stands for: the longest lists of names have about 80.
_SPAN = 90


@dataclass(frozen=True)
class Row:
    """One annotated sentence. ``gold`` maps column to its alternatives as written; ``resolved`` has category and
    value."""

    api: str
    parameter: str
    text: str
    normalised: str
    gold: dict[str, tuple[str, ...]]

    @property
    def field(self) -> str:
        return _FIELDS.get(self.text[:3], TEXT)

    @property
    def description(self) -> str:
        return self.text[3:].strip() if self.text[:3] in _FIELDS else self.text

    def resolved(self) -> frozenset[tuple[str, str]]:
        """Gold values in canonical form; a placeholder that cannot be found in the text stays as itself."""
        found = set()
        symbolic = any(value.strip("[]") in _WORDS for group in self.gold.values() for value in group)
        captured = captures(self.normalised, self.text) if symbolic else {}
        for column, alternatives in self.gold.items():
            category = CATEGORY[column]
            for alternative in alternatives:
                inner = alternative.strip("[]")
                if inner in _WORDS:
                    texts = captured.get(inner) or ["?" + inner]
                    if column == "structure" or column == "tensor_t":
                        texts = [part for text in texts for part in re.split(r"[/,]| or | and ", text)]
                        named = [text for text in texts if structure_word(text.strip("() "))]
                        texts = named if inner == "SHAPE" else texts
                    for text in texts:
                        for value in values.canonical(category, f"[{text}]" if alternative != inner else text):
                            found.add((category, value))
                else:
                    found.update((category, value) for value in values.canonical(category, alternative))
        return frozenset(found)


@lru_cache(maxsize=4096)
def captures(normalised: str, text: str) -> dict[str, list[str]]:
    """What the placeholders of a normalised sentence stand for in the text it was made from, by cheapest alignment."""
    wanted = [token for token in normalised.split() if token != "ONE_WORD"]
    body = text[3:].strip() if text[:3] == "DD:" else text
    pieces = [match.span() for match in _PIECE.finditer(body)]
    many, long = len(wanted), len(pieces)
    # best[i][j]: cost, first piece and placeholders' spans of the first i words laid over pieces that end at j
    # A sentence may begin anywhere in a description; a documented type is all of it.
    price = _SKIPPED if text[:3] == "DD:" else 0.0
    best: list[list[tuple[float, tuple[tuple[str, int, int], ...]]]] = [[(price * j, ()) for j in range(long + 1)]]
    for i in range(1, many + 1):
        word = wanted[i - 1]
        row: list[tuple[float, tuple[tuple[str, int, int], ...]]] = [(best[i - 1][0][0] + _LOST, best[i - 1][0][1])]
        for j in range(1, long + 1):
            start, end = pieces[j - 1]
            skip = row[j - 1][0] + (_SKIPPED if body[start].isalnum() else 0.01)
            options = [(skip, row[j - 1][1]), (best[i - 1][j][0] + _LOST, best[i - 1][j][1])]
            if word in _WORDS:
                for k in range(j, max(j - _SPAN, 0), -1):
                    low = pieces[k - 1][0]
                    if re.fullmatch(_WORDS[word], body[low:end]):
                        cost, spans = best[i - 1][k - 1]
                        options.append((cost + 0.005 * (j - k), (*spans, (word, low, end))))
            elif body[start:end].lower() == word.lower():
                options.append(best[i - 1][j - 1])
            row.append(min(options, key=lambda option: option[0]))
        best.append(row)
    spans = min(best[many], key=lambda option: option[0])[1]
    found: dict[str, list[str]] = defaultdict(list)
    for name, low, high in spans:
        found[name].append(body[low:high])
    return found


def read(path: str | Path) -> list[Row]:
    """The rows of a sample.

    Raises:
        UsageError: the file cannot be read or lacks a column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(
                    f"{path}: no column {', '.join(missing)}; an annotated sample has {', '.join(COLUMNS)}"
                )
            return [_row(record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"the annotated sample {path} cannot be read: {error}") from None


def _row(record: dict[str, str]) -> Row:
    gold = {name: tuple(filter(None, (record[name] or "").split(";"))) for name in CATEGORY}
    return Row(
        record["API"], record["Arg"], record["Descp"], record["Normalized_descp"], {k: v for k, v in gold.items() if v}
    )


@dataclass(frozen=True)
class Example:
    """A sentence in normal form with the gold that its rows give it; ``gold`` holds columns and values as written."""

    api: str
    parameter: str
    sentence: Sentence
    gold: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Documented:
    """All that the sample has about one parameter."""

    api: str
    name: str
    examples: tuple[Example, ...]
    gold: frozenset[tuple[str, str]]


def documented(rows: list[Row]) -> list[Documented]:
    """Parameters of a sample; the rows of a description are laid over its sentences by likeness."""
    siblings: dict[str, set[str]] = defaultdict(set)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        siblings[row.api].add(row.parameter)
        groups[row.api, row.parameter].append(row)
    found = []
    for (api, name), group in groups.items():
        texts: dict[str, list[Row]] = defaultdict(list)
        for row in group:
            texts[row.text].append(row)
        examples = []
        for same in texts.values():
            parts = sentences(same[0].description, same[0].field, name, siblings[api] - {name})
            labels: list[set[tuple[str, str]]] = [set() for _ in parts]
            for row in same:
                if parts:
                    best = max(range(len(parts)), key=lambda i: likeness(row.normalised, parts[i].raw))
                    labels[best] |= {(column, value) for column, group in row.gold.items() for value in group}
            examples += [Example(api, name, part, frozenset(label)) for part, label in zip(parts, labels)]
        gold = frozenset().union(*(row.resolved() for row in group))
        found.append(Documented(api, name, tuple(examples), gold))
    return found


def likeness(normalised: str, raw: str) -> float:
    """How far a raw sentence has the words of a normalised one, in order."""
    left = [word.lower() for word in normalised.split() if word not in _WORDS]
    right = [word.lower() for word in re.findall(r"\w+", raw)]
    if not left:
        return 1 / (1 + len(right))
    matched = sum(block.size for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks())
    return matched / len(left) + matched / (100 * max(len(right), 1))


def phrases() -> list[Example]:
    """The annotated phrases that ship: what other libraries' documentation says and this kind of sample does not."""
    text = (resources.files("misfold.generators") / "data" / "documentation-phrases.tsv").read_text(encoding="utf-8")
    found = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        where, raw, gold = line.split("\t")
        pairs = [tuple(item.split(" ", 1)) for item in gold.split(";") if item]
        for part in sentences(raw, where):
            # A phrase of two sentences gives each what it can hold.
            labels = frozenset((c, v) for c, v in pairs if Label(c, v).read(part))  # type: ignore[misc]
            found.append(Example("phrases", "", part, labels))
    return found
