"""The hooks that OCRmyPDF calls, found by the entry point `ocrmypdf` of this package.

OCRmyPDF imports this module in every run, also of users who want another engine: it imports nothing
that is slow, and the engine is used only if it is asked for, or if Tesseract is not installed.

OCRmyPDF's own plugin for Tesseract ends each run without that program, whatever engine is chosen.
Where it is not installed, `initialize` blocks the plugin, as OCRmyPDF's documentation of plugins
describes it, and `register_options` keeps its options, which OCRmyPDF reads in any case.
"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from typing import Any, Final

from ocrmypdf import hookimpl
from ocrmypdf.exceptions import BadArgsError

from pipeline.ocrmypdf_plugin.options import ENGINE, NAMESPACE, PluginOptions

_TESSERACT: Final = "ocrmypdf.builtin_plugins.tesseract_ocr"


def initialize(plugin_manager: Any) -> None:
    """Let OCRmyPDF run without Tesseract where that is not installed."""
    if not _has_tesseract():
        plugin_manager.set_blocked(_TESSERACT)


def register_options() -> dict[str, Any]:
    """The options of this engine, `options.rayscribe`, and those of a blocked Tesseract."""
    if _has_tesseract():
        return {NAMESPACE: PluginOptions}
    from ocrmypdf.builtin_plugins.tesseract_ocr import TesseractOptions

    return {NAMESPACE: PluginOptions, "tesseract": TesseractOptions}


def add_options(parser: ArgumentParser) -> None:
    """Add the flags, and the engine's name to those that `--ocr-engine` takes."""
    for action in parser._actions:
        if "--ocr-engine" in action.option_strings and action.choices is not None:
            action.choices = [*action.choices, ENGINE]
    group = parser.add_argument_group("Rayscribe", "--ocr-engine rayscribe: PP-OCR on the CPU")
    for name, field in PluginOptions.model_fields.items():
        group.add_argument(
            f"--{NAMESPACE}-{name.replace('_', '-')}",
            dest=f"{NAMESPACE}_{name}",
            type=type(field.default),
            default=field.default,
            metavar="URL" if name == "url" else "SECONDS",
            help=field.description,
        )


def check_options(options: Any) -> None:
    """Refuse what cannot be done before any page is read.

    Raises:
        BadArgsError: OCRmyPDF exits with code 1.
    """
    if _is_chosen(options) and options.pdf_renderer == "sandwich":
        raise BadArgsError("--pdf-renderer sandwich needs Tesseract; leave it out with rayscribe")


def get_ocr_engine(options: Any) -> Any:
    """The engine, None where another one is chosen."""
    if not _is_chosen(options):
        return None
    from pipeline.ocrmypdf_plugin.engine import RayscribeEngine

    return RayscribeEngine()


def _is_chosen(options: Any) -> bool:
    name = "auto" if options is None else options.ocr_engine
    return name == ENGINE or (name == "auto" and not _has_tesseract())


def _has_tesseract() -> bool:
    return shutil.which("tesseract") is not None


# Not as decorators, which type checkers cannot see through: marking a function does not change it.
for _hook in (initialize, register_options, add_options, check_options, get_ocr_engine):
    hookimpl(_hook)
