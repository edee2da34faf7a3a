"""Every setting that a model declares is read by the program."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.config import ExportConfig, OcrConfig, Settings
from serving.config import ServeConfig

ROOT = Path(__file__).parents[2]
_SHARED = "engines.base.recipe reads it from the batch's options or the service's: a protocol"
EXCEPTIONS = {
    "ServeConfig.task": _SHARED,
    "ServeConfig.text_layer": _SHARED,
    "ServeConfig.structure": _SHARED,
    "ServeConfig.route": _SHARED,
    "ServeConfig.ladder": _SHARED,
    "ServeConfig.quality": _SHARED,
}
"""Fields whose reading this test does not see, with the reason."""


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from models(kind)


MODELS = sorted(
    {*models(OcrConfig), *models(ServeConfig), *models(ExportConfig)},
    key=lambda model: model.__name__,
)


def last_name(node: ast.expr | None) -> str:
    """The rightmost name: `limits` of `limits` and of `self.limits`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Reads(ast.NodeVisitor):
    """Collects what a module reads and what its variables are.

    Attributes:
        reads: Pairs of a variable (or attribute) and the attribute that is read from it.
        types: For each variable, the names in its annotations.
        aliases: For each variable, the attributes and variables that it was assigned from.
    """

    def __init__(self) -> None:
        self.reads: set[tuple[str, str]] = set()
        self.types: dict[str, set[str]] = defaultdict(set)
        self.aliases: dict[str, set[str]] = defaultdict(set)
        self._class = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._class = self._class, node.name
        self.generic_visit(node)
        self._class = outer

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = last_name(node.value)
        if isinstance(node.ctx, ast.Load):
            self.reads.add((self._class if base in ("self", "cls") else base, node.attr))
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self._annotate(node.arg, node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotate(last_name(node.target), node.annotation)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for one, value in pairs:
                if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
                    value = value.func.value
                self.aliases[last_name(one)].add(last_name(value))
        self.generic_visit(node)

    def _annotate(self, name: str, annotation: ast.expr | None) -> None:
        if annotation is not None:
            self.types[name] |= {
                last_name(part) for part in ast.walk(annotation) if isinstance(part, ast.expr)
            }


def program() -> Reads:
    found = Reads()
    for folder in ("pipeline", "serving", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            found.visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


PROGRAM = program()


def variables(model: type[BaseModel]) -> set[str]:
    """Names under which the program holds the model."""
    kinds = {one.__name__ for one in (*MODELS, model) if issubclass(one, model)}
    kinds |= {
        one.__name__ for one in model.__mro__ if issubclass(one, Settings) and one is not Settings
    }
    names = {name for name, types in PROGRAM.types.items() if types & kinds} | kinds
    aliases = PROGRAM.aliases.items()
    while more := {name for name, sources in aliases if name and sources & names} - names:
        names |= more
    return names


def unread(model: type[BaseModel]) -> list[str]:
    names = variables(model)
    read = {attribute for variable, attribute in PROGRAM.reads if variable in names}
    return [f"{model.__name__}.{field}" for field in model.model_fields if field not in read]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_setting_is_read(model: type[BaseModel]):
    assert [field for field in unread(model) if field not in EXCEPTIONS] == []


def test_a_setting_that_nobody_reads_is_found():
    class ReadConfig(Settings):
        """Has the name of a section that exists, and one more field."""

        wall_s: float = 1.0
        never_read: bool = False

    assert unread(ReadConfig) == ["ReadConfig.never_read"]


def test_exceptions_are_settings_that_exist():
    declared = {f"{model.__name__}.{field}" for model in MODELS for field in model.model_fields}
    assert set(EXCEPTIONS) <= declared
