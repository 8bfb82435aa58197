"""One operator from its trials to its rules, asking for the labels of further calls on the way.

``infer_operator`` is a generator: it yields calls and is sent their labels, so that many operators can be worked on
while workers execute calls. Element types are probed first; then partial operators are learnt and asked in rounds:
fresh calls near known ones, until a round brings nothing that the rule did not foresee. Last, calls that no rule has
seen decide whether it is used (``reason``), and others give the score that it is shown with.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from misfold.programs.errors import MisfoldError

from ..rules.dtypes import DtypeRule, Types, group_key, number_kinds
from ..rules.rule import Evidence, Rule, Scores
from ..rules.structure import Structure
from ..traces.call import Call, decode_outputs
from ..traces.executing import LEFT_OUT, Label
from .dtypes import learn_dtypes, probes
from .evidence import pins
from .hints import Hints
from .learning import Learner, random_for
from .minimal import without_implied
from .naming import positional_names
from .partials import Partial, Row, as_lists, partials, row_of, take
from .sampling import Sampler
from .scoring import score


@dataclass(frozen=True)
class Options:
    """How much is tried. ``calls``: fresh calls of each partial operator in a round; ``checks``: in each of the two
    held-out sets."""

    seed: int = 0
    rounds: int = 5
    calls: int = 30
    checks: int = 32
    #: partial operators of one operator, those with most records first
    partials: int = 64
    #: records of a partial operator that are looked at
    rows: int = 160


@dataclass
class _Types:
    """What is known about the element types of partial operators that are alike."""

    scalar: tuple[bool, ...]
    numbers: tuple[str, ...]
    seen: dict[Types, Types] = field(default_factory=dict)
    refused: set[Types] = field(default_factory=set)
    rule: DtypeRule | None = None


@dataclass
class _Work:
    """A partial operator being worked on."""

    learner: Learner
    sampler: Sampler
    types: _Types
    rng: random.Random
    done: bool = False

    @property
    def partial(self) -> Partial:
        return self.learner.partial


# A call that is to be labelled, and for whom.
_Query = tuple[_Work, Row]
Labels = Sequence[Label]


def infer_operator(
    function: str, trials: Iterable[tuple[Call, Any, str, str]], options: Options, alike: Iterable[Rule] = ()
) -> Generator[list[Call], Labels, list[Rule]]:
    """The rules for one function from ``(call, outputs, error, values)``; yields calls, is sent their labels.

    ``alike`` are rules of functions that may be this one under another name: where one of the same structure foresees
    all calls, nothing is searched for. Rules come most general first: by the number of valid records.
    """
    rng = random_for(options.seed, function)
    hints = Hints()
    groups: dict[tuple[str, int], _Types] = {}
    works = []
    found = partials(trials, positional_names)
    ordered = sorted((item for item in found.values() if item.valid), key=lambda item: -len(item.valid))
    for partial in ordered[: options.partials]:
        _trim(partial, options.rows, rng)
        structure = partial.structure
        count = 0 if _varies(partial) else len(partial.valid[0].shapes)
        scalar = tuple(hole.rank == 0 for hole in structure.tensors)
        types = groups.setdefault((group_key(structure), count), _Types(scalar, number_kinds(structure)))
        # Operators often do not look at the types of tensors without elements: such calls say little about types.
        telling = [row for row in partial.valid if not _is_empty(structure, row)] or partial.valid
        partial.valid.sort(key=lambda row: _is_empty(structure, row))
        for row in telling:
            types.seen.setdefault(row.dtypes, row.names)
        own = random_for(options.seed, structure.text)
        works.append(_Work(Learner(partial, hints, own.randrange(2**32)), Sampler(structure, own), types, own))
    yield from _probe(works, groups.values(), rng)
    for item in groups.values():
        item.rule = learn_dtypes(item.seen, item.refused, item.scalar, item.numbers)
    for work in works:
        rule = work.types.rule
        assert rule is not None
        # What is refused for its element types says nothing about sizes.
        work.partial.invalid = [row for row in work.partial.invalid if rule.accepts(row.dtypes)]
    _suppose(works, alike)
    yield from _rounds(works, options)
    rules = yield from _checked(works, options)
    return rules


def _suppose(works: Iterable[_Work], alike: Iterable[Rule]) -> None:
    """Let rules of other names be the first guess; whether they are right, calls will tell."""
    known: dict[str, Rule] = {}
    for rule in alike:
        if rule.usable:
            known.setdefault(_arguments(rule.structure), rule)
    for work in works:
        found = known.get(_arguments(work.partial.structure))
        if found is not None and not work.partial.dynamic:
            work.learner.suppose(found.cases, found.constraints)


def _arguments(structure: Structure) -> str:
    """A structure's text without the function's name."""
    return structure.text[len(structure.function) :]


def _trim(partial: Partial, limit: int, rng: random.Random) -> None:
    for rows in (partial.valid, partial.invalid):
        if len(rows) > limit:
            rows[:] = rng.sample(rows, limit)


def _is_empty(structure: Structure, row: Row) -> bool:
    return any(value == 0 and name in structure.dimensions for name, value in zip(structure.symbols, row.values))


def _varies(partial: Partial) -> bool:
    return len({len(row.shapes) for row in partial.valid}) > 1


def _probe(works: Sequence[_Work], groups: Iterable[_Types], rng: random.Random) -> Generator[list[Call], Labels, None]:
    """Try element types that the records do not have, on numbers that are known to run."""
    queries: list[_Query] = []
    for types in groups:
        work = next(item for item in works if item.types is types)
        # Numbers that run whatever else: those of the first records with the commonest element types.
        row = work.partial.valid[0]
        queries += [(work, Row(row.values, item)) for item in probes(types.seen, len(types.scalar), rng)]
    for work, row in (yield from _ask(queries)):
        if row.valid:
            work.types.seen.setdefault(row.dtypes, row.names)
        else:
            work.types.refused.add(row.dtypes)


def _ask(queries: Sequence[_Query]) -> Generator[list[Call], Labels, list[_Query]]:
    """Label queries; those that have no label are left out."""
    calls = []
    kept: list[_Query] = []
    for work, row in queries:
        structure = work.partial.structure
        try:
            calls.append(structure.build(dict(zip(structure.symbols, row.values)), row.dtypes))
            kept.append((work, row))
        except MisfoldError:
            continue  # a size beyond what types can say
    labels = (yield calls) if calls else []
    answers: list[_Query] = []
    for (work, row), (error, data, note) in zip(kept, labels, strict=True):
        if error.startswith(LEFT_OUT):
            continue
        outputs = None if error else decode_outputs(as_lists(data))
        answer = row_of(row.values, row.dtypes, outputs, error, note)
        if answer is not None:
            answers.append((work, answer))
    return answers


def _fresh(work: _Work, count: int, guided: bool) -> list[_Query]:
    """Calls near known ones that have not been tried. ``guided``: most are such as the model calls valid, if there are
    any; otherwise the model has no say."""
    rule = work.types.rule
    assert rule is not None
    combinations = rule.combinations
    found: dict[tuple[Any, Any], Row] = {}
    wanted = count * _CHOICE if guided and work.learner.model.constraints else count
    for _ in range(wanted * 3):
        if len(found) >= wanted:
            break
        values = work.sampler.draw(work.partial.valid)
        if values is None:
            continue
        base = work.rng.choice(work.partial.valid).dtypes
        dtypes = base if work.rng.random() < 0.7 or not combinations else work.rng.choice(combinations)
        if (values, dtypes) not in work.partial.seen and rule.accepts(dtypes):
            found.setdefault((values, dtypes), Row(values, dtypes))
    rows = list(found.values())
    if len(rows) > count:
        valid = work.learner.predict(rows)
        accepted = [row for row, flag in zip(rows, valid) if flag]
        others = [row for row, flag in zip(rows, valid) if not flag]
        share = max(int(count * _VALID_SHARE), count - len(others))
        rows = accepted[:share] + others
    return [(work, row) for row in rows[:count]]


def _sweep(work: _Work) -> list[_Query]:
    """Every symbol moved by itself."""
    partial = work.partial
    dtypes = partial.valid[0].dtypes
    return [
        (work, Row(values, dtypes))
        for values in work.sampler.sweep(partial.valid)
        if (values, dtypes) not in partial.seen
    ]


# Of so many times as many calls as are tried, the model chooses; this share is what it calls valid.
_CHOICE, _VALID_SHARE = 5, 0.65


def _rounds(works: Sequence[_Work], options: Options) -> Generator[list[Call], Labels, None]:
    """Learn, ask, and learn again where an answer was not foreseen."""
    for turn in range(options.rounds):
        queries = [query for work in works if not work.done for query in _fresh(work, options.calls, True)]
        if turn == 0:
            queries += [query for work in works for query in _sweep(work)]
        answers = yield from _ask(queries)
        by_work: dict[int, list[Row]] = {}
        for work, row in answers:
            by_work.setdefault(id(work), []).append(row)
        surprised: set[int] = set()
        for work in works:
            mine = by_work.get(id(work), [])
            if turn and not work.done and not _foreseen(work, mine):
                surprised.add(id(work))
            if not turn and work.learner.supposed:
                work.done = _foreseen(work, [*mine, *work.partial.valid, *work.partial.invalid])
        for work, row in answers:
            _absorb(work, row)
        for work in works:
            if work.done or (turn > 1 and id(work) not in surprised):
                work.done = True
                continue
            work.learner.learn(effort=min(turn, 2))
            work.done = not work.learner.model.cases and turn > 1


def _absorb(work: _Work, row: Row) -> None:
    take(work.partial, row, row.shapes if len(row.shapes) != 1 or not work.partial.single else None)


def _foreseen(work: _Work, rows: Sequence[Row]) -> bool:
    """Whether the model says of all rows what became of them."""
    if not work.learner.model.cases:
        return False
    if not rows:
        return True
    result = score(_rule(work, Scores()), rows)
    return not (result.wrong or result.missed or result.shapes < result.accepted)


def _rule(work: _Work, scores: Scores, reason: str = "", evidence: tuple[Evidence, ...] = ()) -> Rule:
    partial, model, types = work.partial, work.learner.model, work.types.rule
    assert types is not None
    return Rule(
        partial.structure,
        model.cases,
        model.constraints,
        types,
        scores,
        evidence,
        reason,
        partial.single,
        partial.needed,
    )


def _checked(works: Sequence[_Work], options: Options) -> Generator[list[Call], Labels, list[Rule]]:
    """The held-out check: one set of fresh calls decides, another one gives the scores."""
    results: list[tuple[Scores, Scores]] = [(Scores(), Scores()) for _ in works]
    for work in works:
        model = work.learner.model
        if len(model.constraints) > 1:
            work.learner.model = without_implied(model, work.partial.structure)
    places = {id(work): index for index, work in enumerate(works)}
    queries = [query for work in works if work.learner.model.cases for query in _fresh(work, 2 * options.checks, False)]
    answers = yield from _ask(queries)
    rows: dict[int, list[Row]] = {}
    for work, row in answers:
        rows.setdefault(id(work), []).append(row)
    for work in works:
        mine = rows.get(id(work), [])
        rule = _rule(work, Scores())
        results[places[id(work)]] = (score(rule, mine[::2]), score(rule, mine[1::2]))
    rules = []
    for work, (deciding, shown) in zip(works, results):
        reason = work.learner.model.reason or _fault(work.partial.structure, deciding)
        rules.append(_rule(work, shown, reason, pins(work.learner)))
    return rules


def _fault(structure: Structure, scores: Scores) -> str:
    """Why a rule is not used, empty if it is."""
    if scores.good or (scores.accepted + scores.wrong + scores.missed == 0 and not structure.symbols):
        return ""
    if scores.accepted == 0:
        return "no held-out call that it calls valid runs"
    shares = (
        ("shapes", scores.shape_accuracy),
        ("element types", scores.dtype_accuracy),
        ("precision", scores.precision),
        ("recall", scores.recall),
    )
    name, share = min(shares, key=lambda item: item[1])
    return f"held-out {name} {share:.0%}"
