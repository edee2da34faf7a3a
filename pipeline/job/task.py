"""What a job is to do, known before Ray runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.config import EngineKind, OcrConfig, Recipe
from pipeline.documents.listing import Listing
from pipeline.documents.passwords import absolute_files
from pipeline.engines.recipe import make_recipe
from pipeline.storage.paths import absolute

Log = Callable[[str], None]
"""Takes messages for the user."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done.

    Attributes:
        config: The job, with its engine chosen and its paths absolute.
        recipe: How its pages are read.
        listing: Its inputs.
    """

    config: OcrConfig
    recipe: Recipe
    listing: Listing

    @classmethod
    def of(cls, config: OcrConfig, kind: EngineKind) -> Task:
        """Resolve a config.

        Raises:
            ConfigError: The engine does not know the task.
        """
        engine = config.engine.model_copy(update={"kind": kind})
        # Workers have other working folders.
        paths = {"output": absolute(config.output)} | absolute_files(config)
        config = config.model_copy(update={"engine": engine, **paths})
        listing = Listing(config.inputs, config.input, config.store, config.attachments)
        return cls(config, make_recipe(config, kind), listing)
