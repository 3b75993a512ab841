"""What operations answer with when they succeed, where that is not one JSON object with the stated status. Pure."""

from __future__ import annotations

JSON = "application/json"
EVENTS = "text/event-stream"
REGISTRY_JSON = "application/vnd.schemaregistry.v1+json"
_BOTH = (JSON, EVENTS)
_FILE = (JSON, "text/markdown", "text/html")
_TYPES: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/v1/chat/completions"): _BOTH,
    ("POST", "/v1/completions"): _BOTH,
    ("POST", "/v1/responses"): _BOTH,
    ("GET", "/v1/responses/{response_id}"): _BOTH,
    ("POST", "/api/v1/conversations/{conversation_id}/messages"): _BOTH,
    ("POST", "/api/v1/conversations/{conversation_id}/messages/{message_id}/regenerate"): _BOTH,
    ("GET", "/api/v1/generations/{generation_id}/stream"): (EVENTS,),
    ("GET", "/api/v1/conversations/{conversation_id}/events/stream"): (EVENTS,),
    ("GET", "/api/v1/changes"): (EVENTS,),
    ("GET", "/api/v1/pulse/stream"): (EVENTS,),
    ("GET", "/api/v1/conversations/{conversation_id}/export"): _FILE,
    ("GET", "/api/v1/export"): ("application/zip",),
    ("GET", "/api/v1/admin/usage"): (JSON, "text/csv"),
    ("GET", "/metrics"): ("text/plain",),
}
_ALSO: dict[tuple[str, str], tuple[str, str]] = {
    ("POST", "/api/v1/generations/{generation_id}/cancel"): ("202", "It will end; it had not when this was answered."),
    ("POST", "/api/v1/conversations/import"): ("201", "The conversation was not here before."),
}


def types_of(method: str, path: str, *, registry: bool) -> tuple[str, ...]:
    """The content types of an operation's success."""
    return _TYPES.get((method, path), (REGISTRY_JSON if registry else JSON,))


def other_success(method: str, path: str) -> tuple[str, str] | None:
    """A second status of success, and what it means."""
    return _ALSO.get((method, path))
