"""What the tests of a live cluster measured, written as tables for people.

They are written into the folder that RAYSCRIBE_RESULTS names (`benchmarks/results`), if it does.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path

Row = tuple[str, ...]
_BEGIN = time.monotonic()
_NOTES: list[Row] = []
_OBJECTS: list[Row] = []
_FAULTS: list[Row] = []
_JOB_FAULTS: list[Row] = []


def note(what: str, value: str) -> None:
    """A single figure."""
    _NOTES.append((what, value))


def compare(document: str, row: str, wanted: object, found: object) -> None:
    """A row of a design document beside what the API server has.

    Raises:
        AssertionError: They differ.
    """
    same = wanted == found
    shown = str(sorted(wanted) if isinstance(wanted, set) else wanted)
    _OBJECTS.append((document, row, shown, "the same" if same else f"**{found}**"))
    assert same, f"{document}, {row}: {wanted} is wanted, {found} was found"


def fault(what: str, clients: str, fates: dict[str, int], gap_s: float, remark: str = "") -> None:
    """What became of the requests during a fault."""
    answered = fates.get("answered", 0)
    lost = ", ".join(f"{n} {fate}" for fate, n in sorted(fates.items()) if fate != "answered")
    _FAULTS.append((what, clients, str(answered), lost or "0", f"{gap_s:.1f}", remark))


def job_fault(what: str, pages: int, rows: int, different: int, remark: str) -> None:
    """What became of the pages of a batch job during a fault."""
    counts = (str(pages), str(different), str(rows - different))
    _JOB_FAULTS.append((what, *counts, remark))


def write(are_faults: bool) -> None:
    """Write the tables, if a folder is named.

    Args:
        are_faults: Whether it is the run of the faults: its file is one of its own.
    """
    if folder := os.environ.get("RAYSCRIBE_RESULTS"):
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        name, command = ("kubernetes-faults", "-faults") if are_faults else ("kubernetes", "")
        text = _text(f"make test-k8s-live{command}")
        (Path(folder) / f"{name}-{today}.md").write_text(text, encoding="utf-8")


def _text(command: str) -> str:
    now = datetime.datetime.now(datetime.UTC)
    took = f"{(time.monotonic() - _BEGIN) / 60:.0f} minutes after the run began"
    head = f"Written by `{command}`, {now:%Y-%m-%d %H:%M} UTC, {took}."
    parts = [f"# Kubernetes, on a live cluster\n\n{head}\n"]
    if _NOTES:
        parts.append(_table(("what", "measured"), _NOTES))
    if _OBJECTS:
        parts.append("## The design documents, row by row\n")
        parts.append(_table(("document", "row", "wanted", "found in the cluster"), _OBJECTS))
    if _FAULTS:
        parts.append("## Faults under load\n")
        heads = ("fault", "load", "answered", "lost", "longest gap, s", "remark")
        parts.append(_table(heads, _FAULTS))
    if _JOB_FAULTS:
        parts.append("## Faults of a batch job\n")
        heads = ("fault", "pages", "with a row", "twice", "remark")
        parts.append(_table(heads, _JOB_FAULTS))
    return "\n".join(parts)


def _table(heads: Row, rows: list[Row]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(_cell(one) for one in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
