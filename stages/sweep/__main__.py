"""`python -m stages.sweep [FILE] [--jobs N]`: run what a sweep names, and write its table, picture and list of runs.

Exit code 0: all runs are there. 1: some failed; the others are in the table. 2: the sweep cannot be run as it stands.
130: interrupted; what was done is kept, and the next call goes on.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.sweep import fronts, harvest, inputs, plan, queueing, writing
from stages.sweep.harvest import Run
from stages.sweep.plan import Trial

DEFAULT = Path("recipes/sweeps/methods.yaml")
OUT = Path("reports/pareto")
log = logging.getLogger("stages.sweep")


def main(words: Sequence[str]) -> int:
    """Plan, run, read, write."""
    parser = argparse.ArgumentParser(prog="python -m stages.sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT, help=f"of the sweep; {DEFAULT} by default")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once; they share the machine, and seconds show it")
    parser.add_argument("--only-read", action="store_true", help="run nothing; make the table of what is there")
    parser.add_argument("--out", type=Path, default=OUT, help=f"stem of the files to write; {OUT} by default")
    marks = " and ".join(writing.marks("NAME"))
    parser.add_argument(
        "--into", type=Path, help=f"a document with the lines {marks}; NAME is FILE's, without its ending"
    )
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        trials = plan.trials(chosen.file)
        if chosen.into is not None:
            writing.held(chosen.into, chosen.file.stem)  # better said now than after hours
        if not chosen.only_read:
            inputs.check(trials, chosen.file)
        found = harvest.runs(trials, {} if chosen.only_read else run(trials, max(chosen.jobs, 1)))
        write(found, chosen.out, chosen.file.stem, chosen.into)
    except UserError as error:
        log.error("sweep: %s", error)
        return error.exit_code
    except KeyboardInterrupt:
        log.error("sweep: interrupted; workers are gone, what is done is kept, and the same command goes on")
        return 130
    return 1 if any(one.commit is None for one in found) else 0


def run(trials: Sequence[Trial], jobs: int) -> dict[str, str]:
    """Queue what is neither done nor waiting, and work it off; returns what those that failed said, by name."""
    queue, names = queueing.Queue(), [one.name for one in trials]
    done, states = harvest.commits(), queue.states()
    here = (queueing.WAITING, queueing.RUNNING)
    missing = [one for one in trials if one.name not in done and states.get(one.name) not in here]
    waiting = {name for name, state in states.items() if state == queueing.WAITING and name.startswith(plan.PREFIX)}
    strange = sorted(waiting - set(names))
    if strange and not queue.workers():
        log.info(
            "sweep: %d runs of another sweep waited and would go first; run it again to queue them again", len(strange)
        )
        queueing.dvc("queue", "remove", *strange)
    log.info("sweep: %d runs, %d done before, %d to queue", len(names), len(done.keys() & set(names)), len(missing))
    for one in missing:
        queue.add(one)
    if set(names) - set(done):
        queueing.finish(queue, names, harvest.commits, jobs)
    done = harvest.commits()
    return {name: queue.log_of(name) for name in names if name not in done}


def write(found: Sequence[Run], out: Path, name: str, into: Path | None) -> None:
    """Write everything, and say where; failures are named."""
    for one in found:
        if one.commit is None:
            log.warning("sweep: %s, seed %d, is missing: %s", one.row, one.seed, one.error)
    rows = fronts.rows(found)
    # Not by `with_suffix`, which would take the end of a name like v1.2 for one.
    table, page, picture, runs = (out.with_name(f"{out.name}{end}") for end in (".csv", ".md", ".png", "_runs.csv"))
    writing.write_rows(table, rows)
    writing.write_runs(runs, found)
    said = writing.markdown(writing.read_rows(table))
    page.write_text(said, encoding="utf-8")
    writing.draw(picture, rows)
    if into is not None:
        writing.put_into(into, name, said)
    log.info("sweep: %s, .md and .png; every run in %s", table, runs)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
