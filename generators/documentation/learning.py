"""Learning rules from an annotated sample; needs scikit-learn. Three ways to learn, to be compared:

- ``runs``: logistic regression (L1, so that few patterns matter) over runs of up to four tokens of the normal form,
  and whole sentences;
- ``gaps``: the same with pairs of tokens that have others between;
- ``mined``: frequent patterns of high confidence, every one a rule by itself (support and confidence as in DocTer,
  Xie et
  al., ISSTA 2022, over runs and pairs where that has subtrees of a dependency parse).
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from misfold.programs.errors import TargetError

from .labels import Label, of_gold
from .normal import Sentence
from .patterns import patterns
from .rules import Rules
from .sample import Example

WAYS = ("runs", "gaps", "mined")
# A constraint seen less often cannot be told from a slip of the annotators.
_LEAST_EXAMPLES = 4
# A pattern of one sentence only says nothing about others.
_LEAST_PATTERNS = 2
# Inverse regularisation, the best of 1, 4 and 10 on held-out families of operators.
_INVERSE_REGULARISATION = 4.0
# The solver shrinks the bias as it does weights; scaled so, it hardly does.
_FREE = 10.0
# Log-odds of what all sentences of a kind agree on.
_CERTAIN = 5.0
# Weights below move no decision: sentences have tens of patterns, decisions are logits of about one and more.
_LEAST_WEIGHT = 0.02
# Mined rules: the best of 2 to 10 and 0.6 to 0.95.
_SUPPORT, _CONFIDENCE = 3, 0.8

#: Patterns, labels, weight, and the sentence, of sentences that are alike.
Group = tuple[frozenset[str], frozenset[Label], float, Sentence]


def learn(examples: Sequence[Example], way: str = "runs", about: dict[str, Any] | None = None) -> Rules:
    """Rules learnt from annotated sentences in one of ``WAYS``.

    Raises:
        TargetError: scikit-learn is not installed.
    """
    groups = _grouped(examples, way != "runs")
    counts: Counter[Label] = Counter()
    for example in examples:
        counts.update(of_gold(*pair) for pair in example.gold)
    labels = sorted(label for label, count in counts.items() if count >= _LEAST_EXAMPLES)
    fit = _mined if way == "mined" else _regressed
    weights, biases = fit(groups, labels)
    return Rules(weights, biases, 0.5, way != "runs", about or {})


def _grouped(examples: Sequence[Example], gaps: bool) -> list[Group]:
    """Sentences that are alike as one, with the square root of their number as weight, so that no phrase that generated
    documentation repeats a thousand times outweighs the rest."""
    counts: Counter[tuple[str, str, frozenset[Label]]] = Counter()
    first: dict[tuple[str, str, frozenset[Label]], Example] = {}
    for example in examples:
        gold = frozenset(of_gold(column, value) for column, value in example.gold)
        key = (example.sentence.field, str(example.sentence), gold)
        counts[key] += 1
        first.setdefault(key, example)
    return [
        (frozenset(patterns(first[key].sentence, gaps)), key[2], count**0.5, first[key].sentence)
        for key, count in counts.items()
    ]


def _regressed(groups: list[Group], labels: list[Label]) -> tuple[dict[Label, dict[str, float]], dict[Label, float]]:
    try:
        from scipy.sparse import csr_matrix
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise TargetError(f"learning needs {error.name}; install it with: pip install 'misfold[learn]'") from None
    counts = Counter(pattern for found, _, _, _ in groups for pattern in found)
    names = sorted(pattern for pattern, count in counts.items() if count >= _LEAST_PATTERNS)
    number = {name: index for index, name in enumerate(names)}
    indices = [sorted(number[pattern] for pattern in found if pattern in number) for found, _, _, _ in groups]
    starts = np.cumsum([0, *map(len, indices)])
    flat = np.array([index for group in indices for index in group], dtype=np.int64)
    matrix = csr_matrix((np.ones(len(flat)), flat, starts), shape=(len(groups), len(names)))
    heavy = np.array([weight for _, _, weight, _ in groups])
    weights: dict[Label, dict[str, float]] = {}
    biases: dict[Label, float] = {}
    for label in labels:
        # What copies a placeholder is learnt among sentences that have it, so that the bias says how often such a
        # placeholder is a constraint where the words around it are new.
        chosen = np.array([i for i, (_, _, _, sentence) in enumerate(groups) if label.read(sentence)], dtype=np.int64)
        truth = np.array([label in groups[i][1] for i in chosen])
        if len(set(truth)) < 2:
            weights[label], biases[label] = {}, _CERTAIN if len(truth) and truth[0] else -_CERTAIN
            continue
        model = LogisticRegression(
            C=_INVERSE_REGULARISATION, l1_ratio=1.0, solver="liblinear", intercept_scaling=_FREE, random_state=0
        )
        with warnings.catch_warnings():
            # The solver stops after a hundred rounds: the scores are those of what it has then.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(matrix[chosen], truth, sample_weight=heavy[chosen])
        found = {
            name: round(float(value), 3) for name, value in zip(names, model.coef_[0]) if abs(value) >= _LEAST_WEIGHT
        }
        weights[label], biases[label] = found, round(float(model.intercept_[0]), 3)
    return weights, biases


def _mined(groups: list[Group], labels: list[Label]) -> tuple[dict[Label, dict[str, float]], dict[Label, float]]:
    support: Counter[str] = Counter()
    hits: dict[Label, Counter[str]] = defaultdict(Counter)
    for found, gold, weight, _ in groups:
        for pattern in found:
            support[pattern] += weight  # type: ignore[assignment]
            for label in gold:
                hits[label][pattern] += weight  # type: ignore[assignment]
    weights = {
        label: {
            pattern: 2.0
            for pattern, count in hits[label].items()
            if count >= _SUPPORT and count / support[pattern] >= _CONFIDENCE
        }
        for label in labels
    }
    return weights, dict.fromkeys(labels, -1.0)
