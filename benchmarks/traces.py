"""What a file of trials holds, and how fast calls are tried.

    python -m benchmarks.traces trials.jsonl.gz --count 20000

Prints one JSON object:

- ``functions``, ``trials`` (all distinct), ``valid``, ``structures`` (of valid calls), ``origins``, ``deaths``;
- ``labels_per_cpu_second``: calls labelled per second of processor time of one worker's work, over ``--count`` trials
  drawn evenly from the file (several draws a call, reading the call from its data included);
- ``labels_per_second``: the same through isolated workers, in wall time, with ``--jobs`` of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter

from misfold.generators.traces import read
from misfold.generators.traces.call import Call
from misfold.generators.traces.errors import is_death
from misfold.generators.traces.executing import label, prepare
from misfold.generators.traces.labelling import Labeller
from misfold.generators.traces.structure import structure


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    trials = list(read(options.path))
    functions = {trial.call.function for trial in trials}
    result = {
        "functions": len(functions),
        "torch_functions": sum(name.startswith("torch.") for name in functions),
        "trials": len(trials),
        "distinct": len({trial.call.hash for trial in trials}),
        "valid": sum(trial.valid for trial in trials),
        "structures": len({structure(trial.call) for trial in trials if trial.valid}),
        "origins": dict(Counter(trial.origin.partition(":")[0] for trial in trials)),
        "values": dict(Counter(trial.values for trial in trials if trial.valid)),
        "deaths": [f"{trial.call.text()}: {trial.error}" for trial in trials if is_death(trial.error)],
    }
    # A call that takes its process down is tried in isolation only.
    usable = [trial.call for trial in trials if trial.call.function.startswith("torch.") and not is_death(trial.error)]
    calls = usable[:: max(len(usable) // options.count, 1)][: options.count]
    prepare()
    data = [call.to_data() for call in calls]
    started = time.process_time()
    for item in data:
        label(Call.from_data(item))
    result["labels_per_cpu_second"] = round(len(calls) / (time.process_time() - started))
    with Labeller(options.jobs) as labeller:
        list(labeller.labels(calls[:256]))
        started = time.perf_counter()
        done = sum(1 for _ in labeller.labels(calls))
        result["labels_per_second"] = round(done / (time.perf_counter() - started))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
