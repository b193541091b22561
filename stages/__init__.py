"""Whetstone: fine-tune a pretrained language model reproducibly, and measure what that did to it.

The flow, one DVC stage per module, each run as ``python -m stages.<name>`` (never by path: a stage run by path would
put this folder on ``sys.path`` and ``tokenize`` would then hide the standard library's)::

    data/raw --prepare--> data/prepared --tokenize--> data/tokenized --finetune--> models/finetuned
                                                                                       |
              models/release <--export-- (parity gate) <--evaluate-- reports/evaluation

The rooms, from the top layer to the bottom one (import-linter holds the order): the stage modules, ``harness``, then
``tracking | exporters | analysis``, ``training``, ``adaptation``, ``tasks``, ``metrics``, ``encoding``, ``corpora``,
``artifacts``, ``params``, ``errors``.
"""

import gc
import sys

STAGES = ("prepare", "tokenize", "finetune", "evaluate", "export")
COLLECTION = gc.get_threshold()
"""Python's own thresholds of garbage collection, which `harness.main` goes back to."""

if any(f"stages.{name}" in sys.orig_argv for name in STAGES):
    # A stage is being started. What it imports makes some hundred thousand objects that stay to the end: looking for garbage
    # among them at Python's usual rate takes a fifth of the start.
    gc.set_threshold(50_000, 20, 100)
