"""Cross-validation of learnt rules: by API, and harder, by families of operators, whose texts are often alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from .consistency import consistent
from .learning import learn
from .normal import TYPE
from .rules import Rules
from .sample import Documented, Example
from .scoring import Score, Value, score

FOLDS = 10


def by_api(parameter: Documented) -> str:
    """Parameters of one API are held out together."""
    return parameter.api


def by_family(parameter: Documented) -> str:
    """APIs of one last name (``nd.pad``, ``sym.Pad``, ``_internal._pad``) are held out together."""
    return parameter.api.rpartition(".")[2].lower().replace("_", "")


@dataclass
class Validation:
    """``scores`` by pool; ``unseen`` counts only parameters that have a sentence no training parameter had."""

    scores: dict[str, Score]
    unseen: Score
    mistakes: list[tuple[str, Value, str, str]] = field(default_factory=list)


def fold_of(group: str, folds: int = FOLDS) -> int:
    """The fold that a group is held out in: the same on every machine."""
    return int.from_bytes(sha256(group.encode()).digest()[:8], "big") % folds


def extracted(rules: Rules, parameter: Documented) -> frozenset[Value]:
    """What rules say of a parameter of a sample, from its texts alone."""
    facts = [fact for example in parameter.examples for fact in rules.facts(example.sentence)]
    stated = next((e.sentence.raw for e in parameter.examples if e.sentence.field == TYPE), "")
    return frozenset((fact.category, fact.value) for fact in consistent(facts, stated))


def cross_validate(
    parameters: Sequence[Documented],
    way: str = "runs",
    group: Callable[[Documented], str] = by_api,
    folds: int = FOLDS,
    extra: Sequence[Example] = (),
) -> Validation:
    """Learn from all folds but one and ``extra``, extract from that one, for each; one group is in one fold."""
    pairs: list[tuple[frozenset[Value], frozenset[Value]]] = []
    fresh: list[tuple[frozenset[Value], frozenset[Value]]] = []
    mistakes = []
    for fold in range(folds):
        training = [p for p in parameters if fold_of(group(p), folds) != fold]
        rules = learn([*(example for p in training for example in p.examples), *extra], way)
        known = {(e.sentence.field, str(e.sentence)) for p in training for e in p.examples}
        for parameter in parameters:
            if fold_of(group(parameter), folds) != fold:
                continue
            found = extracted(rules, parameter)
            pairs.append((found, parameter.gold))
            if any((e.sentence.field, str(e.sentence)) not in known for e in parameter.examples):
                fresh.append((found, parameter.gold))
            for kind, values in (("wrong", found - parameter.gold), ("missed", parameter.gold - found)):
                mistakes += [(kind, value, parameter.api, parameter.name) for value in sorted(values)]
    return Validation(score(pairs), score(fresh)["all"], mistakes)
