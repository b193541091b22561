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

NEEDS_THE_PROJECT = """Answers need this project's code, which needs no torch for it:
`pip install onnxruntime tokenizers numpy pyarrow pydantic`, then `pip install --no-deps PATH_OF_THIS_PROJECT`.

"""
SPANS = f"""{NEEDS_THE_PROJECT}```python
from stages.exporters.predictor import Predictor
[found] = Predictor(".").predict(["Ana flew to New York"])
print([(one.label, one.text, one.start, one.end) for one in found])
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


TWO_TEXTS = """```python
import json, onnxruntime, pathlib, tokenizers
labels = json.loads(pathlib.Path("labels.json").read_text("utf-8"))
pair = tokenizers.Tokenizer.from_file("tokenizer.json").encode("A man sleeps.", "Nobody is awake.")
graph = onnxruntime.InferenceSession("model.onnx")
inputs = {"input_ids": [pair.ids], "attention_mask": [pair.attention_mask], "token_type_ids": [pair.type_ids]}
said = graph.run(None, {one.name: inputs[one.name] for one in graph.get_inputs()})[0][0]
%s
```"""
PREDICTOR = f"""{NEEDS_THE_PROJECT}```python
from stages.exporters.predictor import Predictor
print(Predictor(".").predict(%s))
```"""
MANY_LABELS = """```python
import json, math, onnxruntime, pathlib, tokenizers
labels, facts = (json.loads(pathlib.Path(name).read_text("utf-8")) for name in ("labels.json", "whetstone.json"))
text = tokenizers.Tokenizer.from_file("tokenizer.json").encode("thank you so much, see you soon")
inputs = {"input_ids": [text.ids], "attention_mask": [text.attention_mask]}
said = onnxruntime.InferenceSession("model.onnx").run(None, inputs)[0][0]
thresholds = facts["fitted"].get("thresholds", [0.5] * len(said))
print([labels[str(i)] for i, x in enumerate(said) if 1 / (1 + math.exp(-x)) > thresholds[i]])
```"""
NO_GRAPH = (
    "It was exported without an ONNX graph (`export.onnx: false`): transformers loads the encoder from this folder, "
    "`head.safetensors` and `whetstone.json` say what stands on it."
)
"""Of a release that nothing but its weights is in."""
DISTANCE = "A score is an estimate: pairs unlike those of train may get any score."


KINDS = {
    "classification": Kind(
        "text-classification",
        ("accuracy", "f1"),
        ONE_TEXT,
        "Every text gets one of the labels, also one that fits none.",
    ),
    "multilabel": Kind(
        "text-classification",
        ("f1",),
        MANY_LABELS,
        "Thresholds were chosen on validation; where labels are more or less frequent than there, others are better.",
    ),
    "pair_classification": Kind(
        "text-classification",
        ("accuracy", "f1", "matthews_correlation"),
        TWO_TEXTS % "print(labels[str(said.argmax())])",
        "Every pair gets one of the labels, also one that fits none. The order of the texts matters.",
    ),
    "pair_regression": Kind(
        "sentence-similarity",
        ("spearmanr", "pearsonr"),
        PREDICTOR % '[("A man sleeps.", "Nobody is awake.")]',
        DISTANCE,
    ),
    "question_answering": Kind(
        "question-answering",
        ("f1", "exact_match"),
        PREDICTOR % '[("Who opened the school?", "It was opened by Ms O\'Neil in 1997.")]',
        "An answer is always a stretch of the given context, which may be wrong or not hold the answer at all.",
        "read in overlapping windows",
    ),
    "relation": Kind(
        "text-classification",
        ("f1", "accuracy"),
        PREDICTOR % '[{"text": "Rain caused the flood.", "head": (0, 4), "tail": (16, 21)}]',
        "Entities have to be given: the model finds none by itself, and says something of any two spans.",
        "cut to a window around both entities",
    ),
    "tagging": Kind(
        "token-classification",
        ("f1", "precision", "recall"),
        SPANS,
        "Words are cut from raw text by Whetstone's own rule; give a list of tokens where yours are cut otherwise.",
        "read in windows that overlap",
    ),
}
