"""All traces of the installed torch: every source in a child of its own, one normal form, judged once more.

A source's word is not taken for it: each call is executed in its normal form on freshly drawn contiguous tensors, and
what that gives is its label. Where a source saw a call succeed that no draw makes succeed, it is the elements that
matter, and the source's outputs are kept.
"""

from __future__ import annotations

import gc
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from misfold.programs.hashing import text_hash

from ..collect.processes import fork_map
from .appending import Appender
from .call import DYNAMIC, NEEDED, Call, Trial, decode_outputs
from .errors import is_death
from .executing import LEFT_OUT, Label
from .labelling import Labeller
from .onnx_nodes import PREFIX, onnx_sources
from .script import versions
from .signatures import canonical
from .sources import Source, torch_sources
from .storage import header
from .structure import dtypes, structure

# Traces of one structure: enough for its rule, few enough that databases with thousands of samples of one operator do
# not crowd out the others; and of these with one combination of element types.
STRUCTURE_CAP = 48
DTYPES_CAP = 6
# What some sources together, or one that needs a process of its own, may take on a busy core.
SECONDS = 300.0
# Sources in one child: forking a process with PyTorch's test data costs as much as a small source.
TOGETHER = 8

Progress = Callable[[str, int, int], None]


@dataclass
class Collection:
    """What a collection found: ``trials`` sorted by call; ``dropped`` counts by reason; ``failed`` are sources whose
    process ended badly; ``deaths`` are calls that take eager down."""

    trials: list[Trial] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    deaths: list[Trial] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Figures as plain data."""
        valid = sum(trial.valid for trial in self.trials)
        return {
            "trials": len(self.trials),
            "valid": valid,
            "functions": len({trial.call.function for trial in self.trials}),
            "structures": len({structure(trial.call) for trial in self.trials if trial.valid}),
            "origins": dict(Counter(trial.origin.partition(":")[0] for trial in self.trials)),
            "dropped": dict(self.dropped.most_common()),
            "failed": self.failed,
            "deaths": [trial.call.text() for trial in self.deaths],
        }


def collect_traces(
    *,
    jobs: int = 2,
    only: str | None = None,
    progress: Progress | None = None,
    sources: Mapping[str, Source] | None = None,
    keep: Path | None = None,
) -> Collection:
    """Trials of every call that the sources make (by default those of the installed torch), in normal form, without
    duplicates, sorted.

    ONNX's node tests are among the sources if onnx is installed.

    ``only`` restricts to sources whose name holds the text; ``progress`` is called with what is being done and how much
    of it is done and to do. What sources made is kept in the file ``keep``, if one is named, so that a collection which
    was killed goes on where it was. The same with the same ``PYTHONHASHSEED``: PyTorch's test data comes out of sets of
    text.

    Raises:
        ImportError: PyTorch's test data needs ``expecttest`` and ``scipy``.
        TargetError: the isolated workers cannot be started.
        UsageError: ``keep`` is a file of something else, or cannot be written.
    """
    torch.set_num_threads(1)  # forked children must not inherit thread pools
    warnings.simplefilter("ignore")
    every = {**torch_sources(), **onnx_sources()} if sources is None else sources
    chosen = {name: source for name, source in every.items() if only is None or only in name}
    found = Collection()
    head = header(versions(), traces=text_hash("\n".join(chosen)))
    with Appender(keep, head) if keep is not None else nullcontext() as file:
        observed = _observe(chosen, jobs, found, progress, file)
    with Labeller(jobs) as labeller:
        found.trials = settle(observed, labeller, found.dropped, progress)
    found.deaths = [trial for trial in found.trials if is_death(trial.error)]
    return found


def _observe(
    sources: Mapping[str, Source],
    jobs: int,
    found: Collection,
    progress: Progress | None,
    file: Appender | None,
) -> list[tuple[Trial, Call]]:
    """Trials in normal form as the sources saw them, each with the call as it was spelled."""
    names = list(sources)
    answers: dict[int, list[Any]] = {}
    for mark, lines in file.blocks() if file is not None else ():
        answers.update((index, line["observed"]) for index, line in zip(mark["mark"], lines))
    gc.collect()
    gc.freeze()  # else a collection in each child copies every page of objects
    left = [index for index in range(len(names)) if index not in answers]
    groups = [left[start : start + TOGETHER] for start in range(0, len(left), TOGETHER)]
    while groups:

        def work(group: Sequence[int]) -> Any:
            with seeding_the_processor_only():
                return [observed_data(sources[names[index]]()) for index in group]

        again: list[list[int]] = []
        for result in fork_map(work, groups, jobs=jobs, seconds=SECONDS):
            group = groups[result.index]
            if result.failure is None:
                answers.update(zip(group, result.data))
                if file is not None:
                    file.append([{"observed": data} for data in result.data], group, {})
            elif len(group) > 1:
                # One of them took the others down.
                again += [[index] for index in group]
            else:
                found.failed[names[group[0]]] = result.failure.strip().splitlines()[-1]
            if progress is not None:
                progress("observing", len(answers) + len(found.failed), len(names))
        groups = sorted(again)
    gc.unfreeze()
    merged: dict[tuple[Call, bool], tuple[Trial, Call]] = {}
    for index in sorted(answers):
        for data, raw in answers[index]:
            trial = Trial.from_data(data)
            # A call that one source saw fail and another succeed has elements that matter: the success counts.
            merged.setdefault((trial.call, trial.valid), (trial, trial.call if raw is None else Call.from_data(raw)))
    kept = [item for (call, valid), item in merged.items() if valid or (call, True) not in merged]
    return sorted(kept, key=lambda item: item[0].call.text())


@contextmanager
def seeding_the_processor_only() -> Iterator[None]:
    """Inside, ``torch.manual_seed`` leaves other devices alone, for each of which it would format a stack trace; the
    test data seeds once per sample."""
    before = torch.manual_seed
    torch.manual_seed = lambda seed: torch.default_generator.manual_seed(int(seed))
    try:
        yield
    finally:
        torch.manual_seed = before


def observed_data(trials: Iterable[Trial], structure_cap: int = STRUCTURE_CAP, dtypes_cap: int = DTYPES_CAP) -> Any:
    """Trials in normal form without duplicates, at most so many of a structure, and their calls as spelled, as data."""
    seen: set[tuple[Call, bool]] = set()
    groups: dict[tuple[str, bool], int] = defaultdict(int)
    alike: dict[tuple[str, tuple[str, ...], bool], int] = defaultdict(int)
    kept = []
    for trial in trials:
        call = trial.call if trial.call.function.startswith(PREFIX) else canonical(trial.call)
        if (call, trial.valid) in seen:
            continue
        seen.add((call, trial.valid))
        group = structure(call), trial.valid
        same = group[0], dtypes(call), trial.valid
        if groups[group] < structure_cap and alike[same] < dtypes_cap:
            groups[group] += 1
            alike[same] += 1
            kept.append([replace(trial, call=call).to_data(), None if call == trial.call else trial.call.to_data()])
    return kept


def settle(
    observed: Sequence[tuple[Trial, Call]],
    labeller: Labeller,
    dropped: Counter[str],
    progress: Progress | None = None,
) -> list[Trial]:
    """Observed trials as executions in their normal form confirm, correct or contradict them."""
    # ONNX's operators have been judged by ONNX.
    foreign = [trial for trial, _ in observed if trial.call.function.startswith(PREFIX)]
    observed = [item for item in observed if not item[0].call.function.startswith(PREFIX)]
    labels: list[Label] = []
    for _, label in labeller.labels(trial.call for trial, _ in observed):
        labels.append(label)
        if progress is not None and len(labels) % 1000 == 0:
            progress("judging", len(labels), len(observed))
    # Succeeded when observed but not in normal form: perhaps torch does not take this spelling after all.
    doubtful = [
        index
        for index, (trial, raw) in enumerate(observed)
        if trial.valid and labels[index][0][:1] not in ("", LEFT_OUT) and raw != trial.call
    ]
    respelled = dict(zip(doubtful, (label for _, label in labeller.labels(observed[index][1] for index in doubtful))))
    settled: dict[Call, Trial] = {trial.call: trial for trial in foreign}
    for index, (trial, raw) in enumerate(observed):
        label = labels[index]
        if index in respelled and respelled[index][0] != label[0]:
            label, trial = respelled[index], replace(trial, call=raw)
        result = _settled(trial, label)
        if result is None:
            dropped[label[0].removeprefix(LEFT_OUT)] += 1
        else:
            settled.setdefault(result.call, result)
    if progress is not None:
        progress("judging", len(observed), len(observed))
    return sorted(settled.values(), key=lambda trial: trial.call.text())


def _settled(trial: Trial, label: Label) -> Trial | None:
    error, data, values = label
    if error.startswith(LEFT_OUT):
        return None
    if error and trial.valid and not is_death(error):
        return replace(trial, values=NEEDED)
    if error:
        return replace(trial, outputs=None, error=error, values="")
    outputs = decode_outputs(data)
    if trial.valid and outputs != trial.outputs:
        values = DYNAMIC
    return replace(trial, outputs=outputs, error="", values=values)
