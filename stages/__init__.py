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
