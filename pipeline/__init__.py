"""Rayscribe's pipeline: documents in, one row for every page out."""

import os

__version__ = "0.1.0"

# From 1.29 on ONNX Runtime reports its use to Microsoft, and keeps an identifier of the machine and
# a database of what it reports, unless this is set before it is imported. Here, because every
# process that runs a model imports this package first.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
