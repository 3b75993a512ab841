"""Every derived id. Ids are derived, not drawn, wherever a retry is possible: the same cause gives the same id.

A UUIDv5 (RFC 9562 §5.5) in the project's own namespace over the parts joined by a separator that no part holds.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:verbatim:ids")
_SEPARATOR = "\x1f"


def _derive(kind: str, *parts: str) -> str:
    escaped = (part.replace("\\", "\\\\").replace(_SEPARATOR, "\\u") for part in parts)
    return str(uuid5(_NAMESPACE, _SEPARATOR.join((kind, *escaped))))


def conversation_id(user_id: str, idempotency_key: str) -> str:
    """The conversation that a first command without one begins."""
    return _derive("conversation", user_id, idempotency_key)


def message_id(user_id: str, conversation: str, idempotency_key: str) -> str:
    """The message a command makes."""
    return _derive("message", user_id, conversation, idempotency_key)


def generation_id(message: str) -> str:
    """The generation that a command's message causes; also the answer's message id."""
    return _derive("generation", message)


def title_message_id(conversation: str) -> str:
    """The request for a conversation's title: there is one."""
    return _derive("title", conversation)


def choice_id(message: str, choice: int) -> str:
    """The generation of answer `choice` of a command that asks for several; 0 is `generation_id`'s."""
    return generation_id(message) if choice == 0 else _derive("generation", message, str(choice))


def imported_conversation_id(user: str, product: str, source_id: str, life: int) -> str:
    """The conversation that an import of another product's makes. `life`: how often its user has deleted it here."""
    return _derive("imported", user, product, str(life), source_id)


def imported_message_id(conversation: str, source_id: str) -> str:
    """A message of a conversation that was imported, by its id where it comes from."""
    return _derive("imported-message", conversation, source_id)


def embedding_id(user: str, idempotency_key: str) -> str:
    """A request for embeddings."""
    return _derive("embedding", user, idempotency_key)


def lease_id(embedding: str, attempt: str) -> str:
    """The lease of one try of a request for embeddings."""
    return _derive("lease", embedding, attempt)


def event_id(cause_id: str, event_type: str, n: int = 0) -> str:
    """The `n`-th event of a type that one cause brings about."""
    return _derive("event", cause_id, event_type, str(n))


def folder_id(user: str, idempotency_key: str) -> str:
    """A folder that a user made."""
    return _derive("folder", user, idempotency_key)


def snippet_id(user: str, idempotency_key: str) -> str:
    """A snippet that a user made."""
    return _derive("snippet", user, idempotency_key)


def user_id(name: str) -> str:
    """A user made by an operator under a unique name."""
    return _derive("user", name)


def organisation_id(name: str) -> str:
    """An organisation, by its unique name."""
    return _derive("organisation", name)


def issuer_user_id(issuer: str, subject: str) -> str:
    """A user who was never here before an issuer signed them in."""
    return _derive("issuer-user", issuer, subject)
