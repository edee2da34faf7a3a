"""Image files. Runs in the worker process of `pipeline.documents.sandbox`."""
