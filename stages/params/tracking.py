"""`tracking`: where MLflow's record goes. No stage depends on it: a record never decides anything."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from stages.params.section import Section


class TrackingParams(Section):
    """The `tracking` section.

    Attributes:
        enabled: record runs at all.
        uri: MLflow tracking URI; null is a sqlite store in `.mlflow/` under the project's root.
        experiment: its name.
        registered_model: name in the model registry; null takes the experiment's.
    """

    section: ClassVar[str] = "tracking"
    enabled: bool = True
    uri: str | None = None
    experiment: Annotated[str, Field(min_length=1)] = "whetstone"
    registered_model: Annotated[str, Field(min_length=1, pattern=r"^[^/:.%\"']+$")] | None = None
