"""The errors that an operation may answer, by what it is. Pure.

Not among them: what is answered before an operation is found (405, 431, and 400 for what is not HTTP).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REGISTRY_TAG = "schemas"
OPERATIONS_TAG = "operations"
_JSON = "application/json"
_REGISTRY_JSON = "application/vnd.schemaregistry.v1+json"
_MEANINGS = {
    400: "The request is invalid; `param` names the field.",
    401: "The key is missing, wrong or revoked, or the browser is no longer signed in.",
    403: "The key is not for this, its user is suspended, or a change by cookie may come from another site.",
    404: "Not found, or it belongs to another user.",
    408: "The body did not arrive in time.",
    409: "The request depends on something that is still running, or is at odds with what is there.",
    410: "The content is sealed, and its key no longer exists.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    422: "The Idempotency-Key was used with another body.",
    429: "Too many requests, and Retry-After says when to try again; or the budget is spent, and it does not.",
    500: "The server had an error, which its log names by the request's id.",
    502: "The model's engine refuses the request; the operator must fix the cause, which `code` names.",
    503: "A backend server is not reachable or a queue is full; retry with the same Idempotency-Key.",
    504: "The model's engine missed a deadline.",
}
_REGISTRY_MEANINGS = {
    400: "A parameter is invalid.",
    404: "There is no such schema, subject or version.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    422: "The version or the schema is invalid, or this would change the registry, which is read-only.",
    429: "Too many requests from this address; Retry-After says when to try again.",
    500: "The server had an error, which its log names by the request's id.",
    503: "Too many checks at once, or a backend server is not reachable. Retry.",
}
_ANY = frozenset({400, 404, 429, 500, 503})
_WITH_BODY = frozenset({408, 413, 415})
_OF_CALLERS = frozenset({401, 403})
_OF_CHANGES = frozenset({409, 422})
_OF_CONTENT = frozenset({410, 502, 504})
_CONTENT_TAGS = frozenset({"openai", "responses", "conversations", "messages", "generations", "search", "log"})
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"type": "string", "minLength": 1},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
REGISTRY_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error_code", "message"],
    "additionalProperties": False,
    "properties": {"error_code": {"type": "integer"}, "message": {"type": "string", "minLength": 1}},
}


def errors_of(method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """The descriptions of the errors of an operation, by status. `method` in capitals."""
    (tag, *_) = operation["tags"]
    statuses = set(_ANY)
    if "requestBody" in operation:
        statuses |= _WITH_BODY
    if tag == REGISTRY_TAG:
        statuses |= {422}
        return {str(status): _error(_REGISTRY_MEANINGS[status], tag) for status in sorted(statuses)}
    if "security" in operation or tag == "session":
        statuses |= _OF_CALLERS
    if method != "GET":
        statuses |= _OF_CHANGES
    if tag in _CONTENT_TAGS:
        statuses |= _OF_CONTENT
    return {str(status): _error(_MEANINGS[status], tag) for status in sorted(statuses)}


def _error(meaning: str, tag: str) -> dict[str, Any]:
    if tag == REGISTRY_TAG:
        return {"description": meaning, "content": {_REGISTRY_JSON: {"schema": REGISTRY_ERROR_SCHEMA}}}
    return {"description": meaning, "content": {_JSON: {"schema": ERROR_SCHEMA}}}
