"""Counts the tokens of a text, by a named tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pipeline.errors import ConfigError

WORDS: Final = "words"
"""The simple rule: a word, a character of a script without spaces, or another sign is a token."""

_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han
    "\U00020000-\U0003ffff"
)
_TOKEN: Final = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+|[^\w\s]")

Count = Callable[[str], int]
"""Gives the number of tokens of a text."""


@lru_cache(1)
def counter(name: str) -> Count:
    """The function that counts tokens.

    Args:
        name: `WORDS`, a file of the library `tokenizers` (tokenizer.json), or a folder with one.

    Raises:
        ConfigError: There is no such file, it is none, or the library is not installed.
    """
    if name == WORDS:
        return words
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    if not path.is_file():
        raise ConfigError(
            f"chunks.tokenizer: no file {path}; name a tokenizer.json, a folder with one, "
            f"or {WORDS}"
        )
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigError(
            "chunks.tokenizer: a tokenizer.json needs the library tokenizers: "
            "pip install 'rayscribe[export]'"
        ) from None
    return _of_file(Tokenizer, path)


def words(text: str) -> int:
    """Tokens by the simple rule."""
    return sum(1 for _ in _TOKEN.finditer(text))


def _of_file(tokenizer: Any, path: Path) -> Count:
    try:
        loaded = tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise ConfigError(f"chunks.tokenizer: {path} is no tokenizer: {error}") from None
    # Files may cut texts or fill them up to a length, which would count wrong.
    loaded.no_truncation()
    loaded.no_padding()
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)
