"""The plain loop of `benchmarks.overhead`, as a command of its own that can be watched."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.overhead import plain

if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps({"pages_per_s": plain(sys.argv[1])}))
