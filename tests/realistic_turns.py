"""What the people in one conversation of the realistic log do, step by step.

`conversation` is a generator: it says what is said now and yields the microseconds until it goes on.
"""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha256
from typing import TYPE_CHECKING

from schemas import ids
from schemas.conversation import (
    ChatMessage,
    ConversationRenamed,
    ConversationShared,
    ConversationStarted,
    FeedbackGiven,
    PromptSubmitted,
    RegenerateRequested,
)
from tests import realistic_people as people
from tests import records
from tests.realistic_generation import Talk, answer, deleted
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS

if TYPE_CHECKING:
    from tests.realistic_log import World


def conversation(world: World) -> Generator[int, None, None]:
    """One conversation from its first word to its last."""
    dice = world.dice
    user, key, model = world.somebody(), dice.hex(32), "large" if dice.chance(0.3) else "small"
    if dice.chance(people.STATELESS):
        talk = Talk(ids.conversation_id(user, key), user, model)
        context = [ChatMessage("system", dice.text(30))] if dice.chance(0.5) else []
        for _ in range(dice.below(4)):
            context += [ChatMessage("user", dice.prompt()), ChatMessage("assistant", dice.text(120))]
        context.append(ChatMessage("user", dice.prompt()))
        yield from answer(world, talk, _prompt(world, talk, key, tuple(context)))
        return
    talk = Talk(ids.conversation_id(user, f"POST /api/v1/conversations\n{key}"), user, model)
    talk.system_prompt = dice.text(40) if dice.chance(0.2) else None
    began = world.envelope(talk.id, "ConversationStarted", user)
    world.say(
        CONVERSATION_EVENTS,
        talk.id,
        ConversationStarted(
            envelope=began,
            conversation_id=talk.id,
            user_id=user,
            title=None,
            model=model,
            system_prompt=talk.system_prompt,
        ),
    )
    yield dice.wait_us(500_000)
    turns = dice.turns()
    rename_at = dice.below(turns) if dice.chance(people.RENAMED) else -1
    for number in range(turns):
        yield from answer(world, talk, _prompt(world, talk, dice.hex(32), None))
        if not talk.gone and dice.chance(people.REGENERATED):
            yield dice.wait_us(8_000_000)
            yield from answer(world, talk, _regenerate(world, talk))
        if talk.gone:
            return
        if talk.leaf is not None and dice.chance(people.RATED):
            yield dice.wait_us(5_000_000)
            rated = world.envelope(f"{talk.leaf}/{dice.hex(32)}", "FeedbackGiven", user)
            comment = dice.text(12) if dice.chance(0.2) else None
            rating = FeedbackGiven(
                envelope=rated,
                conversation_id=talk.id,
                user_id=user,
                message_id=talk.leaf,
                rating="up" if dice.chance(0.7) else "down",
                comment=comment,
            )
            world.say(CONVERSATION_EVENTS, talk.id, rating)
        if number == rename_at:
            renamed = world.envelope(f"{talk.id}/{dice.hex(32)}", "ConversationRenamed", user)
            world.say(CONVERSATION_EVENTS, talk.id, ConversationRenamed(renamed, talk.id, user, dice.text(6)))
        yield dice.wait_us(25_000_000)
    if dice.chance(people.SHARED):
        shared = world.envelope(f"{talk.id}/{dice.hex(32)}", "ConversationShared", user)
        link = ConversationShared(
            envelope=shared,
            conversation_id=talk.id,
            user_id=user,
            share_id=dice.hex(16),
            up_to_message_id=talk.leaf,
            revoked=False,
        )
        world.say(CONVERSATION_EVENTS, talk.id, link)
    if dice.chance(people.DELETED):
        yield dice.wait_us(60_000_000)
        deleted(world, talk)


def _prompt(world: World, talk: Talk, key: str, messages: tuple[ChatMessage, ...] | None) -> PromptSubmitted:
    keyed = records.keyed(talk.user, talk.id, key)
    return records.prompt(
        **keyed,
        envelope=world.envelope(keyed["message_id"], "PromptSubmitted", talk.user),
        parent_message_id=None if messages is not None else talk.leaf,
        kind="chat" if messages is None else "stateless",
        content=world.dice.prompt() if messages is None else None,
        messages=messages or (),
        model=talk.model,
        tail=world.end_of(TOKEN_CHUNKS, talk.id),
        request_hash=sha256(key.encode()).hexdigest(),
        idempotency_key=key if world.dice.chance(0.5) else None,
        deadline_at_us=world.now_us + 600_000_000,
    )


def _regenerate(world: World, talk: Talk) -> RegenerateRequested:
    key = world.dice.hex(32)
    keyed = records.keyed(talk.user, talk.id, key)
    return records.regenerate(
        **keyed,
        envelope=world.envelope(keyed["message_id"], "RegenerateRequested", talk.user),
        prompt_message_id=talk.prompt_id,
        model=talk.model,
        tail=world.end_of(TOKEN_CHUNKS, talk.id),
        request_hash=sha256(key.encode()).hexdigest(),
        idempotency_key=key,
        deadline_at_us=world.now_us + 600_000_000,
    )
