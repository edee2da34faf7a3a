"""What a report says, put together from rows, receipt and another output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.output.receipt import FILE_NAME
from pipeline.output.report.changes import Changes
from pipeline.output.report.cost import Costs
from pipeline.output.report.findings import Findings
from pipeline.storage.paths import AnyPath

LOW_SCORE: Final = 0.8
"""`quality.min_text_score` where the receipt does not say it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says.

    Attributes:
        name: The output.
        findings: Sums over its rows.
        receipt: Content of its `receipt.json`, empty where there is none.
        costs: Of its last run, None where no receipt says them.
        other: The output that it is compared with, "" for none.
        changes: What changed since, None for no comparison.
    """

    name: str
    findings: Findings
    receipt: Mapping[str, Any]
    costs: Costs | None
    other: str = ""
    changes: Changes | None = None

    @property
    def low_score(self) -> float:
        """The score below which pages have a warning."""
        quality = self.receipt.get("recipe", {}).get("quality") or {}
        return float(quality.get("min_text_score", LOW_SCORE)) or LOW_SCORE

    @property
    def bad_pages(self) -> int:
        """Pages that failed or were cut off."""
        statuses = self.findings.counts.get("status", Counter())
        return statuses["failed"] + statuses["truncated"]


def read_receipt(output: AnyPath) -> dict[str, Any]:
    """The receipt of an output; empty where it has none that can be read."""
    try:
        found = json.loads((output / FILE_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
