"""Documents from the rows of an output, as files in several formats.

One module for each format, with a function `write`: `markdown`, `html`, `text`, `jsonl`,
`searchable_pdf`, `hocr`, `alto`, `chunks`, `docling`, `dolma`; the `dataset` has one file for many
documents. `formats` is the table of them all, and `run` writes the files. What formats share:
`elements` (headings, paragraphs, tables) and `page_lines` (lines and words with boxes) of a page.
"""
