"""Reads documents in a worker process that can be killed.

`client` is the interface. Below it: `supervisor` starts the worker, sends requests and replaces a
worker that died; `process` is the handle of one worker process; `circuit_breaker` gives up a
document that kills one worker after the other. `protocol` and `shared_memory` carry requests and
results. `worker` runs in the worker process, under the limits of `resource_limits`; `input_file`
checks a file before any library opens it. `cpus` says how many workers can run side by side.
"""

from pipeline.documents.sandbox.client import SandboxClient
from pipeline.documents.sandbox.info import DocumentInfo

__all__ = ["DocumentInfo", "SandboxClient"]
