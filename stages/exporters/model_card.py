"""The release's README in the hub's model-card format: a YAML head for machines, sections for people."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from stages.artifacts import Encoding, Schema
from stages.params.export import ExportParams

FIVE_LINES = """```python
import json, onnxruntime, pathlib, tokenizers
labels = json.loads(pathlib.Path("labels.json").read_text("utf-8"))
text = tokenizers.Tokenizer.from_file("tokenizer.json").encode("where is my order?")
inputs = {"input_ids": [text.ids], "attention_mask": [text.attention_mask]}
print(labels[str(onnxruntime.InferenceSession("model.onnx").run(None, inputs)[0].argmax())])
```"""


def render(
    params: ExportParams, schema: Schema, encoding: Encoding, metrics: dict[str, Any], parity: dict[str, Any]
) -> str:
    """The card as Markdown.

    Args:
        params: name, licence, intended use.
        schema: of the corpus.
        encoding: base model and lengths.
        metrics: what evaluate wrote.
        parity: distances of the graphs.
    """
    sections = [
        f"# {params.name}",
        f"A {schema.task} model with {len(schema.labels)} labels, tuned from `{encoding.base}` with Whetstone.",
        "## Intended use",
        params.intended_use or "Not stated: set `export.intended_use`.",
        "## How to use it",
        FIVE_LINES,
        "## Data",
        "\n".join(f"- {split}: {rows:,} records" for split, rows in schema.rows.items()),
        "Labels: " + ", ".join(f"`{label}`" for label in schema.labels),
        "## Results on the test split",
        _table(metrics),
        "## Exported graphs against the tuned model",
        _parity(parity),
        "## Confidence",
        _confidence(metrics),
        "## Limits",
        "The figures hold for texts like those of the test split. On other channels, products or languages expect less"
        f"{_shifted(metrics)}. Texts longer than {encoding.max_length} tokens are cut. "
        "Every text gets one of the labels, also one that fits none.",
    ]
    return _head(params, schema, encoding, metrics) + "\n\n".join(sections) + "\n"


def _head(params: ExportParams, schema: Schema, encoding: Encoding, metrics: dict[str, Any]) -> str:
    result = {
        "task": {"type": "text-classification"},
        "dataset": {"type": "private", "name": "test split"},
        "metrics": [{"type": name, "value": metrics["test"][name]} for name in ("accuracy", "macro_f1")],
    }
    head: dict[str, Any] = {
        "license": params.licence,
        "base_model": encoding.base,
        "pipeline_tag": "text-classification",
        "tags": ["whetstone", schema.task],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": params.name, "results": [result]}],
    }
    stream = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(head, stream)
    return f"---\n{stream.getvalue()}---\n\n"


def _table(metrics: dict[str, Any]) -> str:
    test = metrics["test"]
    rows = ["| metric | value | 95 % interval |", "| --- | --- | --- |"]
    for name, value in test.items():
        if name != "n" and not name.endswith(("_low", "_high")):
            low, high = test.get(f"{name}_low"), test.get(f"{name}_high")
            rows.append(f"| {name} | {value} | {f'{low} to {high}' if low is not None else ''} |")
    for name, values in metrics.get("baselines", {}).items():
        rows.append(f"| accuracy of the {name} baseline | {values['accuracy']} | |")
    return "\n".join([f"{test['n']:,} records.", "", *rows])


def _parity(parity: dict[str, Any]) -> str:
    rows = ["| graph | same decision | largest logit difference | accuracy |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {name} | {one['agreement']} | {one['largest_logit_difference']} | {one['accuracy']} |"
        for name, one in parity.items()
    ]
    return "\n".join(rows) if parity else "None was exported."


def _confidence(metrics: dict[str, Any]) -> str:
    found = metrics["calibration"]
    return (
        f"The expected calibration error on test is {found['ece']}; that of a perfectly calibrated model would lie between "
        f"{found['ece_null_low']} and {found['ece_null_high']} on so many records. Dividing the logits by the temperature "
        f"{found['temperature']}, which validation chose, brings it to {found['ece_calibrated']}. `calibration.json` holds the "
        "temperature that this release is meant to be used with."
    )


def _shifted(metrics: dict[str, Any]) -> str:
    shifted = metrics.get("shifted")
    return f" (accuracy on the shifted split: {shifted['accuracy']})" if shifted else ""
