"""Many altered calls around each valid one, every one executed: what rules are told apart by.

Structures are taken one after another, some at a time; each has a pool of valid calls, from which rounds of changes are
made, and what turns out valid joins the pool. Structures that changes discover get their turn in a second generation.
What was found is appended to the file after each group of structures, so a run that was killed goes on where it was;
every decision derives from the seed and the structure.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.hashing import text_hash
from misfold.programs.types import TensorType

from . import appending
from .arguments import argument_text
from .call import Call, Trial, decode_outputs
from .changes import MAX_ELEMENTS, change
from .errors import is_death
from .executing import LEFT_OUT, Label
from .labelling import Labeller
from .onnx_nodes import PREFIX
from .signatures import signatures
from .storage import header
from .structure import structure

#: Changed calls tried for one structure.
BUDGET = 32
ROUNDS = 4
# Structures worked on at a time: enough calls in a round to keep all workers busy.
GROUP = 256
# A pool with more calls than this teaches no more; the first ones are the sources' own.
POOL = 64
# Values of an optional argument that changes choose from.
DONORS = 12


@dataclass
class Augmentation:
    """What a run has found so far, earlier parts of a resumed one included."""

    path: Path
    tried: int = 0
    kept: int = 0
    valid: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    deaths: list[Trial] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Figures as plain data."""
        return {
            "path": str(self.path),
            "tried": self.tried,
            "kept": self.kept,
            "valid": self.valid,
            "kinds": dict(self.kinds.most_common()),
            "left_out": dict(self.left_out.most_common()),
            "deaths": [f"{trial.call.text()}: {trial.error}" for trial in self.deaths],
            "unstable": self.unstable,
        }


class _Run:
    """One augmentation under way: pools and all that has been seen."""

    def __init__(self, traces: Sequence[Trial], seed: int, budget: int, found: Augmentation):
        self.seed, self.budget, self.found = seed, budget, found
        self.seen = {trial.call.hash for trial in traces}
        self.pools: dict[str, list[Call]] = defaultdict(list)
        for trial in traces:
            if trial.valid and not trial.call.function.startswith(PREFIX):
                pool = self.pools[structure(trial.call)]
                if len(pool) < POOL:
                    pool.append(trial.call)
        self.known = set(self.pools)
        self.discovered: dict[str, list[Call]] = defaultdict(list)
        self.donors = donors(trial.call for trial in traces if trial.valid)

    def note(self, trial: Trial, own: str | None, generation: int) -> None:
        """Take an executed call into account; ``own`` is the structure that it was made for, if its turn is now."""
        found = self.found
        found.kept += 1
        found.kinds[trial.origin.partition(":")[2]] += 1
        if is_death(trial.error):
            found.deaths.append(trial)
        if not trial.valid:
            return
        found.valid += 1
        key = structure(trial.call)
        if key == own:
            if len(self.pools[key]) < POOL:
                self.pools[key].append(trial.call)
        elif generation == 0 and key not in self.known:
            if len(self.discovered[key]) < 4:
                self.discovered[key].append(trial.call)

    def candidates(self, keys: Sequence[str], randoms: Mapping[str, Random], count: int) -> list[tuple[str, Call, str]]:
        """Changed calls that were not seen before, with the structure each was made for and the kind of change."""
        made = []
        for key in keys:
            pool, random = self.pools[key], randoms[key]
            small = [call for call in pool if sum(kind.elements for kind in call.tensors()) <= MAX_ELEMENTS] or pool
            given = self.donors.get(small[0].function, {})
            for _ in range(count):
                altered = change(random.choice(small), random, given)
                if altered is None or altered[0].hash in self.seen:
                    continue
                self.seen.add(altered[0].hash)
                made.append((key, *altered))
        return made


