"""Configs of jobs over a folder, with the fake engine."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import OcrConfig


def config_of(folder: Path, **more: object) -> OcrConfig:
    """A job that reads a folder, and writes beside it."""
    return OcrConfig(
        inputs=(str(folder),),
        output=str(folder.parent / "out"),
        engine={"kind": "fake"},
        **more,  # type: ignore[arg-type]
    )
