"""Headings, lists, tables, figures and notes from the lines of a page. Pure and total.

`structured` is the entry point. What a line is comes from the layout model, where it was asked, and
from the fonts of a text layer (`signs`). `candidates` says where tables and figures may be,
`regions` takes them out of the page, with the rows and columns of `tables`; the rest is put in
reading order by `pipeline.text.layout` with `floats` in their places. `aligned_tables` finds the
tables that no region says, `drawn_figures` tells the labels of figures from them, `paragraph_kinds`
names the paragraphs. The blocks have the kinds and the Markdown that DeepSeek-OCR writes, but
tables are pipes, not HTML: then the words of the text are those of plain text, each once.
"""

from pipeline.text.structure.markdown import markdown
from pipeline.text.structure.page import structured
from pipeline.text.structure.signs import PageSigns, Style

__all__ = ["PageSigns", "Style", "markdown", "structured"]
