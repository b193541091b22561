"""The peer to beat for every kind of task: the stock Hugging Face Trainer, set up as its example scripts and guides do it.

One file per kind: ``run(data, out, options)`` reads ``train.jsonl``, ``test.jsonl`` (and where it says so ``validation.jsonl``)
from a folder, tunes, and writes what the model says of the test records. Nothing here imports this project's stages, so that
the peer shares no code with what it is compared with. The test file has no targets.

``python -m benchmarks.peers KIND DATA OUT --model FOLDER ...`` runs one and prints its seconds as a JSON line;
`benchmarks.tasks` does that in turn with ours.
"""
