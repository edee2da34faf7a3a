#!/usr/bin/env python
"""The image's command `ray`: Ray's own, with what a health check does not need left out.

KubeRay's init container `wait-gcs-ready` runs `ray health-check` before each worker, on a fifth of
a CPU. Ray's command line first imports the commands of Serve, of jobs and of the state API, on
which that share of a CPU works for eight of eleven seconds. It goes on without those that it cannot
import, and a health check is none of theirs.
"""

import sys

UNUSED = ("ray.dashboard.modules.job.cli", "ray.serve.scripts", "ray.util.state.state_cli")
"""Modules with further commands. Python refuses to import what is None in `sys.modules`."""

if __name__ == "__main__":
    if sys.argv[1:2] == ["health-check"]:
        sys.modules.update(dict.fromkeys(UNUSED))
    from ray.scripts.scripts import main

    sys.exit(main())
