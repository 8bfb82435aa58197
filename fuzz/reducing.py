"""Reduction of a finding through isolated workers, and its localisation: what a campaign and the commands share."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError
from misfold.programs.graph import Graph, Value
from misfold.programs.pipeline import Pipeline
from misfold.programs.types import TensorType
from misfold.targets import running
from misfold.targets.isolation.answer import Answer as WorkerAnswer
from misfold.targets.kernels import running as kernel_running
from misfold.triage.localise import crashes
from misfold.triage.localise.blame import FAILS, FAILS_OTHERWISE, PASSES, REFUSED, Blame
from misfold.triage.localise.locate import localise
from misfold.triage.localise.probe import Probe
from misfold.triage.reduce.graphs import GraphReduction, graph_weight
from misfold.triage.reduce.history import History
from misfold.triage.reduce.kernels import KernelReduction, kernel_weight
from misfold.triage.reduce.kernels import size as kernel_size
from misfold.triage.reduce.search import INVALID, OTHER, SAME, Answer, Bounds, Search
from misfold.triage.reduce.search import PASSES as DOES_NOT_FAIL
from misfold.triage.reduce.stability import Stability, repeated
from misfold.triage.signature import failure_key

from .examine import REFERENCE, Examination, Examiner

#: Other failures that one reduction hands over: of a flood of them the first few say all.
MOST_OTHERS = 3
#: Seconds that finding a crash's native frames, and interpreting all stages of a compile, may take.
SERVICE_SECONDS = 60.0

#: Of a candidate for a hang: its limit is a quarter of the usual one, and at least this, or tests would be few. The
#: reduced case is examined with the same limit: what hangs on one operator and three elements hangs.
HANG_SECONDS = 5.0

Handover = Callable[[Examination], None]


@dataclass
class Reduced:
    """A reduction that is over.

    ``plain`` is the smallest case found, examined in a fresh process; ``normal`` the same with plainer operators, from
    which the signature is made; ``same`` whether ``plain`` still fails in the same way (or else it is the original).
    """

    plain: Examination
    normal: Any
    blame: Blame
    same: bool
    facts: dict[str, Any]


class Reducer:
    """Reduces and localises what one examination showed.

    Args:
        examiners: one for each candidate that is tried side by side; the first also runs what is not parallel.
        first: a failure.
        other: receives other failures that are met on the way, at most ``MOST_OTHERS`` different ones, proved ones
            only.
    """

    def __init__(
        self,
        examiners: Sequence[Examiner],
        first: Examination,
        bounds: Bounds,
        *,
        history: Path | None = None,
        other: Handover | None = None,
        stability: Stability | None = None,
        stopping: Callable[[], bool] = lambda: False,
        seconds_to_localise: float = 120.0,
        operators: bool = True,
    ):
        self.examiners, self.first, self.bounds = list(examiners), first, bounds
        self.target = first.target
        self.system = self.examiners[0].targets[first.target]
        self.kernel = not isinstance(first.case, Case)
        self.key = self.key_of(first)
        self.other, self.stopping = other, stopping
        self.stability = stability or Stability(1, 1)
        self.folder = history
        self.seconds_to_localise, self.operators = seconds_to_localise, operators
        self._others: set[str] = set()

    def key_of(self, examination: Examination) -> str:
        """What makes two failures the same one."""
        return failure_key(
            examination.target, examination.verdict, examination.outcome,
            self.examiners[0].targets[examination.target].own_modules,
        )  # fmt: skip

    def same(self, examination: Examination) -> bool:
        """Whether an examination shows the failure that is being reduced."""
        return examination.bad and self.key_of(examination) == self.key

    def run(self) -> Reduced:
        """Reduce, localise, and reduce to plainer operators."""
        if self.first.outcome.kind != "hang":
            return self._run()
        limits = [one.seconds for one in self.examiners]
        for one in self.examiners:
            one.seconds = max(HANG_SECONDS, one.seconds / 4)
        try:
            return self._run()
        finally:
            for one, seconds in zip(self.examiners, limits, strict=True):
                one.seconds = seconds

    def _run(self) -> Reduced:
        start = time.monotonic()
        case = replace(self.first.case, pipelines={self.target: self.first.pipeline})
        history = None
        if self.folder is not None:
            suffix = ".kernel" if self.kernel else ".case.py"
            history = History(self.folder, suffix, f"{case.hash} {self.key}")
        try:
            search = self._search(case, history)
            reduction = self._reduction(search)
            reduction.run()
            plain, same = self._settled(search.case)
            tests, spent = search.tests, time.monotonic() - start
            blame = self.localise(plain)
            if same:
                search.stopping = self.stopping
                normal = self._normalise(search, reduction, plain, blame)
            else:
                normal = plain.case
        finally:
            if history is not None:
                history.close()
        facts = {
            "tests": tests,
            "seconds": round(spent, 2),
            "tests in all": search.tests,
            "seconds in all": round(time.monotonic() - start, 2),
            "before": size_of(case),
            "after": size_of(plain.case),
            "same": same,
            "stability": self.stability.to_data(),
            "claim": None if plain.verdict.claim is None else plain.verdict.claim.to_data(),
            "cut short": search.over and not self.stopping(),
        }
        return Reduced(plain, normal, blame, same, facts)

    def localise(self, failing: Examination) -> Blame:
        """Where the failure of an examination comes from."""
        end = time.monotonic() + self.seconds_to_localise
        examiner = self.examiners[0]

        known: dict[str, tuple[Any, Any]] = {}

        def attempt(case: Any, pipeline: Pipeline) -> tuple[str, Any]:
            # What is right does not depend on the pipeline.
            bare = replace(case, pipelines={})
            if bare.hash not in known:
                known[bare.hash] = examiner.refer(bare)
            case = replace(case, pipelines={self.target: pipeline})
            examination = examiner.examine(case, self.target, pipeline, referred=known[bare.hash])
            return self._word(examination), examination.verdict

        def call(service: str, request: dict[str, Any]) -> dict[str, Any] | None:
            return examiner.call(self.system.family, service, request, SERVICE_SECONDS, fresh=True).data

        probe = Probe(
            failing.case, self.system, failing.pipeline, failing.outcome, failing.verdict, attempt, call,
            lambda: self.stopping() or time.monotonic() > end,
        )  # fmt: skip
        try:
            blame = localise(probe, kernel=self.kernel, operators=self.operators)
        except MisfoldError as error:
            blame = Blame(notes=(f"not localised: {error}",))
        if failing.outcome.kind == "crash":
            blame = replace(blame, frames=self._native_frames(failing))
        return blame

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _search(self, case: Any, history: History | None) -> Search[Any]:
        usual = list(self.system.pipelines())
        weigh: Any = kernel_weight(self.target, usual) if self.kernel else graph_weight(self.target, usual)
        return Search(
            case,
            [repeated(self._tester(one), self.stability.repeats) for one in self.examiners],
            weigh,
            self.bounds,
            history=history,
            settle=(lambda case: case) if self.kernel else self._typed,
            other=self._hand_over,
            stopping=self.stopping,
        )

    def _reduction(self, search: Search[Any]) -> Any:
        usual = list(self.system.pipelines())
        if self.kernel:
            return KernelReduction(search, self.target, usual)
        return GraphReduction(search, self.target, usual, self.examiners[0].capture, self.first.verdict.output)

    def _tester(self, examiner: Examiner) -> Callable[[Any], Answer]:
        def test(case: Any) -> Answer:
            try:
                examination = examiner.examine(case, self.target, case.pipelines[self.target])
            except MisfoldError:
                if self.stopping():
                    return Answer(DOES_NOT_FAIL)
                # The target cannot be asked for this: a pipeline without what it needs, say.
                return Answer(INVALID)
            if examination.eager.kind != "values":
                return Answer(INVALID)
            if self.same(examination):
                return Answer(SAME)
            if examination.bad:
                return Answer(OTHER, self.key_of(examination), examination)
            return Answer(DOES_NOT_FAIL)

        return test

    def _hand_over(self, case: Any, answer: Answer) -> None:
        found = answer.detail
        if self.other is None or found is None or found.verdict.kind != "proved":
            return
        if answer.what not in self._others and len(self._others) < MOST_OTHERS:
            self._others.add(answer.what)
            self.other(found)

    def _typed(self, case: Case) -> Case:
        """The case with the types of its values stated, as eager has them."""
        if all(value.type is not None for value in case.graph.values.values()):
            return case
        types = types_of(self.examiners[0], case)
        if not types:
            return case
        graph = case.graph
        nodes = tuple(
            replace(node, outputs=tuple(Value(one.name, types.get(one.name)) for one in node.outputs))
            for node in graph.nodes
        )
        return replace(case, graph=Graph(graph.inputs, nodes, graph.returns))

    def _settled(self, case: Any) -> tuple[Examination, bool]:
        """The reduced case in its normal form, examined in a fresh process; the original if it does not hold up."""
        for candidate in (normal_form(case), case):
            final = self.examiners[0].examine(candidate, self.target, candidate.pipelines[self.target], fresh=True)
            if self.same(final):
                return final, True
        original = replace(self.first.case, pipelines={self.target: self.first.pipeline})
        return replace(self.first, case=original), False

    def _normalise(self, search: Search[Any], reduction: Any, plain: Examination, blame: Blame) -> Any:
        """The case with plainer operators, as long as what helped the reduced case helps it too."""
        if plain.outcome.failure is not None and plain.outcome.kind in ("compile-error", "run-error"):
            return plain.case  # Its signature comes from its message and frames.
        if plain.outcome.kind == "hang":
            return plain.case  # Every test would cost the whole time limit.
        before = search.case
        guard = self._remedy(plain, blame)
        if guard is None:
            return plain.case  # Or faults of two operators, in an importer for instance, would become one.
        testers = search.testers
        search.testers = [self._guarded(test, one, guard) for test, one in zip(testers, self.examiners, strict=True)]
        search.history = None
        search.bounds = replace(search.bounds, tests=search.tests + NORMALISING_TESTS)
        search.extend(self.bounds.seconds / 2)
        normal = reduction.normalise()
        search.testers = testers
        return normal_form(normal) if normal is not before else plain.case

    def _remedy(self, plain: Examination, blame: Blame) -> Callable[[Examiner, Any], bool] | None:
        """Whether what is to blame for a reduced case is to blame for another; None where that cannot be asked."""
        if "interpretation" in blame.how:
            from misfold.triage.localise import interpretation

            service = interpretation.KERNELS if self.kernel else interpretation.GRAPHS

            def same_stage(examiner: Examiner, case: Any) -> bool:
                request = {"case": case.text, "pipeline": case.pipelines[self.target].to_data()}
                answer = examiner.call(self.system.family, service, request, SERVICE_SECONDS)
                return answer.data is not None and answer.data.get("stage") == blame.stage

            return same_stage
        pipeline = remedy_pipeline(plain.pipeline, blame)
        if pipeline is None:
            return None

        def helped(examiner: Examiner, case: Any) -> bool:
            changed = replace(case, pipelines={self.target: pipeline})
            return self._word(examiner.examine(changed, self.target, pipeline)) == PASSES

        return helped

    def _guarded(
        self, test: Callable[[Any], Answer], examiner: Examiner, guard: Callable[[Examiner, Any], bool]
    ) -> Callable[[Any], Answer]:
        def guarded(case: Any) -> Answer:
            answer = test(case)
            if answer.kind == SAME and not guard(examiner, case):
                return Answer(DOES_NOT_FAIL)
            return answer

        return guarded

    def _word(self, examination: Examination) -> str:
        if self.same(examination):
            return FAILS
        if examination.bad:
            return FAILS_OTHERWISE
        return REFUSED if examination.outcome.kind != "values" else PASSES

    def _native_frames(self, failing: Examination) -> tuple[str, ...]:
        own = crashes.LIBRARIES.get(self.target, ())
        with tempfile.TemporaryDirectory(prefix="misfold-crash-") as folder:
            path = Path(folder) / "frames"
            inner: dict[str, Any] = {
                "target": self.target, "case": failing.case.text, "pipeline": failing.pipeline.to_data(), "repeats": 1,
            }  # fmt: skip
            service = kernel_running.SERVICE if self.kernel else running.SERVICE
            request = {"service": service, "request": inner, "path": str(path)}
            self._call(crashes.SERVICE, request)
            text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return crashes.own_frames(text, own, function_at)

    def _call(self, service: str, request: dict[str, Any]) -> WorkerAnswer:
        return self.examiners[0].call(self.system.family, service, request, self.examiners[0].seconds, fresh=True)


#: Tests that making operators plainer may take on top of the reduction.
NORMALISING_TESTS = 60


def remedy_pipeline(pipeline: Pipeline, blame: Blame) -> Pipeline | None:
    """A pipeline without what is to blame, where blame says how: a pass by name."""
    names = {blame.stage, blame.part}
    passes = pipeline.passes
    if passes is not None and any(name in names for name, _ in passes):
        kept = tuple(entry for entry in passes if entry[0] not in names)
        return replace(pipeline, name=f"without-{blame.stage}", passes=kept)
    return None


def normal_form(case: Any) -> Any:
    """A case of a graph with its values called ``x0, …`` and ``v0, …``; kernels as they are."""
    if not isinstance(case, Case):
        return case
    recipes = {f"x{index}": case.recipes[value.name] for index, value in enumerate(case.graph.inputs)}
    return replace(case, graph=case.graph.normal(), recipes=recipes)


def size_of(case: Any) -> dict[str, int]:
    """How large a case is: nodes or statements, elements, passes."""
    passes = max((len(one.passes or ()) for one in case.pipelines.values()), default=0)
    if isinstance(case, Case):
        elements = sum(value.known.elements for value in case.graph.inputs)
        return {"nodes": len(case.graph.nodes), "elements": elements, "passes": passes}
    from misfold.compiler.loops.visit import statements

    count = len(list(statements(case.function.body)))
    return {"statements": count, "size": kernel_size(case.function), "passes": passes}


def types_of(examiner: Examiner, case: Case) -> Mapping[str, TensorType]:
    """The types of all values of a case when they are made; empty where eager cannot run it."""
    answer = examiner.call(REFERENCE, "misfold.triage.reduce.capture:serve", {"case": case.text}, examiner.seconds)
    raw = {} if answer.data is None else answer.data["types"]
    return {name: TensorType.of(dtype, tuple(shape)) for name, (dtype, shape) in raw.items()}


def function_at(file: str, offset: int) -> str | None:
    """The name of the function at an offset of a library's file, as far as its tables tell; None if they do not."""
    try:
        from .coverage.native.elf import LibraryError

        library = _library(file)
    except (ImportError, LibraryError):  # without the extra "coverage", or no library at all
        return None
    return library(offset)


@cache
def _library(file: str) -> Callable[[int], str | None]:
    import bisect

    from .coverage.native.demangle import demangle
    from .coverage.native.elf import Library

    library = Library(Path(file))
    functions = library.functions.start
    named = dict(library.classes)
    named |= {int(address): name for address, name in zip(*library.symbols)}

    def name(offset: int) -> str | None:
        at = bisect.bisect_right(functions, offset) - 1
        if at < 0:
            return None
        known = named.get(int(functions[at]))
        return None if known is None else demangle(known).partition("(")[0]

    return name


__all__ = ["Reduced", "Reducer", "function_at", "normal_form", "size_of"]
