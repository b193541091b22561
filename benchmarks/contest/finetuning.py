"""The finetune stage as ``python -m stages.finetune`` runs it, with the seconds of its training printed as a JSON line."""

from __future__ import annotations

import json
import sys
import time
from unittest.mock import patch


def main() -> None:
    sys.orig_argv.append("stages.finetune")  # imports as `python -m stages.finetune` does; see `stages.__init__`
    from stages import finetune, harness
    from stages.training.trainer import Tuner

    whole, seconds = Tuner.run, []

    def timed(tuner: Tuner) -> None:
        began = time.perf_counter()
        whole(tuner)
        seconds.append(time.perf_counter() - began)

    with patch.object(Tuner, "run", timed):
        harness.main("finetune", finetune.work, finetune.SECTIONS)
    print(json.dumps({"train": seconds[0]}))


if __name__ == "__main__":
    main()
