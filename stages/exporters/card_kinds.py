"""What a model card says of each kind of task: the hub's name for it, five lines that use the release, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

ONE_TEXT = """```python
import json, onnxruntime, pathlib, tokenizers
labels = json.loads(pathlib.Path("labels.json").read_text("utf-8"))
text = tokenizers.Tokenizer.from_file("tokenizer.json").encode("where is my order?")
inputs = {"input_ids": [text.ids], "attention_mask": [text.attention_mask]}
print(labels[str(onnxruntime.InferenceSession("model.onnx").run(None, inputs)[0].argmax())])
```"""


@dataclass(frozen=True)
class Kind:
    """A kind of task on a card.

    Attributes:
        pipeline: the hub's `pipeline_tag`.
        metrics: the hub's names of metrics.
        usage: how to use the release, as Markdown.
        limit: what the model says where it should say nothing.
        long_texts: what becomes of texts that are longer than the model reads.
    """

    pipeline: str
    metrics: tuple[str, ...]
    usage: str
    limit: str
    long_texts: str = "cut"


KINDS = {
    "classification": Kind(
        "text-classification",
        ("accuracy", "f1"),
        ONE_TEXT,
        "Every text gets one of the labels, also one that fits none.",
    ),
}
