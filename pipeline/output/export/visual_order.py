"""Text as it is seen, from left to right: so PDFs hold it. Pure.

Readers of PDFs put the letters of right-to-left scripts back into logical order; of text that is
not in visual order they would reverse words. Brackets are not mirrored: PDFium mirrors them in what
it takes for right-to-left text, MuPDF and poppler never do.
"""

from __future__ import annotations

from pipeline.errors import ConfigError
from pipeline.output.export.page_lines import is_right_to_left
from pipeline.text.logical_order import has_right_to_left_text


def visual_order(text: str) -> str:
    """The characters of a line from left to right.

    Raises:
        ConfigError: The text is of a right-to-left script, and python-bidi is not installed.
    """
    if not has_right_to_left_text(text):
        return text
    try:
        from bidi import get_display
    except ImportError as error:
        raise ConfigError(
            "right-to-left text of a searchable PDF needs python-bidi (the extra `export`)"
        ) from error
    return str(get_display(text, base_dir="R" if is_right_to_left(text) else "L"))
