"""The OpenAPI schema of bodies that FastAPI does not see, since the routes parse them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_ANY_CHAT: Final = {
    "type": "object",
    "description": "A chat completion of OpenAI's API, for the chat model.",
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "required": ["model", "messages"],
}
_KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, where the service has any.",
}
_KEYLESS: Final = ("/health", "/ready")
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
    "401": "No API key, or an unknown one.",
    "403": "The request is from a web page of another origin.",
    "404": "No such model or path.",
    "405": "The path has another method.",
    "406": "The result has none of the formats in Accept.",
    "408": "The body did not arrive in time.",
    "409": "The job has not ended, or has failed.",
    "413": "Over a limit of bytes, pixels, pages or characters.",
    "415": "The type of the document or body is not supported.",
    "422": "The document cannot be read; `code` says why.",
    "429": "Too many requests; see Retry-After.",
    "500": "Internal error.",
    "502": "The engine failed on the request.",
    "503": "No replica of the model in time; see Retry-After.",
    "504": "The answer took too long.",
}


def describe(
    app: FastAPI, models: Sequence[type[BaseModel]], documents: Iterable[str], *, has_chat: bool
) -> None:
    """Add request bodies, responses and errors to the application's OpenAPI schema.

    Args:
        app: Its routes are described.
        models: Those with the names ChatRequest, OcrFields, OcrRequest, OcrDocument, OcrPage,
            MistralOcrRequest, MistralOcrResponse, OcrJobFields, OcrJobRequest and
            BatchRequest.
        documents: Media types of documents that may be the body itself.
        has_chat: Whether a chat model is served, whose requests have more fields.
    """
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generated(), models, sorted(documents), has_chat)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(
    description: dict[str, Any],
    models: Sequence[type[BaseModel]],
    documents: Sequence[str],
    has_chat: bool,
) -> dict[str, Any]:
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF + "{model}"
    )
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    schemas |= definitions["$defs"] | {"Error": _ERROR, "AnyChat": _ANY_CHAT}
    schemas["OcrForm"] = _form(schemas["OcrFields"])
    schemas["OcrJobForm"] = _form(schemas["OcrJobFields"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _describe_posts(description["paths"], has_chat)
    for path, fields in (("/v1/ocr", "OcrFields"), ("/v1/ocr/jobs", "OcrJobFields")):
        _describe_bodies(description["paths"][path]["post"], schemas[fields], documents)
    _describe_keys(description)
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= {
                status: _response(text, "Error") for status, text in _STATUSES.items()
            }
    return description


def _describe_posts(paths: dict[str, Any], has_chat: bool) -> None:
    chat, ocr = paths["/v1/chat/completions"]["post"], paths["/v1/ocr"]["post"]
    bodies = [_ref("ChatRequest"), *([_ref("AnyChat")] if has_chat else [])]
    chat["requestBody"] = {"required": True, "content": {_JSON: {"schema": {"anyOf": bodies}}}}
    ocr["requestBody"] = {
        "required": True,
        "content": {
            _JSON: {"schema": {"anyOf": [_ref("OcrRequest"), _ref("MistralOcrRequest")]}},
            "multipart/form-data": {"schema": _ref("OcrForm")},
        },
    }
    ocr["responses"]["200"] = _response("The document's pages.", "OcrDocument")
    ocr["responses"]["200"]["content"][_JSON]["schema"] = {
        "anyOf": [_ref("OcrDocument"), _ref("MistralOcrResponse")]
    }
    ocr["responses"]["200"]["content"]["application/x-ndjson"] = {"schema": _ref("OcrPage")}


def _describe_bodies(
    post: dict[str, Any], fields: dict[str, Any], documents: Sequence[str]
) -> None:
    """The document as the body itself, and the options in the query, for it and for a form."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    post["requestBody"]["content"] |= dict.fromkeys(documents, binary)
    post.setdefault("parameters", []).extend(
        {
            "name": name,
            "in": "query",
            "description": f"{field.get('description', '')} Not beside JSON.".strip(),
            "schema": _as_string(field),
        }
        for name, field in fields["properties"].items()
        if name != "password"  # it would end up in logs
    )


def _describe_keys(description: dict[str, Any]) -> None:
    """Callers may send a key; whether they must is the operator's choice, and may change."""
    description["components"]["securitySchemes"] = {"key": _KEY}
    description["security"] = [{"key": []}, {}]
    for path in _KEYLESS:
        description["paths"][path]["get"]["security"] = []


def _form(fields: dict[str, Any]) -> dict[str, Any]:
    """The schema of the form: a file, and the fields as strings."""
    file = {"type": "string", "format": "binary", "description": "The document."}
    properties = {name: _as_string(field) for name, field in fields["properties"].items()}
    return {"type": "object", "properties": {"file": file} | properties, "required": ["file"]}


def _as_string(field: dict[str, Any]) -> dict[str, Any]:
    """A field as it is in a form, where every value is a string."""
    options = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
    kept = {name: field[name] for name in ("title", "description") if name in field}
    return (options[0] if options else {"type": "string"}) | kept


def _response(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF + name}
