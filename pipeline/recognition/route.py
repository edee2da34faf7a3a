"""What is done with a page before any engine: look at it, and find which way is up.

The batch calls it in its render stage, the service in its readers. The look is one request to the
sandbox (`pipeline.documents.look`); a page that it settles needs no engine. Of the others, those
whose projection profile is not that of upright text are judged by the orientation detector.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline.config import Recipe
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.registry import engine_scripts, ladder_scripts
from pipeline.errors import PageError
from pipeline.recognition.orientation import OrientationDetector
from pipeline.types import Instruction, Rung, Task

_TEXT_TASKS: Final = (Task.MARKDOWN, Task.TEXT)
"""What a text layer can answer. The other tasks are about the image."""


class Routes:
    """Decides which pages need an engine.

    Args:
        recipe: Says what may be taken from text layers, what is blank, and whether to turn.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._detector = OrientationDetector()

    def view(
        self,
        reader: SandboxClient,
        path: str,
        page: int,
        password: str | Sequence[str] = "",
        instruction: Instruction | None = None,
    ) -> PageView:
        """Look at a page, and draw it only where that is needed.

        Args:
            reader: Opens the document.
            path: The file.
            page: 1-based number.
            password: For encrypted PDFs, or several that are tried in turn.
            instruction: What is asked for, None for the recipe's task.

        Raises:
            PageError: As `SandboxClient.render`; RENDER for a page that is blank because something
                on it cannot be decoded; NO_TEXT_LAYER for a page without one where only text
                layers are wanted.
        """
        view = next(self.views(reader, path, [page], password, instruction))
        if isinstance(view, PageError):
            raise view
        return view

    def views(
        self,
        reader: SandboxClient,
        path: str,
        pages: Iterable[int],
        password: str | Sequence[str] = "",
        instruction: Instruction | None = None,
    ) -> Iterator[PageView | PageError]:
        """Look at pages of a document; the sandbox is at the next ones while one is handled.

        Args:
            reader: Opens the document.
            path: The file.
            pages: 1-based numbers, taken a few pages early.
            password: For encrypted PDFs, or several that are tried in turn.
            instruction: What is asked for, None for the recipe's task.

        Yields:
            For each page, in order, what `view` returns or the error it raises.
        """
        for view in reader.look_many(path, pages, self._options(instruction), password):
            yield view if isinstance(view, PageError) else self.turned(view)

    def unturned_views(
        self,
        reader: SandboxClient,
        path: str,
        pages: Iterable[int],
        password: str | Sequence[str],
        may_render: Callable[[], bool],
    ) -> Iterator[PageView | PageError]:
        """Look at pages as `views`, but for `turned`, which takes a model.

        Args:
            reader: Opens the document.
            path: The file.
            pages: 1-based numbers, taken a few pages early.
            password: For encrypted PDFs, or several that are tried in turn.
            may_render: Asked for each page: whether it is drawn if an engine has to read it. If
                not, its view is then `PageView.is_unread`.
        """
        return reader.look_many(path, pages, self._options(None), password, may_render)

    def turned(self, view: PageView) -> PageView:
        """The view with the turn that makes its image upright, where its look left that open."""
        if view.image is None or not view.may_need_turn:
            return view
        begin = time.perf_counter()
        deg = self._detector.turn(view.image.pixels)
        look_ms = view.look_ms + 1000 * (time.perf_counter() - begin)
        image = replace(view.image, turned_deg=deg)
        return replace(view, image=image, turned_deg=deg, look_ms=look_ms)

    def _options(self, instruction: Instruction | None) -> LookOptions:
        recipe = self._recipe
        return LookOptions(
            text_layer=recipe.text_layer,
            min_trust=recipe.route.min_trust,
            pictures=recipe.route.pictures,
            blank_ppm=recipe.route.blank_ppm,
            wants_text=self._wants_text(instruction),
            measures_profile=recipe.route.turn,
            keeps_layer=Rung.LAYER.value in recipe.ladder.rungs,
            engine_scripts=engine_scripts(recipe),
            ladder_scripts=ladder_scripts(recipe),
            structure=recipe.structure if self._wants_markdown(instruction) else "plain",
        )

    def _wants_markdown(self, instruction: Instruction | None) -> bool:
        return instruction is None or instruction.task is Task.MARKDOWN

    def _wants_text(self, instruction: Instruction | None) -> bool:
        if instruction is None:
            return self._recipe.task in _TEXT_TASKS
        return (
            instruction.task in _TEXT_TASKS
            and instruction.prompt is None
            and not instruction.verbatim
        )
