"""What is asked of an image of the project from inside: whether each of our modules is imported."""

from __future__ import annotations

import json
from collections.abc import Set

PROGRAM = """
import importlib, json, pathlib
imported, missing = 0, {}
for folder in ("pipeline", "serving", "jobs"):
    for path in sorted(pathlib.Path("/app", folder).rglob("*.py")):
        name = ".".join(path.relative_to("/app").with_suffix("").parts)
        try:
            importlib.import_module(name.removesuffix(".__init__"))
            imported += 1
        except ModuleNotFoundError as error:
            missing[name] = error.name
print(json.dumps([imported, missing]))
"""
EXTRAS = {
    "evaluate": {"fuzzysearch", "jiwer", "lxml", "matplotlib", "rapidfuzz", "scipy"},
    "ocrmypdf": {"ocrmypdf"},
}
"""Packages of extras that no image has, and that some modules begin with."""
_OF_EXTRAS = {"evaluation", "ocrmypdf_plugin", "report"}


def check(said: str, packages: Set[str], folders: Set[str]) -> None:
    """Hold what the program printed against what the image is for.

    Args:
        said: All that was printed.
        packages: Further packages that the image does not have.
        folders: The folders of modules that begin with them.
    """
    imported, missing = json.loads(said.splitlines()[-1])
    assert imported > 300
    assert set(missing.values()) <= set().union(packages, *EXTRAS.values()), missing
    for name in missing:
        assert set(name.split(".")) & (_OF_EXTRAS | folders), f"{name} is not for an extra"
