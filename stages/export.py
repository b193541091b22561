"""export: the tuned model as a release that others can load, after its graphs were held against it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages import artifacts, harness
from stages.exporters import int8, manifest, model_card, onnx_graph, parity, weights
from stages.exporters.predictor import CALIBRATION, Predictor
from stages.params.export import ExportParams
from stages.training.batching import Rows
from stages.training.prediction import Tuned, load_tuned

SECTIONS = (ExportParams,)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Copy, export, compare, describe; the release appears only when all of it holds."""
    params = stage.params(ExportParams)
    tuned = load_tuned(artifacts.FINETUNED)
    partial = artifacts.RELEASE.with_name(artifacts.RELEASE.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights.copy(artifacts.FINETUNED, partial, tuned.schema, tuned.facts.encoding)
    metrics = artifacts.read_json(artifacts.METRICS)
    temperature = metrics.get("calibration", {}).get("temperature", 1.0) if params.calibrate else 1.0
    artifacts.write_json(partial / CALIBRATION, {"temperature": temperature})
    distances: dict[str, Any] = {}
    if params.onnx:
        distances = graphs(tuned, partial, params)
    card = model_card.render(
        params, tuned.task, tuned.schema, tuned.facts.encoding, metrics, distances, members=tuned.members
    )
    (partial / "README.md").write_text(card, encoding="utf-8")
    facts = {
        "base": {"name": tuned.facts.encoding.base, "revision": tuned.facts.encoding.revision},
        "data": tuned.schema.fingerprint,
        "export": params.model_dump(mode="json"),
        "metrics": metrics,
        "parity": distances,
    }
    manifest.write(partial, facts)
    shutil.rmtree(artifacts.RELEASE, ignore_errors=True)
    partial.replace(artifacts.RELEASE)
    for name in ("README.md", manifest.FILE):
        stage.record.artifact(artifacts.RELEASE / name)
    stage.record.metrics({f"{graph}.{name}": value for graph, one in distances.items() for name, value in one.items()})
    log.info("release in %s, %d files", artifacts.RELEASE, manifest.verify(artifacts.RELEASE))


def graphs(tuned: Tuned, folder: Path, params: ExportParams) -> dict[str, Any]:
    """Write the graphs and hold them against the tuned model.

    Raises:
        GateError: they are further from it than params allow.
    """
    records = artifacts.read_table(artifacts.prepared("test")).slice(0, params.parity_records)
    rows = artifacts.read_table(artifacts.tokenized("test"))
    rows = rows.filter(pc.is_in(rows["id"], value_set=records["id"].combine_chunks()))
    outputs = tuned.outputs(rows, 64)
    reference = parity.Said(outputs, tuned.task.decode(outputs, rows, records, tuned.schema, tuned.facts.fitted))
    example = tuned.task.collate(Rows.of(rows.slice(0, 2)).__getitems__([0]), tuned.facts.encoding.pad_id)
    onnx_graph.export(tuned.model, example, folder / onnx_graph.FILE, params.opset)
    found = {"onnx": distance(tuned, folder, onnx_graph.FILE, rows, records, reference)}
    if params.int8:
        int8.quantize(folder / onnx_graph.FILE, folder / int8.FILE)
        found["int8"] = distance(tuned, folder, int8.FILE, rows, records, reference)
    for name, one in found.items():
        log.info(
            "%s: same decision on %.2f %% of %d test records, %s %.4f, largest difference of outputs %.1e",
            name, 100 * one.agreement, one.records, one.metric, one.value, one.largest_logit_difference,
        )  # fmt: skip
    parity.check(found["onnx"], found.get("int8"), params.parity)
    return {name: one.rounded() for name, one in found.items()}


def distance(
    tuned: Tuned, folder: Path, graph: str, rows: pa.Table, records: pa.Table, reference: parity.Said
) -> parity.Distance:
    """A graph of the release against the tuned model."""
    release = Predictor(folder, graph)
    outputs = release.outputs(rows)
    said = parity.Said(outputs, release.decode(outputs, rows, records))
    return parity.measure(tuned.task, tuned.schema, reference, said)


if __name__ == "__main__":
    harness.main("export", work, SECTIONS)
