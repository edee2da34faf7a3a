"""Which languages of Tesseract are installed, which scripts they read, and which suit a page.

A language is a file `NAME.traineddata`: `rus`, `chi_sim`, `script/Cyrillic`. Debian installs each
by a package of its own; the wheel of `tesserocr` contains Tesseract, but no language.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pipeline.config import TesseractConfig
from pipeline.errors import ConfigError
from pipeline.text.languages import LATIN, language_script
from pipeline.text.script_ranges import VIETNAMESE

OSD: Final = "osd"
"""The data that tells a page's script; no language."""
_NO_LANGUAGES: Final = (OSD, "equ")
_FOLDERS: Final = (
    *("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata"),
    *("/usr/share/tesseract/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata"),
    "/opt/homebrew/share/tessdata",
)
"""Where Debian, Fedora, others and Homebrew install languages."""
_SUFFIX: Final = ".traineddata"
_SCRIPT_PREFIX: Final = "script/"
_SCRIPTS: Final = {
    "Fraktur": (LATIN,),
    "HanS": ("Han",),
    "HanT": ("Han",),
    "Han": ("Han", "Hiragana", "Katakana"),
    "Japanese": ("Han", "Hiragana", "Katakana"),
    "Korean": ("Hangul", "Han"),
    "Hangul": ("Hangul", "Han"),
    VIETNAMESE: (VIETNAMESE, LATIN),
}
"""Tesseract's names of scripts that are not Unicode's, and scripts that are written together."""
_PACKAGES: Final = {
    "Arabic": "arab",
    "Armenian": "armn",
    "Bengali": "beng",
    "Cyrillic": "cyrl",
    "Devanagari": "deva",
    "Ethiopic": "ethi",
    "Fraktur": "frak",
    "Georgian": "geor",
    "Greek": "grek",
    "Gujarati": "gujr",
    "Gurmukhi": "guru",
    "HanS": "hans",
    "HanT": "hant",
    "Hangul": "hang",
    "Hebrew": "hebr",
    "Japanese": "jpan",
    "Kannada": "knda",
    "Khmer": "khmr",
    "Lao": "laoo",
    "Latin": "latn",
    "Malayalam": "mlym",
    "Myanmar": "mymr",
    "Oriya": "orya",
    "Sinhala": "sinh",
    "Syriac": "syrc",
    "Tamil": "taml",
    "Telugu": "telu",
    "Thaana": "thaa",
    "Thai": "thai",
    "Tibetan": "tibt",
    "Vietnamese": "viet",
}
"""The ends of Debian's packages `tesseract-ocr-script-...`."""


def data_dir(config: TesseractConfig) -> Path:
    """The folder that the languages are in.

    Raises:
        ConfigError: There is none, or the one that is named has no language.
    """
    named = config.data_dir or os.environ.get("TESSDATA_PREFIX", "")
    folders = [Path(named)] if named else [Path(folder) for folder in _FOLDERS]
    for folder in folders:
        if any(folder.glob(f"*{_SUFFIX}")):
            return folder
    where = f"in {named}" if named else "in the usual folders"
    raise ConfigError(
        f"the engine tesseract found no language (*{_SUFFIX}) {where}: install some, on Debian"
        " with apt install tesseract-ocr-eng tesseract-ocr-osd, or set"
        " engine.tesseract.data_dir"
    )


def installed(folder: Path) -> tuple[str, ...]:
    """The languages in a folder, sorted; without the data that are no language."""
    files = (*folder.glob(f"*{_SUFFIX}"), *folder.glob(f"{_SCRIPT_PREFIX}*{_SUFFIX}"))
    names = (str(file.relative_to(folder))[: -len(_SUFFIX)] for file in files)
    return tuple(sorted(name for name in names if name not in _NO_LANGUAGES))


def settled(config: TesseractConfig) -> TesseractConfig:
    """The config with the languages that pages are read with.

    Raises:
        ConfigError: The package `tesserocr`, a language, or every language is missing.
    """
    if find_spec("tesserocr") is None:
        raise ConfigError(
            "the engine tesseract needs the package tesserocr: install the extra with"
            " pip install '.[tesseract]', or take --engine.kind onnx"
        )
    present = installed(data_dir(config))
    missing = [name for name in config.languages if name not in present]
    if missing:
        packages = " ".join(map(debian_package, missing))
        raise ConfigError(
            f"engine.tesseract.languages: {', '.join(missing)} not found; on Debian:"
            f" apt install {packages} (found: {', '.join(present) or 'none'})"
        )
    return config.model_copy(update={"languages": config.languages or present})


def debian_package(name: str) -> str:
    """The Debian package of a language."""
    if name.startswith(_SCRIPT_PREFIX):
        script = name.removeprefix(_SCRIPT_PREFIX)
        return f"tesseract-ocr-script-{_PACKAGES.get(script, script.lower())}"
    return f"tesseract-ocr-{name.replace('_', '-')}"


def scripts_of(name: str) -> tuple[str, ...]:
    """The Unicode scripts that a language's data read.

    Args:
        name: Such as "rus", or "script/Cyrillic"; a script's own name is taken too.
    """
    script = name.removeprefix(_SCRIPT_PREFIX).removesuffix("_vert")
    if script == name and name[:1].islower():
        script = language_script(name) or LATIN
    return _SCRIPTS.get(script, (script,))


def readable(languages: Sequence[str]) -> tuple[str, ...]:
    """The scripts that languages read together, sorted."""
    return tuple(sorted({script for name in languages for script in scripts_of(name)}))


def suitable(languages: Sequence[str], script: str | None) -> tuple[str, ...]:
    """The languages to read a page with: those of its script, and English beside another script.

    Args:
        languages: Those that may be used.
        script: The script of most of the page, None where it is unknown.

    Returns:
        At least one of them; all where the script is unknown or none reads it.
    """
    if script is None:
        return tuple(languages)
    own = [name for name in languages if set(scripts_of(script)) & set(scripts_of(name))]
    english = [name for name in languages if name == "eng" and name not in own]
    return (*own, *english) if own else tuple(languages)
