"""Position tokens survive their way through a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.consistency.position_tokens import BadPositionToken, PositionToken, join, parse, token_of
from schemas import ids

topics = st.sampled_from(["conversation-events", "generation-outcomes", "generation-jobs.default.interactive"])
triples = st.tuples(topics, st.integers(0, 999), st.integers(0, 10**18 - 1))
tokens = st.builds(
    token_of, st.lists(triples, max_size=12), st.lists(st.builds(ids.user_id, st.text(max_size=3)), max_size=8)
)


@given(tokens)
def test_round_trip(token: PositionToken) -> None:
    assert parse(str(token)) == token


@given(tokens, tokens)
def test_joined_tokens_ask_for_everything(one: PositionToken, other: PositionToken) -> None:
    both = join(one, other)
    assert set(both.generations) == {*one.generations, *other.generations}
    asked = dict(both.offsets)
    for token in (one, other):
        assert all(asked[place] >= offset for place, offset in token.offsets)


@given(st.text(max_size=60))
def test_anything_else_is_refused_or_understood(header: str) -> None:
    try:
        token = parse(header)
    except BadPositionToken:
        return
    assert parse(str(token)) == token


def test_nothing_asks_for_nothing() -> None:
    assert not parse(None)
    assert not parse("")
    assert not PositionToken()


def test_as_documented() -> None:
    generation = ids.user_id("g")
    token = token_of([("conversation-events", 0, 123), ("conversation-events", 0, 7)], [generation])
    assert str(token) == f"conversation-events/0/123,generation/{generation}"


@pytest.mark.parametrize("header", ["x", "/0/1", "a/0", "a/0/1/2", "a/-1/1", "A/0/1", "a/0/1;b/0/1", "a/0/٣"])
def test_garbage(header: str) -> None:
    with pytest.raises(BadPositionToken):
        parse(header)
