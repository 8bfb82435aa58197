"""All oracles on one case: what ``misfold verify`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from misfold.oracles.cost import AMOUNTS, Spent, judge_cost, words
from misfold.oracles.metamorphic.comparing import Ran, compare_outcomes
from misfold.oracles.reference import Expected, Reference
from misfold.oracles.values import compare
from misfold.oracles.verdict import Verdict
from misfold.programs.case import Case, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.isolation.answer import Answer
from misfold.targets.measuring import no_counter
from misfold.targets.outcome import Outcome, TensorValue

from .examine import REFERENCE, Examiner, unpack_reference

# Modules of the workers, by the names of their services: this process never imports torch.
VARIANTS = "misfold.oracles.metamorphic.variants:serve"
RESIZED = "misfold.fuzz.solved_sizes:serve"
SHAPES = "misfold.oracles.state.shapes:serve"
OBSERVED = "misfold.oracles.state.observing:serve"
TANGENTS = "misfold.oracles.gradients.forward:run"
EXPECTED_TANGENTS = "misfold.oracles.gradients.forward:expect"
POLYNOMIAL = "misfold.oracles.gradients.polynomial:serve"


@dataclass(frozen=True)
class Row:
    """One oracle's verdict on one target. ``explanation`` has at most three lines."""

    target: str
    oracle: str
    verdict: str
    explanation: str

    def to_data(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)


@dataclass
class Session:
    """A case on one target, with what eager and the reference say of it.

    ``seed`` decides where relations are applied and which sizes are tried; ``each`` how often each relation is.
    ``history``: what cases cost on the target before, by what of (see ``AMOUNTS``).
    """

    examiner: Examiner
    case: Case
    target: str
    pipeline: Pipeline
    seed: int
    each: int
    relations: Sequence[str] | None
    history: Mapping[str, Sequence[Spent]]
    eager: Outcome
    reference: Reference | None
    outcome: Outcome

    @property
    def system(self) -> Any:
        return self.examiner.targets[self.target]

    def row(self, oracle: str, verdict: str, explanation: str = "") -> Row:
        """A row with at most three lines."""
        lines = [line for line in explanation.splitlines() if line.strip()][:3]
        return Row(self.target, oracle, verdict, "\n".join(lines))

    def refer(self, service: str, **request: Any) -> Answer:
        """Call a service in the reference worker."""
        seconds = self.examiner.seconds * 4
        return self.examiner.call(REFERENCE, service, {"case": self.case.text, **request}, seconds)

    def ask(self, service: str, **request: Any) -> Answer:
        """Call a service in a fresh worker of the target."""
        request = {"target": self.target, "pipeline": self.pipeline.to_data(), **request}
        return self.examiner.call(self.system.family, service, request, self.examiner.seconds * 2, fresh=True)


