"""What the alignment report costs, by the number of records per statistic, in a project that has been run.

``cd PROJECT && python -m benchmarks.alignment_cost [RECORDS ...]`` measures the three gaps of the tuned model there, each
time in a process of its own, and writes none of it. Processor time is what to compare where other work goes on.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import cast

RECORDS = (100, 300, 1000, 3000)
FIELDS = ("records", "probed", "counted_seconds", "processor_seconds", "seconds", "peak_mib")


def once(records: int) -> dict[str, float]:
    """Measure, and say what it took; without a cap in seconds, so that the records are those asked for."""
    import numpy as np

    from stages import artifacts, evaluate
    from stages.alignment import measuring
    from stages.metrics.intervals import Bootstrap
    from stages.params.alignment import Budget
    from stages.params.evaluation import EvaluationParams
    from stages.params.loading import load
    from stages.training.prediction import load_tuned

    params = cast("EvaluationParams", load((EvaluationParams,))["evaluation"])
    settings = params.alignment.model_copy(update={"budget": Budget(records=records, seconds=None)})
    params = params.model_copy(update={"alignment": settings})
    tuned = load_tuned(artifacts.FINETUNED)
    splits = [split for split in ("validation", "test", "shifted") if split in tuned.schema.rows]
    predictions = {split: artifacts.read_table(artifacts.predictions(split)) for split in splits}
    right = {"tuned": evaluate.was_right(predictions["test"]), "tfidf": np.zeros(tuned.schema.rows["test"], dtype=bool)}
    before, began = time.process_time(), time.monotonic()
    bootstrap = Bootstrap(params.bootstrap, params.confidence, params.seed)
    found = measuring.measure(tuned, predictions, right, bootstrap, params)
    return {
        "records": records,
        "probed": found.sizes.probed,
        "counted_seconds": found.sizes.seconds,
        "processor_seconds": time.process_time() - before,
        "seconds": time.monotonic() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(asked: list[int]) -> None:
    print("| " + " | ".join(name.replace("_", " ") for name in FIELDS) + " |\n|" + " --- |" * len(FIELDS), flush=True)
    for records in asked:
        words = [sys.executable, "-m", "benchmarks.alignment_cost", "--once", str(records)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print("| " + " | ".join(f"{found[name]:,.0f}" for name in FIELDS) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        print(json.dumps(once(int(sys.argv[2]))))
    else:
        main([int(word) for word in sys.argv[1:]] or list(RECORDS))
