"""Reads documents in a worker process that can be killed.

`client` is the interface. Below it: `supervisor` starts the worker, sends requests and replaces a
worker that died; `process` is the handle of one worker process; `circuit_breaker` gives up a
document that kills one worker after the other. `protocol` and `shared_memory` carry requests and
results. `worker` runs in the worker process, under the limits of `resource_limits`.
"""

from pipeline.documents.sandbox.client import DocumentInfo, SandboxClient

__all__ = ["DocumentInfo", "SandboxClient"]
