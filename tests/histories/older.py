"""A history of schemas older than any published one: what proves the way of an old record into today's tables.

The schemas are the tests' own, under ids that the index will not reach, and so are their steps: versions -1 and 0 of
UserCreated. `python -m tests.histories.older` made the log, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from schemas import ids
from schemas import upcast as upcasting
from schemas.account import ApiKeyCreated, UserCreated
from schemas.codec import decoding, encode
from schemas.conversation import ConversationRenamed
from schemas.envelope import Envelope
from schemas.registry import RegisteredSchema, current_schema, registered_schemas
from schemas.wire import without_logical_types
from tests.fakes.projection_logs import TOPICS, LogBuilder
from tests.fakes.projection_records import AT, outcome, prompt, started, turn_of, used
from tests.histories.history import HISTORIES, write_log
from tests.histories.record import write_results
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS
from topics.log import RawRecord

NAME = "older"
_OLDEST, _OLD = 2_000_001, 2_000_002


def _version(number: int, schema_id: int, *fields: str) -> RegisteredSchema:
    """UserCreated as it was: its envelope, its id, and texts of these names."""
    definition = dict(current_schema(UserCreated).definition)
    kept = [field for field in definition["fields"] if field["name"] in ("envelope", "user_id")]
    texts = [{"name": name, "type": "string"} for name in fields]
    return RegisteredSchema(schema_id, "verbatim.UserCreated", number, {**definition, "fields": kept + texts})


def _from_oldest(fields: dict[str, Any]) -> dict[str, Any]:
    """Version -1 had no name at all."""
    return {**fields, "login": f"user-{fields['user_id'][:4]}"}


def _from_old(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 0 called the name a login, in small letters."""
    return {**{name: value for name, value in fields.items() if name != "login"}, "name": fields["login"].title()}


STEPS = {("UserCreated", -1): _from_oldest, ("UserCreated", 0): _from_old}


@contextmanager
def older_schemas(steps: bool = True) -> Iterator[None]:
    """Within the block the codec knows the older versions. Raises RuntimeError if it is to do without their steps."""
    older = [_version(-1, _OLDEST), _version(0, _OLD, "login")]
    with pytest.MonkeyPatch.context() as patch:
        known = {**registered_schemas(), **{schema.id: schema for schema in older}}
        patch.setattr(decoding, "registered_schemas", lambda: known)
        if steps:
            patch.setattr(upcasting, "STEPS", {**upcasting.STEPS, **STEPS})
        for schema in older:
            patch.setitem(decoding._DECODERS, schema.id, decoding.decoder_from(schema.id))
        yield


def _written(schema: RegisteredSchema, envelope: Envelope, user_id: str, **texts: str) -> bytes:
    """A record's bytes as the process of that time wrote them."""
    plain = without_logical_types(dict(schema.definition))
    wire = {"envelope": {name: getattr(envelope, name) for name in envelope.__slots__}, "user_id": user_id, **texts}
    out = BytesIO()
    schemaless_writer(out, parse_schema(plain), wire)
    return b"\0" + schema.id.to_bytes(4, "big") + out.getvalue()


def _log() -> list[RawRecord]:
    log = LogBuilder()
    users = [ids.user_id(name) for name in ("oldest", "old", "new")]
    conversation = ids.conversation_id(users[0], "one")

    def envelope(cause: str) -> Envelope:
        return Envelope(ids.event_id(cause, "Test"), AT, None, "request-1", "system:cli")

    for user in users:
        log.account(UserCreated(envelope(user), user, "Newest"))
    log.account(
        ApiKeyCreated(
            envelope=envelope("key"),
            user_id=users[0],
            key_id="key-1",
            key_sha256="aa" * 32,
            label="laptop",
            hint="wxyz",
        )
    )
    log.said(started(conversation, users[0], title="From long ago"))
    asked = prompt(conversation, "a", users[0], AT + 5)
    ended = outcome(turn_of(asked, log.said(asked)), at_us=AT + 9)
    log.recorded(used(ended, log.ended(ended)))
    for name in ("Damaged", "Unknown", "Misplaced", "Absent", "Second name"):
        log.said(ConversationRenamed(envelope(name), conversation, users[0], name))
    log.said(prompt(conversation, "k" * 20, users[0], AT, message_id="x" * 600))

    raws = []
    for n, placed in enumerate(log.placed):
        record, position = placed.record, placed.position
        key = record.user_id if placed.topic in (ACCOUNT_EVENTS, "usage-records") else conversation
        raw = RawRecord(placed.topic, position.partition, position.offset, AT // 1000 + n, key.encode(), encode(record))
        raws.append(_aged(raw, record))
    return raws


def _aged(raw: RawRecord, record: Any) -> RawRecord:
    """The record as an older process, or a broken one, would have left it."""
    if raw.topic == ACCOUNT_EVENTS and raw.offset == 0:
        return replace(raw, value=_written(_version(-1, _OLDEST), record.envelope, record.user_id))
    if raw.topic == ACCOUNT_EVENTS and raw.offset == 1:
        return replace(raw, value=_written(_version(0, _OLD, "login"), record.envelope, record.user_id, login="grace"))
    if raw.topic != CONVERSATION_EVENTS or raw.value is None:
        return raw
    match getattr(record, "title", None):
        case "Damaged":
            return replace(raw, value=raw.value[:-3])
        case "Unknown":
            return replace(raw, value=b"\0" + (3_000_000).to_bytes(4, "big") + raw.value[5:])
        case "Misplaced":
            return replace(raw, value=encode(UserCreated(record.envelope, record.user_id, "Nobody")))
        case "Absent":
            return replace(raw, value=None)
        case _:
            return raw


def main() -> None:
    """Write the log, and what it comes to."""
    assert TOPICS[CONVERSATION_EVENTS].epoch == 0
    write_log(HISTORIES / NAME, _log())
    with older_schemas():
        write_results(HISTORIES / NAME)


if __name__ == "__main__":
    main()
