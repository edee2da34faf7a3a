"""Settings and flags that the documents name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from jobs import evaluate, report, view
from pipeline.cli import validate
from pipeline.config import ExportConfig, OcrConfig
from pipeline.errors import ConfigError
from serving.config import ServeConfig
from tests.support.job_process import ROOT

DOCUMENTS = ("README.md", "k8s/README.md")
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_FLAGS = {"--help", "--help-all", "--config", "--server-side"} | {
    flag
    for command in (view, report, evaluate)
    for action in command._parser("")._actions
    for flag in action.option_strings
}
"""Flags of the parser itself, one of `kubectl apply`, and those of commands without a config."""


def yaml_blocks() -> list[tuple[str, str]]:
    return [
        (name, block)
        for name, text in TEXTS.items()
        for language, block in FENCE.findall(text)
        if language in ("yaml", "yml")
    ]


def load(block: str) -> BaseModel:
    """Build the model that a block is for: the service's where it says so, else the job's."""
    values: dict[str, Any] = yaml.safe_load(block)
    if "jobs.serve" in block:
        return validate(ServeConfig, values)
    return validate(OcrConfig, {"inputs": ["x.pdf"], "output": "out"} | values)


def test_there_are_blocks_for_the_job_and_for_the_service():
    kinds = [type(load(block)) for _, block in yaml_blocks()]
    assert kinds.count(OcrConfig) >= 2
    assert ServeConfig in kinds


@pytest.mark.parametrize(("name", "block"), yaml_blocks())
def test_every_yaml_block_is_valid(name: str, block: str):
    values = yaml.safe_load(block)
    assert values
    model = load(block)
    for section, given in values.items():
        if isinstance(given, dict):
            assert given.keys() <= getattr(model, section).model_fields_set, f"{name}: {section}"


@pytest.mark.parametrize("block", ["rendr: {dpi: 200}", "render: {dpy: 200}"])
def test_an_unknown_key_is_an_error(block: str):
    with pytest.raises(ConfigError, match="unknown setting"):
        load(block)


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")


KNOWN = {*settings(OcrConfig), *settings(ServeConfig), *settings(ExportConfig)}
SECTIONS = {name.split(".")[0] for name in KNOWN if "." in name}


def inline(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_in_the_text_exist(name: str):
    """Such as `engine.workers`, `ladder.*`, `ingress.num_replicas: 4`."""
    named = [re.match(r"([a-z_]+)\.([a-z_.]+|\*)(?:$|: )", code) for code in inline(TEXTS[name])]
    found = [match for match in named if match and match[1] in SECTIONS]
    assert len(found) >= 2
    assert [
        match[0]
        for match in found
        if match[2] not in ("*", "yaml")  # job.yaml is a file
        and f"{match[1]}.{match[2]}" not in KNOWN
    ] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_flags_in_the_text_exist(name: str):
    ours = [code for code in inline(TEXTS[name]) if not code.startswith("kubectl")]
    flags = {flag for code in ours for flag in re.findall(r"--[a-z][\w.-]*", code)}
    known = {f"--{one}".replace("_", "-") for one in KNOWN} | OTHER_FLAGS
    known |= {flag.replace("--", "--no-", 1) for flag in known}
    assert flags - known == set()