def verify(
    examiner: Examiner,
    case: Case,
    target: str,
    pipeline: Pipeline,
    *,
    seed: int = 0,
    each: int = 1,
    relations: Sequence[str] | None = None,
    history: Mapping[str, Sequence[Spent]] | None = None,
    oracles: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of every oracle (or those named) on a case and a target, as they come."""
    eager, reference = examiner.refer(case, fresh=True, repeats=2)
    if eager.kind != "values":
        failure = eager.failure
        reason = f"{failure.type}: {failure.message}" if failure is not None else eager.kind
        yield Row(target, "differential", "undecided", f"eager does not run this program\n{reason[:300]}")
        return
    outcome = examiner.run(case, target, pipeline, fresh=True, repeats=2)
    verdict = examiner.judge(case, target, eager, reference, outcome)
    name = "differential" if verdict.kind == "ok" else f"differential ({verdict.oracle})"
    session = Session(
        examiner, case, target, pipeline, seed, each, relations, history or {}, eager, reference, outcome
    )  # fmt: skip
    wanted = [oracle for name, oracle in ORACLES.items() if not oracles or name in oracles]
    if not oracles or "differential" in oracles:
        yield session.row(name, verdict.kind, verdict.explanation)
    if outcome.kind != "values":
        yield session.row("all others", "undecided", f"the target gives no values here: {outcome.kind}")
        return
    for oracle in wanted:
        yield from oracle(session)


def _lost(session: Session, oracle: str, answer: Answer) -> Row:
    """A worker that gave no answer: in a target's own worker, a death that plain runs do not show."""
    death = answer.death
    reason = "no answer" if death is None else f"{death.type}: {death.message[:300]}"
    return session.row(oracle, "undecided", f"the worker ended: {answer.kind}\n{reason}")


def _determinism(session: Session) -> Iterator[Row]:
    again = session.examiner.run(session.case, session.target, session.pipeline, fresh=True)
    if session.outcome.facts.get("stable") is False:
        yield session.row("determinism", "suspect", "the target differs from run to run in one process")
    elif session.eager.facts.get("stable") is False:
        yield session.row("determinism", "undecided", "eager differs from run to run")
    elif again.kind != session.outcome.kind:
        text = f"first {session.outcome.kind}, then {again.kind} in another fresh process"
        yield session.row("determinism", "suspect", text)
    else:
        differing = [
            f"out{index}" for index, (a, b) in enumerate(zip(session.outcome.values, again.values)) if a.data != b.data
        ]
        differing += [
            f"grad{index}"
            for index, (a, b) in enumerate(zip(session.outcome.gradients, again.gradients))
            if (a and a.data) != (b and b.data)
        ]
        if differing:
            yield session.row("determinism", "suspect", f"{', '.join(differing)}: other bits in another fresh process")
        else:
            yield session.row("determinism", "ok", "the same bits twice in one process, and in another one")


def _gradients(session: Session) -> Iterator[Row]:
    if not session.system.gradients:
        yield session.row("gradients", "undecided", "the target has no backward pass")
        return
    case = requiring(session.case)
    if case is None:
        yield session.row("gradients", "undecided", "no input is of a float type")
        return
    result = session.examiner.examine(case, session.target, session.pipeline, fresh=True)
    verdict = result.verdict
    if result.eager.kind != "values":
        verdict = Verdict("undecided", "gradients", "eager has no backward pass here")
    yield session.row("gradients", verdict.kind, verdict.explanation)
    answer = session.ask(OBSERVED, case=case.text)
    if answer.data is not None and answer.data["flags"] is not None:
        own, its = answer.data["flags"]
        wrong = [f"out{index}: {b}, in eager {a}" for index, (a, b) in enumerate(zip(own, its)) if a != b]
        yield session.row("requires_grad", "proved" if wrong else "ok", "\n".join(wrong))


def requiring(case: Case) -> Case | None:
    """The case with a gradient required of every input of a float type; None if there is none."""
    floats = {value.name for value in case.graph.inputs if value.known.dtype.is_float}
    recipes = {n: {**recipe, "requires_grad": True} if n in floats else recipe for n, recipe in case.recipes.items()}
    return replace(case, recipes=recipes) if floats else None


def _forward(session: Session) -> Iterator[Row]:
    if not session.system.functions:
        yield session.row("forward-mode", "undecided", "the target takes graphs only, no torch.func.jvp")
        return
    known = session.refer(EXPECTED_TANGENTS)
    if known.data is None or known.data["reason"] is not None:
        reason = "no answer" if known.data is None else known.data["reason"]
        yield session.row("forward-mode", "undecided", reason)
        return
    answer = session.ask(TANGENTS, case=session.case.text)
    if answer.data is None:
        yield _lost(session, "forward-mode", answer)
        return
    if "rejected" in answer.data:
        yield session.row("forward-mode", "ok", f"not supported: {answer.data['rejected']}")
        return
    if "error" in answer.data:
        yield session.row("forward-mode", "suspect", f"torch.func.jvp fails here, not in eager\n{answer.data['error']}")
        return
    verdict = judge_tangents(
        Expected.each_from_data(known.data["expected"]),
        TensorValue.each_from_data(known.data["eager"]),
        TensorValue.each_from_data(answer.data["values"]),
    )
    yield session.row("forward-mode", verdict.kind, verdict.explanation)


def judge_tangents(expected: Sequence[Expected], eager: Sequence[TensorValue], found: Sequence[TensorValue]) -> Verdict:
    """The verdict on tangents of outputs, in order."""
    if len(found) != len(eager):
        return Verdict("proved", "forward-mode", f"{len(found)} tangents, eager has {len(eager)}")
    notes, worst = [], None
    for index, (known, own, its) in enumerate(zip(expected, eager, found, strict=True)):
        name = f"tangent{index}"
        if (own.dtype, tuple(own.shape)) != (its.dtype, tuple(its.shape)):
            return Verdict("proved", "forward-mode", f"{name}: target {its.type}, eager {own.type}", name)
        comparison = compare(name, known, own, its)
        if comparison.note:
            notes.append(comparison.note)
        difference = comparison.difference
        if difference is not None and (worst is None or difference.score > worst.score):
            worst = Verdict(difference.kind, "forward-mode", difference.explanation, name, score=difference.score)
    if worst is not None:
        return worst
    return Verdict("undecided" if len(notes) == len(eager) else "ok", "forward-mode", "\n".join(notes[:3]))


def _polynomial(session: Session) -> Iterator[Row]:
    answer = session.refer(POLYNOMIAL)
    if answer.data is None:
        yield _lost(session, "exact-gradients", answer)
        return
    if answer.data["reason"] is not None:
        yield session.row("exact-gradients", "undecided", answer.data["reason"])
        return
    if answer.data["wrong"] is not None:
        text = f"eager's own gradient contradicts finite differences, which are exact here\n{answer.data['wrong']}"
        yield Row("eager", "exact-gradients", "proved", text)
        return
    if not session.system.gradients:
        text = "eager's gradient agrees with finite differences; the target has no backward pass"
        yield session.row("exact-gradients", "undecided", text)
        return
    case = parse_case(answer.data["text"])
    outcome = session.examiner.run(case, session.target, session.pipeline, fresh=True)
    if outcome.kind != "values":
        yield session.row("exact-gradients", "undecided", f"the target gives no values: {outcome.kind}")
        return
    verdict = judge_exact(TensorValue.each_from_data(answer.data["gradients"]), outcome.gradients)
    yield session.row("exact-gradients", verdict.kind, verdict.explanation)


def judge_exact(exact: Sequence[TensorValue], found: Sequence[TensorValue | None]) -> Verdict:
    """The verdict on gradients that are known to the bit."""
    if len(found) != len(exact):
        return Verdict("proved", "exact-gradients", f"{len(found)} gradients, there are {len(exact)}")
    for index, (own, its) in enumerate(zip(exact, found, strict=True)):
        wide = own.array()
        other = None if its is None else its.array()
        if other is None:  # none stands for zeros
            wrong = wide != 0
        elif other.shape != wide.shape:
            return Verdict(
                "proved", "exact-gradients", f"grad{index}: shape {list(other.shape)}, not {list(wide.shape)}"
            )
        else:
            wrong = ~(wide == other)
        if wrong.any():
            flat = int(wrong.reshape(-1).argmax())
            what = "none" if other is None else f"{other.reshape(-1)[flat]:.9g}"
            text = (
                f"grad{index}, element {flat}: target {what}, exactly {wide.reshape(-1)[flat]:.9g} "
                f"({int(wrong.sum())} of {wrong.size} elements)\n"
                "inputs are whole, and no partial sum rounds in any order, so that the bits must agree\n"
                "finite differences, exact for polynomials, support the gradient of eager"
            )
            return Verdict("proved", "exact-gradients", text, f"grad{index}")
    return Verdict("ok", "exact-gradients", "to the bit, and as finite differences have it")


def _metamorphic(session: Session) -> Iterator[Row]:
    request = {"seed": session.seed, "each": session.each}
    if session.relations:
        request["relations"] = list(session.relations)  # type: ignore[assignment]
    answer = session.refer(VARIANTS, **request)
    if answer.data is None:
        yield _lost(session, "metamorphic", answer)
        return
    if answer.data["unfit"] is not None:
        yield session.row("metamorphic", "undecided", answer.data["unfit"])
        return
    assert session.reference is not None, "without one the case is unfit"
    good: list[str] = []
    refused: list[str] = []
    for item in answer.data["variants"]:
        name = item["relation"]
        if "refused" in item:
            refused.append(f"{name}: {item['refused']}")
            continue
        row = related(session, item)
        if row.verdict == "ok":
            good.append(name)
        else:
            yield row
    if good:
        counted = {name: good.count(name) for name in dict.fromkeys(good)}
        names = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counted.items())
        yield session.row("metamorphic", "ok", f"{len(good)} equivalent programs give the same: {names}")
    if refused:
        yield session.row("metamorphic", "undecided", "not applied: " + "\n".join(refused[:3]))


