"""The whole of `params.yaml`: every section, and what sections say together.

Each stage checks the whole file before it works, so that a typing mistake under `export` is found before an hour of
training and not after it. A stage's result never depends on this module (it either raises or does nothing), which is
why the dependency test allows it, like `tracking`, to stay out of `dvc.yaml`.
"""

from __future__ import annotations

from pathlib import Path

from stages.params import combinations
from stages.params.adaptation import AdaptationParams
from stages.params.data import DataParams
from stages.params.evaluation import EvaluationParams
from stages.params.export import ExportParams
from stages.params.gate import GateParams
from stages.params.loading import FILE, invalid, load
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.section import Section
from stages.params.task import TaskParams
from stages.params.text import TextParams
from stages.params.tracking import TrackingParams
from stages.params.training import TrainingParams

SECTIONS: tuple[type[Section], ...] = (
    DataParams,
    TaskParams,
    ModelParams,
    TextParams,
    AdaptationParams,
    TrainingParams,
    ObjectivesParams,
    EvaluationParams,
    ExportParams,
    TrackingParams,
    GateParams,
)


def check(file: Path = FILE) -> dict[str, Section]:
    """Validate every section of a params file.

    Raises:
        ParamsError: with every problem of every section, or with what sections cannot be together.
    """
    sections = load(SECTIONS, file)
    found = combinations.problems(sections)
    if found:
        raise invalid(found, file)
    return sections
