"""The turn that a command begins, and who pays for it."""

from __future__ import annotations

from dataclasses import replace

from schemas.bounding import MAX_FIELD_CHARS
from schemas.codec import decode, encode
from schemas.conversation import PromptSubmitted, RegenerateRequested
from schemas.price import Attribution, Price
from schemas.turns import DEFAULT_TIER, UserCommand, account_of, attribution_of, turn_of
from tests.golden.samples import samples
from tests.records import CAUSE, prompt, regenerate, stateless

PRICE = Price("v", "USD", 1, 2, 3)


def test_a_prompt_is_answered_in_its_own_turn() -> None:
    turn = turn_of(prompt(), CAUSE, PRICE)
    assert (turn.generation_id, turn.message_id, turn.prompt_message_id) == ("generation", "message", "message")
    assert (turn.kind, turn.cause, turn.price, turn.request_hash) == ("chat", CAUSE, PRICE, "hash")
    assert turn_of(stateless(), CAUSE, PRICE).kind == "stateless"


def test_a_regeneration_answers_an_earlier_prompt() -> None:
    turn = turn_of(regenerate(), CAUSE, PRICE)
    assert (turn.message_id, turn.prompt_message_id, turn.kind) == ("command", "message", "chat")


def test_a_turn_is_bounded() -> None:
    turn = turn_of(prompt(model="x" * 100_000), CAUSE, replace(PRICE, version="v" * 100_000))
    assert (len(turn.model), len(turn.price.version)) == (MAX_FIELD_CHARS, MAX_FIELD_CHARS)


def test_the_user_pays_unless_the_command_names_an_account() -> None:
    for command in (prompt(), regenerate()):
        assert account_of(command) == command.user_id
        assert account_of(replace(command, account="team")) == "team"


def test_a_command_of_version_1_names_no_price_no_account_and_no_model_version() -> None:
    for record_type in (PromptSubmitted, RegenerateRequested):
        named = samples(record_type)["full"]
        silent = replace(named, price=None, account="", model_version="", **_counted(record_type))
        found = decode(encode(silent))
        assert isinstance(found, UserCommand)
        assert (found.price, found.account, found.model_version) == (None, "", "")
        assert account_of(found) == found.user_id
        assert turn_of(found, CAUSE, PRICE) == turn_of(replace(named, account=""), CAUSE, PRICE)


def test_a_turn_says_who_asked_and_who_pays_where_that_is_not_just_the_user() -> None:
    for command in (prompt(), regenerate()):
        plain = replace(command, account=command.user_id, tier=DEFAULT_TIER)
        assert turn_of(plain, CAUSE, PRICE).attribution is None
        assert turn_of(replace(plain, account=""), CAUSE, PRICE).attribution is None
        said = replace(plain, account="team", organisation_id="team", key_id="key", tier="plus")
        assert turn_of(said, CAUSE, PRICE).attribution == Attribution(
            account="team", organisation_id="team", key_id="key", tier="plus"
        )
        assert attribution_of(replace(plain, key_id="key")) == Attribution(account=command.user_id, key_id="key")


def _counted(record_type: type) -> dict[str, int]:
    return {"prompt_tokens": 0} if record_type is PromptSubmitted else {}
