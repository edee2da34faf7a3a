"""Reads documents in a child process that can be killed.

`reader` is the parent's side and the only part that others use; `process` is its hold on the
child, `deaths` counts what documents do to it, `protocol` is what both say to each other, `child`
what runs in the child.
"""

from pipeline.documents.sandbox.client import Inspection, Reader

__all__ = ["Inspection", "Reader"]
