"""Reading order, paragraphs and tables from the lines of a page. Pure and total.

`reading_order` is the entry point. `columns` divides a page at the white strips that `gutters`
finds; `column_kinds` distinguishes columns of text from tables and notes; `rows` groups lines on
one baseline; `paragraphs` joins rows.
"""

from pipeline.text.layout.reading_order import blocks

__all__ = ["blocks"]
