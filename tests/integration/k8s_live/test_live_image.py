"""The image, as user 1000 like in the overlays, here on a root file system that is read-only."""

from __future__ import annotations

from tests.integration.k8s_live import image, tables
from tests.integration.k8s_live.kube import ROOT, Kube
from tests.support import image_modules


def test_every_module_is_imported_as_a_user_without_rights(live: Kube):
    pod = live.get("pod", "client")
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    [container] = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == image.NAME.removeprefix("docker.io/library/")
    words = ("exec", "--stdin", "client", "--", "python", "-")
    said = live.run(*words, text=image_modules.PROGRAM, timeout_s=400)
    image_modules.check(said, {"torch", "vllm"}, {"vllm_plugin"})


def test_the_root_file_system_cannot_be_written(live: Kube):
    tried = live.tried("exec", "client", "--", "touch", "/app/x")
    assert "Read-only file system" in tried.stderr


def test_the_commands_are_there(live: Kube):
    for tool in ("bash", "wget", "ray"):
        assert live.run("exec", "client", "--", "which", tool).strip()
    said = live.run("exec", "client", "--", "python", "-m", "jobs.ocr", "--help")
    assert "--output" in said


def test_the_command_ray_is_the_one_that_answers_a_health_check_quickly(live: Kube):
    own = (ROOT / "k8s/image/ray_command.py").read_text(encoding="utf-8")
    assert live.run("exec", "client", "--", "bash", "-c", 'cat "$(which ray)"') == own
    assert "version" in live.run("exec", "client", "--", "ray", "--version")


def test_the_size_is_noted(live: Kube):
    sizes = {
        name: one["sizeBytes"]
        for node in live.get("nodes")
        for one in node["status"]["images"]
        for name in one["names"] or []
    }
    size = sizes[image.NAME]
    tables.note("image for the CPU", f"{size / 1e9:.2f} GB")
    assert size < 1.3e9
