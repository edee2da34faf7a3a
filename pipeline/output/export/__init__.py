"""Documents from the rows of an output: one file for every document, in several formats."""
