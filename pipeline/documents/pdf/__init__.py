"""PDF files on PyMuPDF. Runs in the child process of `pipeline.documents.sandbox`."""
