"""The OpenAPI description of what the routes read and write themselves."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from serving.ocr.document_response import OcrDocument, OcrPage
from serving.ocr.request_models import ChatRequest, OcrFields, OcrRequest

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_MODELS: Final = (ChatRequest, OcrFields, OcrRequest, OcrDocument, OcrPage)
_ANY_CHAT: Final = {
    "type": "object",
    "description": "What OpenAI's chat completions take; goes to the chat model.",
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "required": ["model", "messages"],
}
_ERROR: Final = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
_STATUSES: Final = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No key, or one that is not known.",
    "403": "A web page of another origin asks.",
    "404": "No such model or path.",
    "405": "The path knows another method.",
    "408": "The body did not arrive in time.",
    "413": "Over a limit: bytes, pixels, pages, characters.",
    "415": "A kind of document or body that is not read here.",
    "422": "The document cannot be read; `code` says why.",
    "429": "Too many requests; see Retry-After.",
    "500": "A fault of the server.",
    "502": "The engine failed on it.",
    "503": "No replica of the model in time; see Retry-After.",
    "504": "The answer took too long.",
}


def describe(app: FastAPI, *, has_chat: bool) -> None:
    """Add bodies, answers and errors to the application's description."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain(), has_chat)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(description: dict[str, Any], has_chat: bool) -> dict[str, Any]:
    _, definitions = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template=_REF + "{model}"
    )
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    schemas |= definitions["$defs"] | {"Error": _ERROR, "AnyChat": _ANY_CHAT}
    schemas["OcrForm"] = _form(schemas["OcrFields"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _describe_posts(description["paths"], has_chat)
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= {
                status: _response(said, "Error") for status, said in _STATUSES.items()
            }
    return description


def _describe_posts(paths: dict[str, Any], has_chat: bool) -> None:
    chat, ocr = paths["/v1/chat/completions"]["post"], paths["/v1/ocr"]["post"]
    bodies = [_ref("ChatRequest"), *([_ref("AnyChat")] if has_chat else [])]
    chat["requestBody"] = {"required": True, "content": {_JSON: {"schema": {"anyOf": bodies}}}}
    ocr["requestBody"] = {
        "required": True,
        "content": {
            _JSON: {"schema": _ref("OcrRequest")},
            "multipart/form-data": {"schema": _ref("OcrForm")},
        },
    }
    ocr["responses"]["200"] = _response("The document's pages.", "OcrDocument")
    ocr["responses"]["200"]["content"]["application/x-ndjson"] = {"schema": _ref("OcrPage")}


def _form(fields: dict[str, Any]) -> dict[str, Any]:
    """The schema of the form: a file, and the fields, which are all strings there."""
    file = {"type": "string", "format": "binary", "description": "The document."}
    properties = {name: _as_string(field) for name, field in fields["properties"].items()}
    return {"type": "object", "properties": {"file": file} | properties, "required": ["file"]}


def _as_string(field: dict[str, Any]) -> dict[str, Any]:
    """A field of a form: nothing but a string can stand in one."""
    options = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
    kept = {name: field[name] for name in ("title", "description") if name in field}
    return (options[0] if options else {"type": "string"}) | kept


def _response(said: str, schema: str) -> dict[str, Any]:
    return {"description": said, "content": {_JSON: {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF + name}
