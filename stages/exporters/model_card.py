"""The release's README in the hub's model-card format: a YAML head for machines, sections for people."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from stages.artifacts import MEMBERS, Encoding, Schema
from stages.exporters.card_kinds import KINDS, NO_GRAPH, Kind
from stages.params.export import ExportParams
from stages.tasks.protocol import Task


def render(
    params: ExportParams,
    task: Task,
    schema: Schema,
    encoding: Encoding,
    metrics: dict[str, Any],
    parity: dict[str, Any],
    *,
    members: int = 1,
) -> str:
    """The card as Markdown.

    Args:
        params: name, licence, intended use.
        task: the model's kind.
        schema: of the corpus.
        encoding: base model and lengths.
        metrics: what evaluate wrote.
        parity: distances of the graphs.
        members: models that answer together.
    """
    kind, first = KINDS[task.kind], task.figures.headline[0]
    labels = f" with {len(schema.labels)} labels" if schema.labels else ""
    sections = [
        f"# {params.name}",
        f"A {schema.task} model{labels}, tuned from `{encoding.base}` with Whetstone.{_ensemble(members)}",
        "## Intended use",
        params.intended_use or "Not stated: set `export.intended_use`.",
        "## How to use it",
        kind.usage if params.onnx else NO_GRAPH,
        "## Data",
        "\n".join(f"- {split}: {rows:,} records" for split, rows in schema.rows.items()),
        *([] if schema.limit is None else [_trial(schema.limit)]),
        *(["Labels: " + ", ".join(f"`{label}`" for label in schema.labels)] if schema.labels else []),
        "## Results on the test split",
        _table(metrics, first),
        "## Exported graphs against the tuned model",
        _parity(parity, first),
        *(["## Confidence", _confidence(metrics)] if "calibration" in metrics else []),
        "## Limits",
        f"The figures hold for texts like those of the test split. {_elsewhere(metrics, first)} "
        f"Texts longer than {encoding.max_length} tokens are {kind.long_texts}. {kind.limit}",
    ]
    return _head(params, task, kind, encoding, metrics) + "\n\n".join(sections) + "\n"


def _ensemble(members: int) -> str:
    if members == 1:
        return ""
    return (
        f" It is an ensemble of {members} runs with different seeds, whose mean is the answer; exported graphs hold all of "
        f"them. `model.safetensors` is the run that validated best, `{MEMBERS}` has the others. The results below are those of "
        "all together."
    )


def _head(params: ExportParams, task: Task, kind: Kind, encoding: Encoding, metrics: dict[str, Any]) -> str:
    result = {
        "task": {"type": kind.pipeline},
        "dataset": {"type": "private", "name": "test split"},
        "metrics": [{"type": name, "value": metrics["test"][name]} for name in task.figures.headline],
    }
    head: dict[str, Any] = {
        "license": params.licence,
        "base_model": encoding.base,
        "pipeline_tag": kind.pipeline,
        "tags": ["whetstone", task.kind],
        "metrics": list(kind.metrics),
        "model-index": [{"name": params.name, "results": [result]}],
    }
    stream = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(head, stream)
    return f"---\n{stream.getvalue()}---\n\n"


def _table(metrics: dict[str, Any], first: str) -> str:
    test = metrics["test"]
    rows = ["| metric | value | interval |", "| --- | --- | --- |"]
    for name, value in test.items():
        if name != "n" and not name.endswith(("_low", "_high")):
            low, high = test.get(f"{name}_low"), test.get(f"{name}_high")
            rows.append(f"| {name} | {value} | {f'{low} to {high}' if low is not None else ''} |")
    for name, values in metrics.get("baselines", {}).items():
        rows.append(f"| {first} of the {name} baseline | {values[first]} | |")
    return "\n".join([f"{test['n']:,} records; intervals are as wide as `evaluation.confidence` asks.", "", *rows])


def _parity(parity: dict[str, Any], first: str) -> str:
    rows = [f"| graph | same decision | largest difference of outputs | {first} |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {name} | {one['agreement']} | {one['largest_logit_difference']} | {one[first]} |"
        for name, one in parity.items()
    ]
    scale = "Differences are absolute, and shares of the tuned model's largest output where that is above 1."
    return "\n".join([*rows, "", scale]) if parity else "None was exported."


def _confidence(metrics: dict[str, Any]) -> str:
    found = metrics["calibration"]
    return (
        f"The expected calibration error on test is {found['ece']}; that of a perfectly calibrated model would lie between "
        f"{found['ece_null_low']} and {found['ece_null_high']} on so many records. Dividing the logits by the temperature "
        f"{found['temperature']}, which validation chose, brings it to {found['ece_calibrated']}. `calibration.json` holds the "
        "temperature that this release is meant to be used with."
    )


def _trial(limit: int) -> str:
    return f"Every split was cut to {limit:,} records by `data.limit`: this is a trial, and its figures are those of a trial."


def _elsewhere(metrics: dict[str, Any], first: str) -> str:
    less = "On other channels, products or languages expect less"
    if "shifted" not in metrics:
        return f"{less}."
    test, shifted = metrics["test"][first], metrics["shifted"][first]
    if shifted < test:
        return f"{less}: {first} is {shifted} on the shifted split, {test} on test."
    compared = "higher than" if shifted > test else "the same as"
    return f"On the shifted split {first} is {shifted}, {compared} on test ({test}); {less[0].lower()}{less[1:]} all the same."
