"""The file of results of `benchmarks.gpu`: one line of JSON a measurement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import gpu_setup


def append(out: str, row: str, found: dict[str, Any]) -> None:
    """Add a measurement to the file, and print it."""
    line = json.dumps({"row": row, **found, "host": gpu_setup.host()})
    with Path(out).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print("RESULT", json.dumps({"row": row, **found}), flush=True)


def read(out: str) -> list[dict[str, Any]]:
    """All measurements of a file, in the order in which they were made."""
    lines = Path(out).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
