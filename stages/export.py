"""export: the tuned model as a release that others can load, after its graphs were held against it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from stages import artifacts, harness
from stages.exporters import int8, manifest, model_card, onnx_graph, parity, weights
from stages.exporters.predictor import CALIBRATION, Predictor
from stages.params.export import ExportParams
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
    temperature = metrics["calibration"]["temperature"] if params.calibrate else 1.0
    artifacts.write_json(partial / CALIBRATION, {"temperature": temperature})
    distances: dict[str, Any] = {}
    if params.onnx:
        distances = graphs(tuned, partial, params)
    card = model_card.render(params, tuned.schema, tuned.facts.encoding, metrics, distances)
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
    rows = artifacts.read_table(artifacts.tokenized("test")).slice(0, params.parity_records)
    reference, gold = tuned.logits(rows, 64), rows["label"].to_numpy()
    onnx_graph.export(tuned.model, folder / onnx_graph.FILE, params.opset)
    found = {"onnx": distance(folder, onnx_graph.FILE, rows["input_ids"].to_pylist(), reference, gold)}
    if params.int8:
        int8.quantize(folder / onnx_graph.FILE, folder / int8.FILE)
        found["int8"] = distance(folder, int8.FILE, rows["input_ids"].to_pylist(), reference, gold)
    for name, one in found.items():
        log.info(
            "%s: same decision on %.2f %% of %d test records, accuracy %.4f, largest logit difference %.1e",
            name, 100 * one.agreement, one.records, one.accuracy, one.largest_logit_difference,
        )  # fmt: skip
    parity.check(found["onnx"], found.get("int8"), params.parity)
    return {name: one.rounded() for name, one in found.items()}


def distance(
    folder: Path, graph: str, rows: list[list[int]], reference: np.ndarray, gold: np.ndarray
) -> parity.Distance:
    """A graph of the release against the tuned model."""
    return parity.measure(reference, Predictor(folder, graph).logits_of_ids(rows), gold)


if __name__ == "__main__":
    harness.main("export", work, SECTIONS)
