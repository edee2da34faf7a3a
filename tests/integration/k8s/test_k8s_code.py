"""The component configmap-code: the service from ConfigMaps and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from k8s import closure
from tests.integration.k8s import local_cluster, manifests
from tests.integration.k8s.manifests import ROOT, Manifest
from tests.support import job_process

IMPORTS_VLLM = re.compile(r"^(?:import|from) (?:torch|vllm)\b", re.MULTILINE)
"""Modules that run inside vLLM's processes alone; vLLM is not installed for these tests."""


@pytest.mark.parametrize("path", sorted(closure.generated()), ids=str)
def test_what_is_generated_is_fresh(path: Path):
    found = (ROOT / path).read_text(encoding="utf-8")
    assert found == closure.generated()[path], "make k8s writes it anew"


def code(overlay: str) -> dict[str, Manifest]:
    """The ConfigMaps with code, by name."""
    found = manifests.of_kind("ConfigMap", overlay)
    return {
        one["metadata"]["name"]: one
        for one in found
        if any(key.split(".")[0] in closure.PACKAGES for key in one["data"])
    }


def test_the_config_maps_hold_the_files_as_they_are():
    parts = code("seed-chat").values()
    data = {key: text for part in parts for key, text in part["data"].items()}
    files = closure.closure()
    assert len(data) == sum(len(part["data"]) for part in parts), "a file in two ConfigMaps"
    assert set(data) == {closure.key(path) for path in files}
    for path in files:
        assert data[closure.key(path)] == (ROOT / path).read_text(encoding="utf-8")


def test_no_config_map_is_nearly_full():
    """What two of them hold now fitted hardly into one."""
    for name, files in closure.divided(closure.closure()).items():
        size = sum((ROOT / path).stat().st_size for path in files)
        assert size < 0.9 * closure.CONFIG_MAP_BYTES, f"{name}: divide it in CONFIG_MAPS"


def test_a_config_map_that_the_api_server_would_refuse_is_not_written(tmp_path: Path):
    (tmp_path / "serving").mkdir()
    for name in ("__init__.py", "app.py"):
        (tmp_path / "serving" / name).write_text("#" * (closure.CONFIG_MAP_BYTES // 2))
    with pytest.raises(ValueError, match=r"rayscribe-code would hold 1048576 bytes.*CONFIG_MAPS"):
        closure.generated(tmp_path)


def unpacked(overlay: str, group: str, folder: Path) -> Path:
    """What the kubelet makes of the volume in a pod: the folder that is mounted at /app."""
    service = manifests.one("RayService", overlay)
    [pod] = [each for each in manifests.pods(service) if each.group == group]
    [volume] = [each for each in pod.spec["volumes"] if each["name"] == "code"]
    [mount] = [each for each in pod.ray["volumeMounts"] if each["name"] == "code"]
    assert mount == {"name": "code", "mountPath": "/app", "readOnly": True}
    assert {"name": "PYTHONPATH", "value": "/app"} in pod.ray["env"]
    config_maps = code(overlay)
    sources = [source["configMap"] for source in volume["projected"]["sources"]]
    assert {source["name"] for source in sources} == set(config_maps)
    for source in sources:
        for item in source["items"]:
            target = folder / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            text = config_maps[source["name"]]["data"][item["key"]]
            target.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("group", ["head", "gpu-group"])
@pytest.mark.parametrize("overlay", ["seed-chat", "seed-ocr"])
def test_head_and_workers_get_the_same_files(overlay: str, group: str, tmp_path: Path):
    folder = unpacked(overlay, group, tmp_path)
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert files == set(closure.closure())


def test_every_module_imports_from_there_alone(tmp_path: Path):
    folder = unpacked("seed-ocr", "head", tmp_path)
    names = [
        str(path).removesuffix(".py").replace("/", ".")
        for path in closure.closure()
        if path.suffix == ".py"
        and not IMPORTS_VLLM.search((ROOT / path).read_text(encoding="utf-8"))
    ]
    program = f"""
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name.removesuffix(".__init__"))
ours = {{name: getattr(m, "__file__", None) for name, m in sys.modules.items()
        if name.split(".")[0] in ("pipeline", "serving", "jobs")}}
print(json.dumps(ours))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd="/",
        env=job_process.environment(PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(file and file.startswith(str(folder)) for file in found.values()), found


def test_the_service_runs_from_there_alone(tmp_path: Path):
    """On a Ray of its own that knows no other place with the code."""
    folder = unpacked("seed-ocr", "head", tmp_path / "app")
    port = job_process.free_port()
    flags = ("--num-gpus=1", f"--metrics-export-port={job_process.free_port()}")
    with job_process.running_head(*flags, cwd=Path("/"), PYTHONPATH=str(folder)) as head:
        cluster = local_cluster.Cluster(head, port, 0)
        config = local_cluster.rehearsed(manifests.one("RayService", "seed-ocr"), port)
        assert cluster.put(config) == 200
        found = cluster.settled("ocr")
        assert found["status"] == "RUNNING", found["message"]
        answer = subprocess.run(
            ["curl", "-sf", f"{cluster.url}/v1/ocr", "-F", f"file=@{ROOT}/samples/invoice.pdf"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer
        pages = json.loads(answer.stdout)["pages"]
        assert pages
        assert all(page["status"] == "ok" for page in pages)


# The closure itself.


def test_a_module_that_is_only_named_in_a_string_is_found_but_not_in_a_docstring(tmp_path: Path):
    (tmp_path / "serving").mkdir()
    (tmp_path / "pipeline/deep").mkdir(parents=True)
    sources = {
        "serving/app.py": 'COMMAND = ["python", "-m", "pipeline.deep.child"]\nimport json\n',
        "pipeline/__init__.py": "",
        "pipeline/deep/__init__.py": "",
        "pipeline/deep/child.py": "def f():\n 'See pipeline.never.'\n from pipeline import late\n",
        "pipeline/late.py": "",
        "pipeline/never.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    assert set(map(str, closure.closure(tmp_path))) == set(sources) - {"pipeline/never.py"}


def test_a_package_that_travels_brings_its_data_and_no_other_package_does(tmp_path: Path):
    sources = {
        "serving/__init__.py": "",
        "serving/app.py": "",
        "serving/assets/page.html": "<p>",
        "serving/assets/deep/page.js": "1",
        "serving/kustomization.yaml": "",
        "serving/unused/__init__.py": "",
        "serving/unused/page.html": "<p>",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [str(path) for path in closure.closure(tmp_path)] == [
        "serving/__init__.py",
        "serving/app.py",
        "serving/assets/deep/page.js",
        "serving/assets/page.html",
    ]


def test_the_packages_that_travel_have_no_file_of_a_kind_that_stays_behind():
    folders = {path.parent for path in closure.closure() if path.name == "__init__.py"}
    beside = {path for folder in folders for path in (ROOT / folder).iterdir() if path.is_file()}
    others = {path.name for path in beside if path.suffix not in (".py", ".pyc", *closure.DATA)}
    assert others == {"kustomization.yaml"}
