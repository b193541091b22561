"""MLflow's record of what was run; the only room that imports mlflow, and it does so outside the stages.

A stage writes what happens into a *spool*, a file of JSON lines under `.tracking/spool/`, which costs it milliseconds. When it
ends it starts a short-lived delivery process that reads complete spools and sends them to MLflow. So a stage neither pays for
importing mlflow (2 s) nor waits for a server, and a server that is down or a store that is locked cannot change its result:
the spools wait for the next delivery, or for `python -m stages.tracking sync`.
See docs/decisions/0003-mlflow-is-a-spooled-record.md.
"""

from __future__ import annotations

from stages.params.tracking import TrackingParams
from stages.tracking.session import KEY as SESSION
from stages.tracking.session import key as session_key
from stages.tracking.spool import Record, stage_run

__all__ = ["SESSION", "Record", "TrackingParams", "session_key", "stage_run"]
