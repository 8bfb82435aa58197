"""Learnt rules: for each constraint, weighted patterns that speak for it or against it. Needs the standard library
only.

A sentence in normal form has a constraint if the weights of its patterns and the bias sum to more than the threshold's
log-odds. The file is made by ``misfold docs learn``; every line of it is one pattern and its weight.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from math import exp, log
from pathlib import Path
from typing import Any

from misfold.programs.errors import UsageError, one_line

from .consistency import consistent
from .facts import Constraints, Fact, Parameter, strongest
from .labels import Label
from .normal import DEFAULT, TEXT, TYPE, Sentence, leading_type, sentences
from .patterns import patterns
from .relations import relations

FORMAT = "misfold documentation rules 1"
_FILE = "documentation-rules.json"
# How many patterns explain a fact.
_REASONS = 3


@dataclass(frozen=True)
class Rules:
    """``weights`` maps a label to its patterns' weights, ``biases`` to its constant; ``gaps``: pairs are patterns
    too."""

    weights: Mapping[Label, Mapping[str, float]]
    biases: Mapping[Label, float]
    threshold: float = 0.5
    gaps: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def labels(self, sentence: Sentence) -> list[tuple[Label, float, tuple[str, ...]]]:
        """The constraints that a sentence states, with their probability and the patterns that count most."""
        # Patterns see of a placeholder's values only whether there are several.
        several = "".join("+" if len(token.values) > 1 else "." for token in sentence.tokens)
        key = (sentence.field, f"{sentence} {several}")
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._labelled(sentence)
        return known

    def _labelled(self, sentence: Sentence) -> list[tuple[Label, float, tuple[str, ...]]]:
        least = log(self.threshold / (1 - self.threshold))
        index, labels = self._index
        hits: list[list[tuple[float, str]]] = [[] for _ in labels]
        for pattern in sorted(patterns(sentence, self.gaps) & index.keys()):
            for number, weight in index[pattern]:
                hits[number].append((weight, pattern))
        result = []
        for label, counted in zip(labels, hits):
            total = self.biases[label] + sum(weight for weight, _ in counted)
            if total >= least:
                reasons = sorted(counted, key=lambda hit: (-hit[0], hit[1]))[:_REASONS]
                result.append((label, 1 / (1 + exp(-total)), tuple(name for weight, name in reasons if weight > 0)))
        return result

    @cached_property
    def _index(self) -> tuple[dict[str, list[tuple[int, float]]], list[Label]]:
        """Labels by number, and of each pattern the labels' numbers with its weights."""
        labels = list(self.weights)
        index: dict[str, list[tuple[int, float]]] = {}
        for number, label in enumerate(labels):
            for pattern, weight in self.weights[label].items():
                index.setdefault(pattern, []).append((number, weight))
        return index, labels

    @cached_property
    def _known(self) -> dict[tuple[str, str], list[tuple[Label, float, tuple[str, ...]]]]:
        return {}

    def facts(self, sentence: Sentence) -> list[Fact]:
        """What a sentence states, as facts."""
        found = []
        for label, score, reasons in self.labels(sentence):
            for value in label.read(sentence):
                found.append(Fact(label.category, value, sentence.raw, sentence.field, round(score, 4), reasons))
        return found

    def read(self, parameter: Parameter, siblings: Collection[str] = ()) -> Constraints:
        """All that a parameter's documentation states; ``siblings`` are its operator's other parameters."""
        others = frozenset(siblings) - {parameter.name}
        facts: list[Fact] = []
        kind, description = (parameter.type, parameter.description)
        if not kind:
            kind, description = leading_type(description)
        for text, where in ((kind, TYPE), (description, TEXT), (parameter.default or "", DEFAULT)):
            for sentence in sentences(text, where, parameter.name, others) if text else ():
                facts += self.facts(sentence)
                facts += relations(sentence)
        facts = consistent(facts, kind)
        if parameter.default is not None or any(
            token.text == "optional" for part in sentences(parameter.type, TYPE) for token in part.tokens
        ):
            facts.append(Fact("optional", "yes", parameter.type or f"default {parameter.default}", TYPE))
        if parameter.default is not None:
            facts.append(Fact("default", parameter.default, f"default {parameter.default}", DEFAULT))
        return Constraints(parameter, strongest(facts))

    def to_data(self) -> dict[str, Any]:
        """As plain data; patterns that count most come first."""
        return {
            "format": FORMAT,
            "about": dict(self.about),
            "threshold": self.threshold,
            "gaps": self.gaps,
            "rules": {
                str(label): {
                    "bias": self.biases[label],
                    "patterns": dict(sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))),
                }
                for label, weights in sorted(self.weights.items())
            },
        }

    @staticmethod
    def from_data(data: Any) -> Rules:
        """From plain data.

        Raises:
            UsageError: it is not of this format.
        """
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}, not {FORMAT!r}")
            rules = {Label.parse(name): entry for name, entry in data["rules"].items()}
            return Rules(
                {label: {str(k): float(v) for k, v in e["patterns"].items()} for label, e in rules.items()},
                {label: float(entry["bias"]) for label, entry in rules.items()},
                float(data["threshold"]),
                bool(data["gaps"]),
                dict(data["about"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"not a file of documentation rules: {one_line(str(error))}") from None


def load(path: str | Path | None = None) -> Rules:
    """The rules of a file, by default those that ship.

    Raises:
        UsageError: the file cannot be read or is not one of rules.
    """
    return _shipped() if path is None else _parsed(path)


@cache
def _shipped() -> Rules:
    with resources.as_file(resources.files("misfold.generators") / "data" / _FILE) as path:
        return _parsed(path)


def _parsed(path: str | Path) -> Rules:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"the rules {path} cannot be read: {error}") from None
    return Rules.from_data(data)


def write(rules: Rules, path: str | Path) -> None:
    """Write rules to a file, one pattern a line."""
    Path(path).write_text(json.dumps(rules.to_data(), indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
