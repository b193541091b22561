"""A release, ready to use on raw texts: `Predictor("models/release").predict(["where is my order"])`.

It encodes, batches and decodes with the code of the task's kind (`stages.tasks`), the same that evaluate judged the model by,
and needs onnxruntime, tokenizers, numpy and pyarrow, but no torch. Inputs run in batches sorted by length and come back in
their own order. A graph whose products depend on what stands beside a record says so (`ALONE`), and then each runs alone. A
predictor may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from stages import tasks
from stages.artifacts import Encoding, Schema, read_json
from stages.encoding.ragged import Outputs, Ragged, numbers
from stages.errors import DataError, ModelError
from stages.params.task import TaskParams

CALIBRATION = "calibration.json"
"""File of the temperature that logits are divided by before they become probabilities."""
FACTS = "whetstone.json"
"""File of what the weights alone do not say; finetune wrote it."""
ALONE = ("batch", "one")
"""What a graph says in its metadata whose activations are rounded on one scale for all that runs with them."""
ASKED = {
    "classification": "texts",
    "multilabel": "texts",
    "pair_classification": "pairs of texts",
    "pair_regression": "pairs of texts",
    "question_answering": "pairs of question and context",
    "relation": "mappings with text, head and tail",
    "tagging": "texts, or of lists of tokens",
}
"""What each kind wants a list of."""
BATCH = 32
"""Rows that run together."""
NEEDED = ("tokenizer.json", FACTS, CALIBRATION)


class Predictor:
    """Answers with an exported graph.

    Args:
        folder: a release.
        graph: which graph of it, `model.onnx` or `model.int8.onnx`.

    Raises:
        ModelError: the folder lacks a file.
    """

    def __init__(self, folder: str | Path, graph: str = "model.onnx") -> None:
        import onnxruntime

        folder = Path(folder)
        missing = [name for name in (graph, *NEEDED) if not (folder / name).is_file()]
        if missing:
            raise ModelError(
                f"{folder}: {', '.join(missing)} not found. Run `dvc repro export`, which makes it unless export.onnx or "
                "export.int8 is false."
            )
        facts = read_json(folder / FACTS)
        self.schema, self.encoding = Schema(**facts["schema"]), Encoding(**facts["encoding"])
        self.task = tasks.make(TaskParams.model_validate(facts["task"]))
        self.fitted = facts["fitted"]
        self.temperature = float(read_json(folder / CALIBRATION)["temperature"])
        self.labels = self.schema.labels
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()  # the task truncates, and counts what it cuts
        self.session = onnxruntime.InferenceSession(folder / graph, providers=["CPUExecutionProvider"])
        self.inputs = {one.name for one in self.session.get_inputs()}
        name, value = ALONE
        self.most = 1 if self.session.get_modelmeta().custom_metadata_map.get(name) == value else BATCH

    def predict(self, inputs: Iterable[Any]) -> list[Any]:
        """What the model says of texts, or of whatever its kind of task reads, in their order.

        Raises:
            DataError: an input is not what the kind reads, or it is given alone and in no list.
        """
        records = self.records(inputs)
        if not records.num_rows:
            return []
        rows = self.encode(records)
        outputs = self.outputs(rows)
        if self.temperature != 1.0 and not isinstance(outputs, Ragged):
            outputs = outputs.astype(np.float64) / self.temperature
        return self.task.answers(self.decode(outputs, rows, records), self.schema)

    def records(self, inputs: Iterable[Any]) -> pa.Table:
        """What is asked as records, in the form that prepare gave the corpus.

        Raises:
            DataError: as `predict` does.
        """
        # A data frame is neither of these, and iterates over the names of its columns.
        if isinstance(inputs, str | bytes | Mapping) or not isinstance(inputs, Iterable) or hasattr(inputs, "keys"):
            wanted = ASKED[self.task.kind]
            raise DataError(
                f"give a list of {wanted}, also for one alone: predict([...]); found {type(inputs).__name__} "
                f"{str(inputs)[:40]!r}"
            )
        return self.task.records(list(inputs), self.schema.normalize)

    def encode(self, records: pa.Table) -> pa.Table:
        """Records as tokenized rows."""
        return self.task.encode(records, self.tokenizer, self.encoding.max_length, self.schema).rows

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table) -> pa.Table:
        """Predictions for records; see `Task.decode`."""
        return self.task.decode(outputs, rows, records, self.schema, self.fitted)

    def logits(self, inputs: Iterable[Any], batch_size: int = BATCH) -> Outputs:
        """The graph's outputs for inputs, as they are, in float32."""
        return self.outputs(self.encode(self.records(inputs)), batch_size)

    def outputs(self, rows: pa.Table, batch_size: int = BATCH) -> Outputs:
        """The graph's outputs for tokenized rows, at least one, in their order; see `stages.training.prediction.outputs_of`.

        Args:
            rows: as `encode` made them.
            batch_size: rows that run together; one where the graph wants each alone.
        """
        batch_size = min(batch_size, self.most)
        found = {name: numbers(rows[name]) for name in rows.column_names if name not in self.task.targets}
        columns = {name: values for name, values in found.items() if values is not None}
        lengths = Ragged.of_lists(rows["input_ids"]).lengths
        order = np.argsort(-lengths, kind="stable")
        result: Outputs | None = None
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = self.task.collate({name: [values[i] for i in chosen] for name, values in columns.items()}, 0)
            out = self._run(batch)
            if result is None:
                result = (
                    Ragged.empty(lengths, out.shape[2:], np.float32)
                    if self.task.by_token
                    else np.empty((len(lengths), *out.shape[1:]), dtype=np.float32)
                )
            for row, values in zip(chosen, out, strict=True):
                result[row] = values[: lengths[row]] if self.task.by_token else values
        if result is None:
            raise ValueError("no rows to predict")
        return result

    def _run(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        fed = {name: values for name, values in batch.items() if name in self.inputs}
        found: np.ndarray = self.session.run(None, fed)[0]
        return found
