"""Inference over many operators at once: while workers execute calls of one, rules of another are searched for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from ..rules.rule import Rule
from ..traces.call import Call
from ..traces.executing import Label
from ..traces.labelling import Labeller
from .operator import Labels, Options, infer_operator

# Operators under way: enough that workers always have calls, few enough to keep their records in memory.
_AHEAD = 6
# One trial: the call, output types, error, and what its values have to do with it.
Facts = tuple[Call, Any, str, str]
_Search = Generator[list[Call], Labels, list[Rule]]


def infer(
    operators: Iterable[tuple[str, Sequence[Facts]]],
    labeller: Labeller,
    options: Options | None = None,
    count_calls: Callable[[int], None] | None = None,
    alike: Callable[[str], Iterable[Rule]] = lambda function: (),
) -> Iterator[tuple[str, list[Rule]]]:
    """The rules of each operator, in the order in which they are done. What is inferred for an operator depends on its
    records and the seed alone, except that searches with a time limit find more on an idle machine. ``alike`` gives
    rules of functions that may be the same under another name, as far as they are known by then.

    Raises:
        TargetError: no worker can be had.
    """
    options = options or Options()
    waiting = iter(operators)
    active: dict[Future[list[Label]], tuple[str, _Search]] = {}
    with ThreadPoolExecutor(_AHEAD, "infer") as threads:

        def submit(function: str, search: _Search, calls: list[Call]) -> None:
            if count_calls is not None:
                count_calls(len(calls))
            active[threads.submit(lambda: [label for _, label in labeller.labels(calls)])] = (function, search)

        def advance(function: str, search: _Search, labels: Labels | None) -> list[Rule] | None:
            """Go on with an operator; its rules if that was all."""
            try:
                submit(function, search, next(search) if labels is None else search.send(labels))
            except StopIteration as stop:
                rules: list[Rule] = stop.value
                return rules
            return None

        exhausted = False
        while active or not exhausted:
            while len(active) < _AHEAD and not exhausted:
                following = next(waiting, None)
                if following is None:
                    exhausted = True
                    break
                function, trials = following
                search = infer_operator(function, trials, options, alike(function))
                rules = advance(function, search, None)
                if rules is not None:
                    yield function, rules
            if not active:
                continue
            finished, _ = wait(active, return_when=FIRST_COMPLETED)
            for future in finished:
                function, search = active.pop(future)
                rules = advance(function, search, future.result())
                if rules is not None:
                    yield function, rules
