"""Reading order, paragraphs and tables from the lines of a page. Pure and total.

`reading_order` is the entry point, for the lines of text layers and of engines. `page_lines` puts
the lines of a page into arrays, straightened (`skew`), those drawn across a gutter ended there
(`merged_lines`). `columns` divides the page at the white strips that `gutters` finds;
`column_kinds` distinguishes columns of text from tables, notes and figures, by what `prose`,
`entries` and `line_numbers` say of the lines on both sides; `rows` groups lines on one baseline;
`paragraphs` joins rows.
"""

from pipeline.text.layout.reading_order import blocks

__all__ = ["blocks"]
