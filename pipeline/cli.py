"""Reads the models of `pipeline.config` from flags and YAML. Flags win over the file.

There is no second declaration of any option: pydantic-settings makes the flags from the
models, and the YAML file has their shape.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, CliSettingsSource

from pipeline.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def read(
    model: type[M], flags: type[BaseModel], argv: Sequence[str], prog: str, positional: str = ""
) -> M:
    """Build a model from command-line arguments and the YAML file that they may name.

    Args:
        model: What to build.
        flags: The part of it that has flags: a base class of `model`.
        argv: The arguments, without the program's name.
        prog: How the program is called, for the help text.
        positional: The field of `model` that takes the positional arguments; "" for none.

    Raises:
        ConfigError: Wrong usage. The message says what to change.
        SystemExit: `--help` was asked for (code 0).
    """
    parser = _Parser(
        prog=prog,
        usage=f"{prog} {'INPUT... --output DIR ' if positional else ''}[options]",
        description=model.__doc__,
        formatter_class=argparse.HelpFormatter,
    )
    if positional:
        parser.add_argument("positional", metavar="INPUT", nargs="*", help=_help(model, positional))
    parser.add_argument("--config", metavar="FILE.yaml", help="Settings in YAML; flags win.")
    source = CliSettingsSource[Any](
        type("Flags", (BaseSettings, flags), {"__doc__": ""}),
        root_parser=parser,
        cli_implicit_flags=True,
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_enforce_required=False,
        formatter_class=argparse.HelpFormatter,
    )
    given = parser.parse_intermixed_args(list(argv))
    values = _merge(load_yaml(given.config) if given.config else {}, source(parsed_args=given)())
    if positional and given.positional:
        values[positional] = given.positional
    return validate(model, values)


def validate(model: type[M], values: Mapping[str, Any]) -> M:
    """Build a model from plain values.

    Raises:
        ConfigError: A value is wrong or missing, or a key is unknown: all of them are named.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_explain(model, detail) for detail in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_yaml(path: str) -> dict[str, Any]:
    """Read a YAML file of settings.

    Raises:
        ConfigError: No such file, no YAML, or not a mapping of settings.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path} is not valid YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"--config {path} must hold settings such as 'engine:\\n  kind: onnx'")
    return values


def dump_yaml(model: BaseModel) -> str:
    """Write a model as YAML that `load_yaml` and `validate` turn back into an equal model."""
    # Escaped: PyYAML writes some of the line ends of Unicode in a way that it reads as others.
    return yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False)


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, and names the nearest known flag."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            flag = unknown.split()[0].split("=")[0]
            message = f"unknown flag {flag}{_nearest(flag, self._option_string_actions)}"
        raise ConfigError(f"{message}\nusage: {self.usage}\nSee {self.prog} --help")


def _help(model: type[BaseModel], field: str) -> str | None:
    return model.model_fields[field].description


def _nearest(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]}?" if match else ""


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    keys = [str(part) for part in detail["loc"]]
    name = ".".join(keys)
    if detail["type"] == "extra_forbidden":
        return f"unknown setting {name}{_nearest(keys[-1], _fields_at(model, keys[:-1]))}"
    if detail["type"] == "renamed":
        renamed = detail["ctx"]["renamed"].items()
        prefix = "".join(f"{key}." for key in keys)
        return "\n".join(f"{prefix}{old} is now {prefix}{new}" for old, new in renamed)
    if detail["type"] == "missing":
        flag = "INPUT" if name == "inputs" else f"--{name}".replace("_", "-")
        return f"{flag} is missing: {_help(model, keys[0]) or 'it has no default'}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name}: {message} (got {detail['input']!r})"


def _fields_at(model: type[BaseModel], keys: Sequence[str]) -> Iterable[str]:
    for key in keys:
        annotation = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ()
        model = annotation
    return model.model_fields


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(low.get(key), dict)
        merged[key] = _merge(low[key], value) if both else value
    return merged
