"""No recipe is left out: those that no other test takes through all stages go through them here, on a sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages import artifacts
from stages.params.loading import read_yaml
from tests import tiny
from tests.pipeline.running import run

HERE = {"banking77": "banking77", "broad_twitter_ner": "broad_twitter_ner", "snips": "snips_nlu", "wnut17": "wnut17"}
"""Recipe to the folder of its data set."""
ELSEWHERE = {
    "cmrc2018": "test_reading.py",
    "goemotions": "test_tasks.py",
    "semeval2010": "test_reading.py",
    "snips_slots": "test_tagging.py",
    "stsb": "test_tasks.py",
    "weibo_ner": "test_tagging.py",
    "xquad": "test_reading.py",
}


@pytest.mark.real
@pytest.mark.parametrize("recipe", HERE)
def test_a_recipe_goes_through_all_stages(tmp_path: Path, project: Path, shared_data: Path, recipe: str) -> None:
    settings = YAML().load(project / "recipes" / f"{recipe}.params.yaml")
    folder = tiny.job(
        tmp_path,
        project,
        recipe,
        data__path=str(shared_data / HERE[recipe]),
        data__limit=200,
        data__cleaning={**settings["data"]["cleaning"], "unknown_labels": "drop"},
        evaluation__alignment={**settings["evaluation"]["alignment"], "enabled": False},
    )
    run(folder)
    manifest = json.loads((folder / artifacts.RELEASE / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parity"]["onnx"]["agreement"] == 1
    metrics = json.loads((folder / artifacts.METRICS).read_text(encoding="utf-8"))["test"]
    assert 0 <= metrics["f1" if settings["task"]["kind"] == "tagging" else "accuracy"] <= 1


def test_every_recipe_is_run_by_some_test(project: Path) -> None:
    recipes = {file.name.removesuffix(".params.yaml") for file in (project / "recipes").glob("*.params.yaml")}
    assert recipes == HERE.keys() | ELSEWHERE.keys()
    releases = [read_yaml(file)["export"] for file in (project / "recipes").glob("*.params.yaml")]
    for key in ("name", "intended_use"):
        assert len({one[key] for one in releases}) == len(releases), "a model card that tells of another corpus"
    for recipe, file in ELSEWHERE.items():
        assert f'"{recipe}"' in (Path(__file__).parent / file).read_text(encoding="utf-8"), file
