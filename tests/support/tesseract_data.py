"""Languages of Tesseract that only seem to be installed."""

from __future__ import annotations

from pathlib import Path

import pytest


def pretend_installed(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """Make tesserocr seem installed, with these languages and no others."""
    for name in names:
        file = folder / f"{name}.traineddata"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    monkeypatch.setenv("TESSDATA_PREFIX", str(folder))
    monkeypatch.setattr("pipeline.engines.tesseract.languages.find_spec", lambda name: True)
    monkeypatch.setattr("pipeline.engines.tesseract.spec.version", lambda name: "2.13.0")
