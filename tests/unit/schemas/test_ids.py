"""Derived ids: the same cause gives the same id for ever, different causes never do."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

parts = st.text(alphabet="a\\u\x1f/0", max_size=6)


def test_ids_are_what_they_have_always_been() -> None:
    assert ids.conversation_id("user", "key") == "0546df82-435a-583e-9a74-d8011eace7a8"
    assert ids.message_id("user", "conversation", "key") == "8bd6596c-45dc-586c-922b-9b593e3386f8"
    assert ids.generation_id("message") == "5a28326f-3042-5537-bcc5-363e6de579c1"
    assert ids.event_id("cause", "PromptSubmitted") == "d7bec00a-f479-5afc-82b0-82a415ff3bf2"
    assert ids.event_id("cause", "PromptSubmitted", 1) == "483c4e32-6764-529b-a95e-b0d4ba97b922"
    assert ids.user_id("ada") == "751a2a2a-484d-5f48-9f00-d65f28c13198"


@given(st.tuples(parts, parts, parts), st.tuples(parts, parts, parts))
def test_different_causes_have_different_ids(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (ids.message_id(*one) == ids.message_id(*other)) == (one == other)


@given(parts, parts)
def test_ids_of_different_kinds_differ(first: str, second: str) -> None:
    made = [
        ids.conversation_id(first, second),
        ids.generation_id(first),
        ids.user_id(first),
        ids.event_id(first, second),
    ]
    assert len(set(made)) == len(made)
    assert all(uuid.UUID(made_id).version == 5 for made_id in made)
