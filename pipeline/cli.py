"""Reads the models of `pipeline.config` from flags and YAML. Flags win over the file.

There is no second declaration of any option: pydantic-settings makes the flags from the
models, and the YAML file has their shape. Fields that are marked `COMMON` are in `--help`, all of
them in `--help-all`.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, CliSettingsSource

from pipeline.config import COMMON, Settings
from pipeline.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def read(
    model: type[M],
    flags: type[BaseModel],
    argv: Sequence[str],
    prog: str,
    positional: str = "",
    epilog: str = "",
) -> M:
    """Build a model from command-line arguments and the YAML file that they may name.

    Args:
        model: What to build.
        flags: The part of it that has flags: a base class of `model`.
        argv: The arguments, without the program's name.
        prog: The command that the help text shows.
        positional: The field of `model` that takes the positional arguments, or the one that it
            takes where the field is no tuple; "" for none.
        epilog: Lines for the end of the help text.

    Raises:
        ConfigError: Wrong usage; the message says what to change.
        SystemExit: `--help` or `--help-all` (code 0).
    """
    parser = _parser(model, flags, prog, positional, epilog)
    source = CliSettingsSource[Any](
        type("Flags", (BaseSettings, flags), {"__doc__": ""}),
        root_parser=parser,
        cli_implicit_flags=True,
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_enforce_required=False,
        cli_use_class_docs_for_groups=True,
        formatter_class=argparse.HelpFormatter,
    )
    given = parser.parse_intermixed_args(list(argv))
    values = _merge(load_yaml(given.config) if given.config else {}, source(parsed_args=given)())
    if positional and given.positional:
        values[positional] = given.positional
    return validate(model, values, positional)


def _parser(
    model: type[M], flags: type[BaseModel], prog: str, positional: str, epilog: str
) -> _Parser:
    parser = _Parser(
        flags,
        epilog,
        prog=prog,
        usage=f"{prog} {_wanted(model, flags, positional)}[options]",
        description=(model.__doc__ or "").partition("\n")[0],
        formatter_class=argparse.HelpFormatter,
        add_help=False,
        # A prefix such as `--engine.vllm.tensor-parallel` is an error, not its only match.
        allow_abbrev=False,
    )
    if positional:
        parser.add_argument(
            "positional",
            metavar=_metavar(positional),
            nargs="*" if _takes_many(model, positional) else "?",
            help=_help(model, positional),
        )
    parser.add_argument("--config", metavar="FILE.yaml", help="Settings in YAML; flags win.")
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="Show the common flags.")
    parser.add_argument("--help-all", action=_Help, nargs=0, help="Show all flags.")
    return parser


def _wanted(model: type[BaseModel], flags: type[BaseModel], positional: str) -> str:
    """What has to be given, as the line of usage shows it."""
    if not positional:
        return ""
    many = "..." if _takes_many(model, positional) else ""
    required = [name for name, field in flags.model_fields.items() if field.is_required()]
    return f"{_metavar(positional)}{many} " + "".join(f"--{name} DIR " for name in required)


def _metavar(positional: str) -> str:
    return positional.removesuffix("s").upper()


def _takes_many(model: type[BaseModel], field: str) -> bool:
    return get_origin(model.model_fields[field].annotation) is tuple


def validate(model: type[M], values: Mapping[str, Any], positional: str = "") -> M:
    """Build a model from plain values.

    Args:
        model: What to build.
        values: Its fields.
        positional: The field that is no flag, for messages; "" for none.

    Raises:
        ConfigError: A value is wrong or missing, or a key is unknown; the message names all.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_explain(model, detail, positional) for detail in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_yaml(path: str) -> dict[str, Any]:
    """Read a YAML file of settings.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or is not a mapping of settings.
    """
    try:
        # A loader for plain values, as `yaml.safe_load`.
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506
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
    # ASCII with escapes: PyYAML does not read back all of Unicode's line ends that it writes.
    return yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False)


