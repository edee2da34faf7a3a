"""A report as one HTML file: no script, no outside resource; what rows say is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

import jinja2

from pipeline.errors import RayscribeError
from pipeline.imaging.webp import MEDIA_TYPE
from pipeline.output.export.names import common_folder
from pipeline.output.report import plots
from pipeline.output.report.changes import side_by_side
from pipeline.output.report.findings import WorstPage
from pipeline.output.report.summary import Report

Thumbnail = Callable[[WorstPage], bytes]
"""Gives the thumbnail of a page; raises RayscribeError."""
_TEMPLATE: Final = "report.html"
_NAMES: Final = ("status", "source", "script", "engine", "rung", "recipe")


def page(report: Report, thumbnail: Thumbnail | None = None) -> str:
    """The HTML of a report.

    Args:
        report: What it says.
        thumbnail: Draws the worst pages, None to leave the pictures out.
    """
    findings, changes = report.findings, report.changes
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        (files(__package__) / "assets" / _TEMPLATE).read_text(encoding="utf-8")
    )
    return template.render(
        report=report,
        counts={
            name: findings.counts[name].most_common(12)
            for name in _NAMES
            if name in findings.counts and (name in _NAMES[:3] or len(findings.counts[name]) > 1)
        },
        worst=_worst(report, thumbnail),
        failures=sorted(findings.failures.items(), key=lambda item: -item[1].count),
        warnings=findings.warnings.most_common(12),
        score_plot=plots.scores(findings.scores) if findings.scores else "",
        time_plot=plots.times(findings.times) if findings.times else "",
        change_plot=plots.changes(changes.bins) if changes and changes.changed else "",
        changed=[
            (changed, *side_by_side(changed.before, changed.after))
            for changed in (changes.most if changes else [])
        ],
    )


def _worst(report: Report, thumbnail: Thumbnail | None) -> list[dict[str, Any]]:
    folder = common_folder([page.uri for page in report.findings.worst])
    return [
        {
            "page": page,
            "name": page.uri.removeprefix(folder),
            "picture": _picture(page, thumbnail),
        }
        for page in report.findings.worst
    ]


def _picture(page: WorstPage, thumbnail: Thumbnail | None) -> str:
    """A thumbnail as a data URI, "" where the page cannot be drawn."""
    if thumbnail is None:
        return ""
    try:
        content = thumbnail(page)
    except RayscribeError:
        return ""
    return f"data:{MEDIA_TYPE};base64,{base64.b64encode(content).decode()}"
