"""Old records in today's shape, step by step; a missing step is an error, never a half-understood record."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import upcast as upcasting
from schemas.account import UserCreated
from schemas.codec import decode, decoding, encode
from schemas.registry import RegisteredSchema, current_schema, registered_schemas
from schemas.upcast import STEPS, missing_steps, upcast
from tests.golden.samples import samples


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_tier(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "tier": "free"}

    def with_long_tier(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "tier": f"tier/{fields['tier']}"}

    monkeypatch.setattr(upcasting, "STEPS", {("Prompt", 1): with_tier, ("Prompt", 2): with_long_tier})


@pytest.mark.usefixtures("two_steps")
@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [(1, {}, "tier/free"), (2, {"tier": "paid"}, "tier/paid"), (3, {"tier": "tier/paid"}, "tier/paid")],
)
def test_steps_are_taken_in_order_from_where_the_record_stands(
    version: int, fields: dict[str, Any], expected: str
) -> None:
    assert upcast("Prompt", version, 3, fields) == {"tier": expected}


@pytest.mark.usefixtures("two_steps")
def test_a_missing_step_is_an_error() -> None:
    with pytest.raises(KeyError):
        upcast("Prompt", 1, 4, {})
    with pytest.raises(KeyError):
        upcast("Answer", 1, 2, {})


def test_there_is_a_step_from_every_version_but_the_newest() -> None:
    newest: dict[str, int] = {}
    for schema in registered_schemas().values():
        newest[schema.record_name] = max(schema.version, newest.get(schema.record_name, 0))
    assert set(STEPS) == {(name, version) for name, last in newest.items() for version in range(1, last)}


@pytest.fixture
def older_version(monkeypatch: pytest.MonkeyPatch) -> int:
    """A schema of UserCreated from before it had a name, under an id of its own."""
    definition = dict(current_schema(UserCreated).definition)
    fields = [field for field in definition["fields"] if field["name"] != "name"]
    older = RegisteredSchema(999, "verbatim.UserCreated", 0, {**definition, "fields": fields})
    monkeypatch.setattr(decoding, "registered_schemas", lambda: {**registered_schemas(), older.id: older})
    return older.id


def test_an_old_record_is_read_in_todays_shape(older_version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        upcasting,
        "STEPS",
        {("UserCreated", 0): lambda fields: {**fields, "name": "nameless"}, ("UserCreated", 1): dict},
    )
    monkeypatch.setitem(decoding._DECODERS, older_version, decoding.decoder_from(older_version))
    written = encode(samples(UserCreated)["full"])
    without_name = written.replace(b"\x10the name", b"")
    found = decode(older_version.to_bytes(5, "big") + without_name[5:])
    assert isinstance(found, UserCreated)
    assert (found.name, found.user_id) == ("nameless", "the user_id")


def test_a_process_does_not_start_without_a_step(older_version: int) -> None:
    assert missing_steps("UserCreated", 0, 3) == [0, 2]
    with pytest.raises(RuntimeError, match="no step for UserCreated from version 0"):
        decoding.decoder_from(older_version)
