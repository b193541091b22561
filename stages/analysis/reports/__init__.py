"""What evaluate adds to the figures of a kind of task: baselines, calibration, tables and pictures. One file per kind."""

from __future__ import annotations

from stages.analysis.reports.classification import ClassificationReport
from stages.analysis.reports.protocol import Report

REPORTS: dict[str, Report] = {"classification": ClassificationReport()}
