"""A record is written in the oldest version that can hold it; a newer release's is told from damage."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from schemas import account, codec
from schemas.codec import (
    NewerRecord,
    UndecodableRecord,
    UnencodableRecord,
    decode,
    encode,
    encode_whole,
    is_written,
    record_type_of,
    set_write_level,
    write_level,
)
from schemas.codec.encoding import encoder_in
from schemas.conversation import (
    ChatMessage,
    ConversationDeleted,
    ConversationStarted,
    PromptSubmitted,
    RegenerateRequested,
    Sampling,
)
from schemas.generation import AttemptEnded, Failure, GenerationEnded, GenerationRequested, TokenChunk
from schemas.outcome import GenerationCompleted, GenerationFailed
from schemas.price import Usage
from schemas.registry import READ_BEFORE, RECORD_TYPES, WRITE_LEVEL, registered_schemas, versions_of
from schemas.turns import UserCommand
from schemas.usage import EmbeddingsComputed
from schemas.versions import held_by
from tests.golden.samples import samples
from tests.record_strategies import any_record

NEWEST_ID = max(registered_schemas())
OF_ADMISSION: dict[str, Any] = {
    "organisation_id": "",
    "key_id": "",
    "attribution": None,
    "unbilled_tokens": 0,
    "lease": None,
    "lane": "",
    "pick": None,
    "email": "",
    "scopes": None,
    "expires_at_us": None,
    "limits": None,
}
"""What write level 6 added to records that were there, and what says nothing of it."""
ATTRIBUTED = [
    kind for kind in RECORD_TYPES if len(versions_of(kind)) > 1 and any(each.writes == 6 for each in versions_of(kind))
]
OF_A_USER = [kind for kind in account.RECORDS if versions_of(kind)[0].writes == 5]


@pytest.fixture
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


def version_of(value: bytes) -> int:
    return registered_schemas()[int.from_bytes(value[1:5], "big")].version


def plain(record: Any) -> Any:
    """The record without what only versions after the first can say."""
    said: dict[str, Any] = {
        "request_hash": "",
        "verdict_id": "",
        "request": None,
        "tooling": None,
        "logprobs": (),
        "parts": (),
        "part": None,
        **OF_ADMISSION,
    }
    changes: dict[str, Any] = {name: value for name, value in said.items() if name in _newer(record)}
    if isinstance(record, TokenChunk):
        changes["logprobs"] = ""
    if isinstance(record, ConversationStarted):
        changes |= {"metadata": None, "temporary": False}
    if hasattr(record, "turn"):
        changes["turn"] = replace(record.turn, choice=0, attribution=None)
    if hasattr(record, "messages"):
        changes["messages"] = _without_parts(record.messages)
    if hasattr(record, "usage"):
        changes["usage"] = replace(record.usage, reasoning_tokens=0, estimated=False)
    if getattr(record, "failure", None) is not None:
        changes["failure"] = replace(record.failure, retry_after_s=None)
    if isinstance(record, UserCommand):
        changes.pop("request_hash", None)
        changes |= {"price": None, "account": "", "model_version": ""}
    if isinstance(record, PromptSubmitted):
        changes["prompt_tokens"] = 0
    if hasattr(record, "sampling"):
        changes["sampling"] = replace(_formed(record.sampling), response_schema="")
    return replace(record, **changes) if changes else record


def _newer(record: Any) -> set[str]:
    """The fields that the first version of the record's type has not."""
    record_type: type = type(record)
    first = versions_of(record_type)[0].definition["fields"]
    return {field.name for field in fields(record)} - {field["name"] for field in first}


def unattributed(record: Any) -> Any:
    """The record without what only write level 6 can say: who asked and who pays, leases, lanes, picks."""
    changes = {name: value for name, value in OF_ADMISSION.items() if name in _newer(record)}
    if hasattr(record, "turn"):
        changes["turn"] = replace(record.turn, attribution=None)
    return replace(record, **changes)


def _formed(sampling: Sampling) -> Sampling:
    """The sampling without what only version 4 can say."""
    return replace(
        sampling,
        top_k=None,
        min_p=None,
        repetition_penalty=None,
        reasoning_effort="",
        top_logprobs=None,
        template_kwargs="",
    )


