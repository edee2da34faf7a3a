"""PDF files, with PyMuPDF. Runs in the worker process of `pipeline.documents.sandbox`."""