def related(session: Session, item: Mapping[str, Any]) -> Row:
    """The row of one variant, as the service for variants sends it."""
    case = parse_case(item["text"])
    eager, reference = unpack_reference(item)
    assert reference is not None, "variants have one"
    name = f"metamorphic: {item['relation']}"
    heading = f"at {item['where']}"
    outcome = session.examiner.run(case, session.target, session.pipeline, fresh=True)
    own = session.examiner.judge(case, session.target, eager, reference, outcome)
    if own.bad:
        lines = [f"{heading}: the variant fails by itself ({own.oracle})", *own.explanation.splitlines()[:2]]
        return session.row(name, own.kind, "\n".join(lines))
    if outcome.kind != "values":
        return session.row(name, "undecided", f"{heading}: the variant gives no values: {outcome.kind}")
    assert session.reference is not None
    verdict = compare_outcomes(
        Ran(session.reference, session.eager, session.outcome), Ran(reference, eager, outcome),
        item["outputs"], item["gradients"], item["relation"],
    )  # fmt: skip
    lines = [f"{heading}: {line}" if not at else line for at, line in enumerate(verdict.explanation.splitlines()[:3])]
    return session.row(name, verdict.kind, "\n".join(lines))


def _shapes(session: Session) -> Iterator[Row]:
    pipelines = [pipeline for pipeline in session.system.pipelines() if pipeline.options.get("dynamic")]
    if not pipelines:
        yield session.row("dynamic-shapes", "undecided", "the target has no pipeline with dynamic shapes")
        return
    answer = session.refer(RESIZED, seed=session.seed, most=4)
    if answer.data is None:
        yield _lost(session, "dynamic-shapes", answer)
        return
    items = answer.data["cases"]
    if not items:
        yield session.row("dynamic-shapes", "undecided", "eager takes the program at no other size")
        return
    texts = [session.case.text, *(item["text"] for item in items)]
    ran = session.ask(SHAPES, cases=texts, pipeline=pipelines[0].to_data())
    if ran.data is None:
        yield _lost(session, "dynamic-shapes", ran)
        return
    outcomes = [Outcome.unpack(data) for data in ran.data["outcomes"]]
    if len(outcomes) < 2:
        yield session.row("dynamic-shapes", "ok", f"not compiled with dynamic shapes: {outcomes[0].kind}")
        return
    right = []
    for item, outcome in zip(items, outcomes[1:]):
        eager, reference = unpack_reference(item)
        verdict = session.examiner.judge(parse_case(item["text"]), session.target, eager, reference, outcome)
        if verdict.bad:
            text = f"compiled once, then run with sizes {item['how']} ({verdict.oracle})\n{verdict.explanation}"
            yield session.row("dynamic-shapes", verdict.kind, text)
        else:
            right.append(item["how"])
    if right:
        yield session.row("dynamic-shapes", "ok", f"compiled once, run with sizes {', '.join(right)}")