def augment(
    traces: Sequence[Trial],
    path: Path | str,
    *,
    versions: Mapping[str, str],
    seed: int = 0,
    budget: int = BUDGET,
    jobs: int = 2,
    own: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Augmentation:
    """Try ``budget`` changes of the calls of each structure, and write all trials, ``traces`` first, to ``path``.

    If ``path`` holds the beginning of the same run (traces, seed, budget, versions), it goes on behind it; if all of
    it, nothing is done. ``own`` are functions outside torch that may be imported and called. ``progress`` is called
    with what is being done, and how many structures are done and to do.

    Raises:
        UsageError: ``path`` holds something else, or cannot be written.
        TargetError: the isolated workers cannot be started.
    """
    found = Augmentation(Path(path))
    head = header(versions, seed=seed, budget=budget, traces=digest(traces))
    run = _Run(traces, seed, budget, found)
    with appending.Appender(found.path, head) as file:
        before = file.marks
        _replay(run, file, traces)
        with Labeller(jobs, own=own) as labeller:
            for generation, share in ((0, 1.0), (1, 0.5)):
                if generation:
                    for key, pool in run.discovered.items():
                        run.pools[key] = list(pool)
                    keys = list(run.discovered)
                else:
                    keys = list(run.pools)
                # In no order of the alphabet, so that what a run has done at any moment is a fair sample.
                keys.sort(key=text_hash)
                _generation(run, generation, keys, max(int(budget * share), 1), file, labeller, progress)
            found.unstable = labeller.unstable
        if file.marks > before or not before:
            file.sync()
    return found


def _generation(
    run: _Run,
    generation: int,
    keys: Sequence[str],
    budget: int,
    file: appending.Appender,
    labeller: Labeller,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    title = "augmenting" if generation == 0 else "augmenting what was discovered"
    for start in range(0, len(keys), GROUP):
        group = keys[start : start + GROUP]
        mark = [generation, start]
        if mark not in file.done:
            trials, counts = _group(run, generation, group, budget, labeller)
            file.append([trial.to_data() for trial in trials], mark, counts)
        if progress is not None:
            progress(title, min(start + GROUP, len(keys)), len(keys))


def _group(
    run: _Run, generation: int, keys: Sequence[str], budget: int, labeller: Labeller
) -> tuple[list[Trial], dict[str, Any]]:
    """All rounds for some structures: what was found, and what is to be counted besides."""
    randoms = {key: Random(f"{run.seed} {generation} {key}") for key in keys}
    trials: list[Trial] = []
    tried, left_out, skipped = 0, Counter[str](), []
    for place in range(ROUNDS):
        count = budget // ROUNDS + (place < budget % ROUNDS)
        made = run.candidates(keys, randoms, count)
        tried += len(made)
        for (key, call, kind), (_, label) in zip(made, labeller.labels(call for _, call, _ in made), strict=True):
            trial = _trial(call, label, kind)
            if trial is None:
                left_out[label[0].removeprefix(LEFT_OUT)] += 1
                skipped.append(call.hash)
                continue
            run.note(trial, key, generation)
            trials.append(trial)
    run.found.tried += tried
    run.found.left_out += left_out
    return trials, {"tried": tried, "left_out": dict(left_out), "skipped": skipped}


def _trial(call: Call, label: Label, kind: str) -> Trial | None:
    error, data, values = label
    if error.startswith(LEFT_OUT):
        return None
    return Trial(call, None if error else decode_outputs(data), error, f"augmented:{kind}", values)


def _replay(run: _Run, file: appending.Appender, traces: Sequence[Trial]) -> None:
    """Take into account what the file holds already; a new one gets the traces."""
    if not file.marks:
        file.append([trial.to_data() for trial in traces], ["traces"], {})
        return
    for mark, lines in file.blocks():
        counts = mark.get("counts", {})
        run.found.tried += counts.get("tried", 0)
        run.found.left_out.update(counts.get("left_out", {}))
        run.seen.update(counts.get("skipped", ()))
        if mark["mark"] == ["traces"]:
            continue
        for data in lines:
            trial = Trial.from_data(data)
            run.seen.add(trial.call.hash)
            # A structure's own pool has served its turn; only what was discovered matters from here on.
            run.note(trial, None, mark["mark"][0])


def digest(trials: Iterable[Trial]) -> str:
    """A hash of trials in order: tells whether a file belongs to them."""
    total = hashlib.blake2b(digest_size=8)
    for trial in trials:
        total.update(f"{trial.call.text()} {trial.error} {trial.values}\n".encode())
    return total.hexdigest()


def donors(calls: Iterable[Call]) -> dict[str, dict[str, list[Argument]]]:
    """For each function its optional arguments with some values each: those seen, and what the signature suggests.
    Under ``str`` are all strings seen."""
    found: dict[str, dict[str, dict[str, Argument]]] = defaultdict(lambda: defaultdict(dict))
    for call in calls:
        arguments = found[call.function]
        for key, value in call.kwargs:
            _offer(arguments[key], value)
        for item in (*call.args, *(value for _, value in call.kwargs)):
            if type(item) is str:
                _offer(arguments["str"], item)
    for function, arguments in found.items():
        for key, value in _suggested(function):
            _offer(arguments[key], value)
    return {name: {key: list(values.values()) for key, values in args.items()} for name, args in found.items()}


def _offer(values: dict[str, Argument], value: Argument) -> None:
    if len(values) < DONORS:
        values.setdefault(argument_text(value), value)


def _suggested(function: str) -> Iterator[tuple[str, Argument]]:
    """Optional arguments that a function's signature has, with values of the right kind."""
    for signature in signatures(function) if ":" not in function else ():
        for parameter in signature:
            if parameter.required or parameter.name.startswith("_"):
                continue
            kind = parameter.kind.removeprefix("Optional[").removesuffix("]")
            if kind == "bool" or type(parameter.default) is bool:
                yield from ((parameter.name, False), (parameter.name, True))
            elif kind == "ScalarType":
                yield from ((parameter.name, Symbol(f"torch.{name}")) for name in ("float64", "float32", "int64"))
            elif kind in ("int", "SymInt"):
                yield from ((parameter.name, value) for value in (0, 1, -1, 2))
            elif kind == "Tensor":
                yield parameter.name, TensorType.of("float32", (3,))
