"""Which script a page's text layer and its document say it is in, for `pipeline.documents.look`."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.text.languages import language_script
from pipeline.text.scripts import unread_script, warning
from pipeline.text.text_layer import TextLayer
from pipeline.text.text_layer_trust import Trust
from pipeline.types import ScriptHint


def layer_script(layer: TextLayer, readable: Collection[str]) -> str | None:
    """The script that a layer is legible in and that is not read; else None.

    Args:
        layer: The layer; its invisible lines count too.
        readable: The scripts that are read, empty for all.
    """
    return unread_script("\n".join(line.text for line in layer.lines), readable)


def kept_warning(script: str | None, trust: Trust) -> tuple[str, ...]:
    """The warning of a page whose layer is kept for its script; () where it is trusted."""
    if script is None:
        return ()
    doubts = ", ".join(trust.doubts)
    message = f"the text layer is kept in spite of its trust of {trust.score:.2f} ({doubts})"
    return (warning(script, message),)


def script_hint(
    layer: TextLayer | None, language: str, readable: Collection[str]
) -> ScriptHint | None:
    """What layer and document say of the script, where it is one that is not read.

    Args:
        layer: The page's layer, None where it was not looked at.
        language: What the document states, such as "ru-RU".
        readable: The scripts that the engine reads, empty for all.
    """
    if layer is not None and (script := layer_script(layer, readable)):
        return ScriptHint(script, is_certain=True)
    stated = language_script(language)
    if not readable or stated is None or stated in readable:
        return None
    return ScriptHint(stated, is_certain=False)
