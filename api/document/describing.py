"""Makes the document of the routes whole: errors, content types, words and bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.document.media import JSON, other_success, types_of
from api.document.statuses import OPERATIONS_TAG, REGISTRY_TAG, errors_of
from api.document.words import MAX_PATH_CHARACTERS, meaning_of

_HEALTH = ("/health", "/ready")


def described(document: dict[str, Any], max_body_bytes: int) -> dict[str, Any]:
    """The document that FastAPI makes of the routes, completed in place."""
    document.get("components", {}).pop("schemas", None)  # of an error shape that no route answers in
    for path, method, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter.setdefault("description", meaning_of(path, parameter["name"]))
            if parameter["in"] == "path":
                parameter["schema"].setdefault("minLength", 1)
                parameter["schema"].setdefault("maxLength", MAX_PATH_CHARACTERS)
        if (body := operation.get("requestBody")) is not None:
            _describe_body(body, max_body_bytes)
        operation["responses"] = {**_successes(path, method, operation), **_errors(path, method, operation)}
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _describe_body(body: dict[str, Any], max_body_bytes: int) -> None:
    most = f"At most {max_body_bytes} bytes, images in it not counted."
    for content in body["content"].values():
        said = " ".join(content["schema"].get("description", "").split())
        body["description"] = f"{said} {most}".strip()


def _successes(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    found = {status: said for status, said in operation["responses"].items() if status < "400"}
    for status, said in list(found.items()):
        if status in ("204", "303"):
            said.pop("content", None)
            continue
        types = types_of(method, path, registry=operation["tags"][0] == REGISTRY_TAG)
        shape: dict[str, Any] = {"schema": {"type": "object"}}
        said["content"] = {kind: shape if kind == JSON else {} for kind in types}
        if (other := other_success(method, path)) is not None:
            found[other[0]] = {"description": other[1], "content": said["content"]}
    return found


def _errors(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    if operation["tags"] != [OPERATIONS_TAG] or "security" in operation:
        return errors_of(method, operation)
    if path in _HEALTH:
        content = {JSON: {"schema": {"type": "object", "required": ["status", "checks"]}}}
        return {"503": {"description": "What `checks` and `roles` name does not answer.", "content": content}}
    every = errors_of(method, operation)
    return {"404": every["404"]} if path == "/metrics" else {}
