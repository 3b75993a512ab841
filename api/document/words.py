"""What the parameters of paths and queries mean, by their names. Pure.

The same name means the same everywhere, except where a name with a path in front says otherwise.
"""

from __future__ import annotations

MAX_PATH_CHARACTERS = 300
"""An id in a path: longer ones name nothing."""
_WORDS = {
    "after": "What comes after this one: the id of the last one that the caller has.",
    "archived": "Archived conversations instead of the others.",
    "as_of": "How it was then: a cut of the log, or milliseconds since 1970.",
    "before": "What comes before this one: the id of the first one that the caller has.",
    "by": "What sums are made by: names joined by commas.",
    "chunks": "With the chunks of answers.",
    "code": "The issuer's code, good once.",
    "completion_id": "The id of a stored completion.",
    "conversation_id": "The id of a conversation.",
    "cursor": "Where the page begins: nextCursor of the page before. Left out: at the first one.",
    "days": "How many days, the last of them today.",
    "defaultToGlobal": "The level of all subjects where a subject has none of its own.",
    "error": "The issuer's error, where it signed the user in not.",
    "everywhere": "End all sessions of the user, not only this one.",
    "fetchMaxId": "With the highest id.",
    "folder": "Only conversations in the folder of this id; `none`: only those in no folder.",
    "folder_id": "The id of a folder.",
    "format": "The form of the answer.",
    "from": "From this date on (2026-11-21) or this time (2026-11-21T08:30:00Z).",
    "generation": "Only events of the generation of this id.",
    "generation_id": "The id of a generation, which is its answer's.",
    "invitation": "The text of an invitation that lets a new user in.",
    "iss": "Which issuer the answer is from.",
    "item_id": "The id of an item.",
    "key": "Only what this key used, by its id.",
    "key_id": "The id of a key.",
    "latestOnly": "Only the newest version of each subject.",
    "leaf": "The message with which the branch ends. Left out: the newest one.",
    "limit": "At most so many.",
    "link_id": "The id of a link.",
    "message_id": "The id of a message.",
    "model": "Only what is of this model, by its id.",
    "model_id": "The id of a model; it may hold slashes.",
    "name": "The name of an issuer.",
    "offset": "So many of the first are left out.",
    "order": "By time: `asc` oldest first, `desc` newest first.",
    "organisation": "Only what this organisation used, by its id or name.",
    "organisation_id": "The id of an organisation.",
    "pinned": "Only pinned conversations, or only the others.",
    "q": "Words that must be in a title or a message.",
    "response_id": "The id of a response.",
    "schema_id": "The id of a schema, a number.",
    "session_id": "The id of a session.",
    "snippet_id": "The id of a snippet.",
    "starting_after": "Events after the one of this number.",
    "state": "What the browser was sent to the issuer with.",
    "stream": "As server-sent events.",
    "subject": "The name of a subject.",
    "subjectPrefix": "Only subjects whose names begin so.",
    "through": "The branch must lead through this message.",
    "tier": "Only what was used in this tier, by its name.",
    "to": "Up to this date, that day too, or this time.",
    "types": "Only events of these types: names joined by commas.",
    "user": "Only what this user used, by the id or name.",
    "user_id": "The id of a user.",
    "verbose": "With the reasons.",
    "version": "The number of a version, or `latest`.",
}
_WORDS_AT = {
    ("/api/v1/session/issuers/{name}", "to"): "Where the browser is sent in the end, a path of this installation.",
    ("/api/v1/generations/{generation_id}/stream", "after"): "The frames after the one with this id; as Last-Event-ID.",
    ("/api/v1/changes", "after"): "The changes after the event with this id; as Last-Event-ID.",
    ("/api/v1/conversations/{conversation_id}/events", "before"): "Events before this place: `before` of a page.",
    ("/api/v1/conversations/{conversation_id}/events/stream", "after"): "Events after this cut; as Last-Event-ID.",
}


def meaning_of(path: str, name: str) -> str:
    """What a parameter means. Raises KeyError for one without words: add them here."""
    return _WORDS_AT.get((path, name)) or _WORDS[name]
