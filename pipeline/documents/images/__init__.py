"""Image files. Runs in the child process of `pipeline.documents.sandbox`."""