def common_fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted paths of the fields that are marked `COMMON`, such as `engine.kind`."""
    for name, field in model.model_fields.items():
        if any(mark is COMMON for mark in field.metadata):
            yield f"{prefix}{name}"
        if section := _section(field):
            yield from common_fields(section, f"{prefix}{name}.")


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping with two equal keys, of which PyYAML drops the first in silence."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                problem = f"the key {key.value!r} is there twice"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add((key.tag, str(key.value)))
        return node


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, names the nearest known flag, and has two lengths of help."""

    def __init__(self, flags: type[BaseModel], lines: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._flags = flags
        # Not argparse's epilog, whose lines would be filled.
        self._lines = f"\n{lines}\n" if lines else ""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            flag = unknown.split()[0].split("=")[0]
            if retired := _retired(self._flags, flag):
                raise ConfigError(f"{flag}: {retired}")
            message = f"unknown flag {flag}{_nearest(flag, self._option_string_actions)}"
        raise ConfigError(f"{message}\nusage: {self.usage}\nSee {self.prog} --help")

    def format_help(self) -> str:
        """All flags, grouped by the sections of the config."""
        for action in self._actions:
            _tidy(action)
        return super().format_help() + self._lines

    def format_common_help(self) -> str:
        """The flags that are marked `COMMON`, and how to see the others."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        formatter.start_section("common options")
        formatter.add_arguments(self._common_actions())
        formatter.end_section()
        formatter.add_text(f"All other settings: {self.prog} --help-all")
        return formatter.format_help() + self._lines

    def _common_actions(self) -> Iterator[argparse.Action]:
        shown = {f"--{path}".replace("_", "-") for path in common_fields(self._flags)}
        shown |= {"--config", "--help", "--help-all"}
        for action in self._actions:
            if not action.option_strings or not shown.isdisjoint(action.option_strings):
                yield _tidy(copy.copy(action), short=True)


class _Help(argparse.Action):
    """Prints the common flags (`--help`) or all of them (`--help-all`) and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if isinstance(parser, _Parser) and option_string != "--help-all":
            print(parser.format_common_help(), end="")
        else:
            parser.print_help()
        parser.exit()


_METAVARS = {"str": "TEXT", "int": "N", "float": "NUMBER", "dict[str,JsonValue]": "KEY=VALUE"}


def _tidy(action: argparse.Action, short: bool = False) -> argparse.Action:
    """Make the help of a flag readable: words for its type, no default where that says nothing.

    Args:
        action: The flag; changed.
        short: Show `--no-...` only for a switch that is on by default.
    """
    help_text = (action.help or "").replace(" (required)", "")
    for default in ("", "()", "{}", "False"):
        help_text = help_text.replace(f" (default: {default})", "")
    if listed := re.fullmatch(r"(.*\(default: )\((.*)\)\)", help_text, re.DOTALL):
        help_text = listed[1] + listed[2].replace("'", "").rstrip(",") + ")"
    action.help = help_text
    if isinstance(action.metavar, str):
        items = re.sub(r"^tuple\[(.*),\.\.\.\]$", r"\1,...", action.metavar)
        action.metavar = _METAVARS.get(items, items.replace("str,...", "A,B,..."))
    if short and isinstance(action, argparse.BooleanOptionalAction):
        is_on = "(default: True)" in help_text
        action.option_strings = action.option_strings[1:] if is_on else action.option_strings[:1]
    return action


# What pydantic would say of values of YAML in words of Python.
_FORMS = {
    "model_type": "this is a section; write its settings below it, or leave it out",
    "tuple_type": "write a list, also of one: [a] or [a, b]",
    "string_type": "write a text, in quotes where it looks like a number",
}


def _retired(model: type[BaseModel], flag: str) -> str:
    """What replaced a flag of an earlier version; empty where there was none of that name."""
    keys = flag.removeprefix("--").removeprefix("no-").replace("-", "_").split(".")
    for depth, name in enumerate(keys):
        if said := _became(model, keys[:depth], name):
            return said
    return ""


def _became(model: type[BaseModel], keys: Sequence[str], name: object) -> str:
    """What became of a key of the section that a path of keys leads to."""
    section = _section_at(model, keys)
    if section is None or not issubclass(section, Settings):
        return ""
    return section.retired(name, "".join(f"{key}." for key in keys))


def _help(model: type[BaseModel], field: str) -> str | None:
    return model.model_fields[field].description


def _nearest(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]}?" if match else ""


def _explain(model: type[BaseModel], detail: ErrorDetails, positional: str) -> str:
    keys = [str(part) for part in detail["loc"]]
    name = ".".join(keys)
    if detail["type"] == "extra_forbidden":
        section = _section_at(model, keys[:-1])
        return (
            f"unknown setting {name}{_nearest(keys[-1], section.model_fields if section else ())}"
        )
    if detail["type"] == "missing":
        flag = _metavar(name) if name == positional else f"--{name}".replace("_", "-")
        return f"{flag} is missing: {_help(model, keys[0]) or 'it has no default'}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "retired":
        return "\n".join(_became(model, keys, key) for key in detail["ctx"]["keys"])
    message = _FORMS.get(detail["type"], message)
    return f"{name}: {message} (got {detail['input']!r})"


def _section_at(model: type[BaseModel], keys: Sequence[str]) -> type[BaseModel] | None:
    """The model of the section that a path of keys leads to; None where it leads nowhere."""
    for key in keys:
        section = _section(model.model_fields[key]) if key in model.model_fields else None
        if section is None:
            return None
        model = section
    return model


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(low.get(key), dict)
        merged[key] = _merge(low[key], value) if both else value
    return merged