def _memory(session: Session) -> Iterator[Row]:
    answer = session.ask(OBSERVED, case=session.case.text)
    if answer.data is None:
        yield _lost(session, "memory", answer)
    elif answer.data["stamped"] is not None:
        yield session.row("memory", "proved", f"on inputs between canaries: {answer.data['stamped']}")
    elif answer.data["error"] is not None:
        yield session.row("memory", "undecided", answer.data["error"])
    else:
        yield session.row("memory", "ok", "nothing written around the inputs, nor in those the program does not write")


def _cost(session: Session) -> Iterator[Row]:
    # The history has what a campaign keeps: amounts in all, which compiling dominates.
    spent = {"seconds": session.outcome.seconds.get("total", 0.0), **session.outcome.facts.get("spent", {})}
    for of in AMOUNTS:
        if of not in spent:
            why = no_counter() if of == "instructions" else None
            yield session.row("cost", "undecided", f"{of}: not measured{': ' + why if why else ''}")
            continue
        took = words(spent[of], of)
        judged = judge_cost(Spent(len(session.case.graph.nodes), spent[of]), session.history.get(of, []), of)
        if judged.kind == "unknown":
            text = f"took {took}; no history to compare it with (a campaign's --folder gives one)"
            yield session.row("cost", "undecided", text)
        elif judged.kind == "outlier":
            text = (
                f"took {took}, usual for its size are {words(judged.usual, of)}\n"
                f"{judged.deviations:.0f} robust standard deviations above; a cost, not a wrong answer"
            )
            yield session.row("cost", "cost", text)
        else:
            yield session.row("cost", "ok", f"took {took}, usual for its size are {words(judged.usual, of)}")


#: By name, in the order in which they run; each gives its rows.
ORACLES: dict[str, Callable[[Session], Iterator[Row]]] = {
    "determinism": _determinism,
    "gradients": _gradients,
    "forward-mode": _forward,
    "exact-gradients": _polynomial,
    "metamorphic": _metamorphic,
    "dynamic-shapes": _shapes,
    "memory": _memory,
    "cost": _cost,
}
