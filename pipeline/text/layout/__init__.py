"""Reading order and paragraphs from the lines of an engine. Pure and total.

`order` has the way of a page; `columns` divides it where `gutters` finds white strips, `sides`
tells columns of text from tables and notes, `rows` puts the pieces of one baseline together and
`paragraphs` joins rows.
"""

from pipeline.text.layout.reading_order import blocks

__all__ = ["blocks"]
