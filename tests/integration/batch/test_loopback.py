"""Where the Ray of a job listens: on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support import job_process

LISTENING = """
import json, psutil, ray
from pipeline.config import RayConfig
from pipeline.job import ray_cluster

@ray.remote(num_cpus=0)
class Actor:
    def pid(self):
        return 1

with ray_cluster.connected(RayConfig(cpus=1)):
    actor = Actor.remote()
    ray.get(actor.pid.remote())
    root = psutil.Process()
    processes = [root, *root.children(recursive=True)]
    sockets = [(p.name(), s.laddr.ip) for p in processes for s in p.net_connections("inet")
               if s.status == "LISTEN"]
print(json.dumps(sockets))
"""


def test_a_local_ray_listens_on_loopback_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTENING],
        cwd=job_process.ROOT,
        env=job_process.environment() | {"PYTHONPATH": os.fspath(job_process.ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    sockets = json.loads(done.stdout.splitlines()[-1])
    assert {name for name, _ in sockets} >= {"gcs_server", "raylet"}
    assert any("Actor" in name for name, _ in sockets)
    assert {address for _, address in sockets} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