def _without_parts(messages: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(replace(each, parts=()) if isinstance(each, ChatMessage) else each for each in messages)


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_what_says_nothing_new_is_written_as_the_release_before_wrote_it(record_type: type) -> None:
    for record in samples(record_type).values():
        assert version_of(encode(plain(record))) == 1
        assert decode(encode(plain(record))) == plain(record)


@pytest.mark.parametrize(
    "changes",
    [
        {"usage": Usage(1, 2, 0, reasoning_tokens=1)},
        {"usage": Usage(1, 2, 0, estimated=True)},
        {"failure": Failure("engine_overloaded", "busy", True, 0)},
    ],
)
def test_one_new_value_takes_the_new_version(changes: dict[str, Any]) -> None:
    record = replace(plain(samples(AttemptEnded)["full"]), **changes)
    assert version_of(encode(record)) == 2
    assert decode(encode(record)) == record


@pytest.mark.parametrize("record_type", [PromptSubmitted, RegenerateRequested])
@pytest.mark.parametrize("name", ["price", "account", "model_version"])
def test_a_command_that_names_one_of_them_takes_the_new_version(record_type: type, name: str) -> None:
    whole = samples(record_type)["full"]
    record = replace(plain(whole), **{name: getattr(whole, name)})
    assert version_of(encode(record)) == 2
    assert decode(encode(record)) == record


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("record_type", [PromptSubmitted, RegenerateRequested])
def test_below_the_write_level_a_command_names_no_price(record_type: type) -> None:
    record = samples(record_type)["full"]
    set_write_level(READ_BEFORE)
    assert version_of(encode(record)) == 1
    assert decode(encode(record)) == plain(record)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("record_type", [PromptSubmitted, RegenerateRequested, GenerationRequested])
def test_only_a_form_of_the_answer_takes_the_third_version(record_type: type) -> None:
    whole = samples(record_type)["full"]
    formed = replace(plain(whole), sampling=_formed(whole.sampling))
    assert version_of(encode(formed)) == 3
    assert decode(encode(formed)) == formed
    set_write_level(2)
    assert version_of(encode(formed)) == 2
    assert decode(encode(formed)) == plain(whole)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("record_type", [PromptSubmitted, RegenerateRequested, GenerationRequested])
def test_below_the_fourth_level_nothing_of_parts_and_tools_is_written(record_type: type) -> None:
    whole = unattributed(samples(record_type)["full"])
    assert version_of(encode(whole)) == 4
    assert decode(encode(whole)) == whole
    set_write_level(3)
    assert version_of(encode(whole)) == 3
    held: dict[str, Any] = {"sampling": _formed(whole.sampling)}
    if isinstance(whole, UserCommand):
        held["request"] = None
    if isinstance(whole, PromptSubmitted | GenerationRequested):
        held["messages"] = _without_parts(whole.messages)
    if isinstance(whole, GenerationRequested):
        held |= {"tooling": None, "turn": replace(whole.turn, choice=0)}
    assert decode(encode(whole)) == replace(whole, **held)


@pytest.mark.usefixtures("level")
def test_only_a_temporary_conversation_takes_the_fourth_version() -> None:
    whole = samples(ConversationStarted)["full"]
    assert version_of(encode(whole)) == 4
    assert decode(encode(whole)) == whole
    lasting = replace(whole, temporary=False)
    assert version_of(encode(lasting)) == 3
    set_write_level(4)
    assert decode(encode(whole)) == lasting


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("record_type", OF_A_USER)
def test_below_the_fifth_level_nothing_that_a_user_keeps_is_written(record_type: type) -> None:
    for record in samples(record_type).values():
        assert decode(encode(record)) == record
    set_write_level(4)
    assert not is_written(record_type)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("record_type", ATTRIBUTED)
def test_below_the_sixth_level_nothing_of_who_asks_and_who_pays_is_written(record_type: type) -> None:
    whole = samples(record_type)["full"]
    assert whole != unattributed(whole)
    assert decode(encode(whole)) == whole
    newest = version_of(encode(whole))
    set_write_level(5)
    assert version_of(encode(whole)) == newest - 1
    assert decode(encode(whole)) == unattributed(whole)


def test_an_outcome_keeps_its_fast_marks_in_both_versions() -> None:
    for record in samples(GenerationCompleted).values():
        for each in (record, plain(record)):
            assert decode(encode(each)) == each
    assert version_of(encode(unattributed(samples(GenerationFailed)["full"]))) == 3


def test_a_nested_record_that_is_absent_is_held() -> None:
    assert version_of(encode(replace(plain(samples(GenerationEnded)["full"]), failure=None))) == 1


@pytest.mark.usefixtures("level")
def test_below_the_write_level_a_record_is_written_as_before() -> None:
    record = samples(ConversationDeleted)["full"]
    assert version_of(encode(record)) == 2
    set_write_level(READ_BEFORE)
    assert write_level() == READ_BEFORE
    assert version_of(encode(record)) == 1
    assert decode(encode(record)) == replace(record, request_hash="")


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("below", [READ_BEFORE, 2])
def test_a_kind_of_record_that_the_level_does_not_have_is_not_written(below: int) -> None:
    record = samples(EmbeddingsComputed)["full"]
    assert is_written(EmbeddingsComputed) and decode(encode(record)) == record
    set_write_level(below)
    assert not is_written(EmbeddingsComputed)
    with pytest.raises(UnencodableRecord, match=f"EmbeddingsComputed is not written at write level {below}"):
        encode(record)
    assert decode(encode_whole(record)) == record


@pytest.mark.parametrize("level", [0, WRITE_LEVEL + 1])
def test_an_unknown_write_level_is_refused(level: int) -> None:
    with pytest.raises(ValueError, match="not known"):
        set_write_level(level)


@given(any_record())
def test_every_record_is_written_in_the_oldest_version_that_gives_it_back(record: Any) -> None:
    value = encode(record)
    assert decode(value) == record
    if version_of(value) > 1:
        record_type: type = type(record)
        older = encoder_in(record_type, versions_of(record_type)[0])
        assert decode(older(record)) != record


@pytest.mark.parametrize("above", [1, 2, 1000])
def test_an_id_just_above_the_newest_is_a_newer_release(above: int) -> None:
    value = struct.pack(">bI", 0, NEWEST_ID + above) + b"anything"
    with pytest.raises(NewerRecord, match=f"schema id {NEWEST_ID + above}.*upgrade") as caught:
        decode(value)
    assert caught.value.schema_id == NEWEST_ID + above
    assert record_type_of(value) is None


@pytest.mark.parametrize("schema_id", [0, NEWEST_ID + 1001, 2**32 - 1])
def test_any_other_unknown_id_is_damage(schema_id: int) -> None:
    with pytest.raises(UndecodableRecord, match=f"schema id {schema_id} is not in the index"):
        decode(struct.pack(">bI", 0, schema_id) + b"anything")


def record_schema(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "namespace": "verbatim", "name": "Any", "fields": list(fields)}


def test_a_version_without_a_default_or_with_a_lost_field_is_refused() -> None:
    one, two = {"name": "one", "type": "long"}, {"name": "two", "type": "long"}
    with pytest.raises(ValueError, match="no default"):
        held_by(record_schema(one), record_schema(one, two))
    with pytest.raises(ValueError, match="lost two"):
        held_by(record_schema(one, two), record_schema(one))


@pytest.fixture
def an_older_process() -> Iterator[int]:
    """This process knows only what the release before knew; yields the newest id it knows."""
    before = max(id for id, each in registered_schemas().items() if each.writes <= READ_BEFORE)
    codec.know_none_above(before)
    yield before
    codec.know_none_above(NEWEST_ID)


NEW = AttemptEnded(
    generation_id="g",
    conversation_id="c",
    attempt_id="a",
    at_us=1,
    last_seq=1,
    sha256="",
    finish_reason="stop",
    usage=Usage(1, 2, estimated=True),
    failure=None,
)
OLD = replace(NEW, usage=Usage(1, 2))


def test_an_older_process_takes_what_it_does_not_know_for_newer(level: None, request: pytest.FixtureRequest) -> None:
    new, old = encode(NEW), encode(OLD)
    before = request.getfixturevalue("an_older_process")
    assert decode(old) == OLD
    assert (record_type_of(old), record_type_of(new)) == (AttemptEnded, None)
    with pytest.raises(NewerRecord) as refused:
        decode(new)
    assert refused.value.schema_id > before


def test_an_older_process_writes_nothing_that_it_does_not_know(an_older_process: int) -> None:
    value = encode(NEW)
    assert version_of(value) == 1
    assert decode(value) == OLD
