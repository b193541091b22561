"""What the last session cost and where it ran, from the record that the stages left behind.

No out holds a duration or the name of a machine, since the same commit has to give the same bytes. The spools do; where there
are none, as on a machine that only pulled, the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stages.tracking import delivery


@dataclass(frozen=True)
class StageRun:
    """One stage of the last session.

    Attributes:
        stage: its name.
        status: FINISHED, FAILED or KILLED.
        seconds: wall time; None where the record breaks off.
        memory: peak, in MiB.
        tags: hardware and versions, git commit.
    """

    stage: str
    status: str
    seconds: float | None
    memory: float | None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        """Hardware and versions in one line."""
        tags = self.tags
        parts = [tags.get("machine.gpu", ""), tags.get("machine.cpu", "")]
        parts += [f"{tags['machine.cores']} cores"] if "machine.cores" in tags else []
        parts += [f"{name} {tags[name]}" for name in ("python", "torch") if name in tags]
        return ", ".join(part for part in parts if part)


def last_session() -> list[StageRun]:
    """Stages that the last session in this checkout ran, in that order; empty where there is no record."""
    own = [one for one in _recorded() if not one[0].get("copy")]
    return [_stage(one) for one in own if one[0].get("session") == own[-1][0].get("session")]


def experiments() -> dict[str, list[StageRun]]:
    """Stages that DVC's experiments ran, in that order, by the experiment's name (`stages.tracking.session.key`)."""
    found: dict[str, list[StageRun]] = {}
    for one in _recorded():
        name, at, _ = str(one[0].get("session", "")).partition("@")
        if at:
            found.setdefault(name, []).append(_stage(one))
    return found


def _recorded() -> list[list[dict[str, Any]]]:
    """Events of every stage that left a record, oldest stage first."""
    read = (delivery.events(file) for file in delivery.recorded())
    return sorted((one for one in read if one), key=lambda one: one[0]["time"])


def _stage(events: list[dict[str, Any]]) -> StageRun:
    figures: dict[str, float] = {}
    tags: dict[str, str] = {}
    for one in events:
        values = one.get("values") if one["kind"] in {"metrics", "tags"} else one.get("tags")
        if isinstance(values, dict):
            (figures if one["kind"] == "metrics" else tags).update(values)
    return StageRun(
        str(events[0]["stage"]),
        delivery.status_of(events),
        figures.get("duration_seconds"),
        figures.get("peak_memory_mib"),
        tags,
    )
