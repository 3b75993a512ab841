"""Selects the records of a slice. Pure: `export` reads the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.account import UserCreated
from schemas.codec import NewerRecord, UndecodableRecord, decode, record_type_of
from schemas.conversation import ConversationStarted
from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.usage import EmbeddingsComputed
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
)
from topics.epochs import Layout
from topics.log import RawRecord
from topics.slices.references import conversation_of, owner_of

JOBS_PREFIX = "generation-jobs."
BY_CONVERSATION = (CONVERSATION_EVENTS, MODERATION_VERDICTS, TOKEN_CHUNKS, GENERATION_OUTCOMES)
"""Topics whose key is the conversation, besides those of jobs."""
_NAMING = frozenset({USAGE_RECORDS, CONTROL})
"""Topics whose records name their conversation, and have another key."""
_OURS = frozenset({*BY_CONVERSATION, USAGE_RECORDS, CONTROL, DEAD_LETTERS, ACCOUNT_EVENTS})


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for; all of it must hold. Empty: any.

    `accounts`: also who the users are (their ids and names). What opens an account, keys and their hashes, never leaves
    an installation.
    """

    conversations: frozenset[str] = frozenset()
    user: str | None = None
    topics: frozenset[str] = frozenset()
    partitions: frozenset[int] = frozenset()
    accounts: bool = False


@dataclass(slots=True)
class People:
    """Whose conversations are in the slice. `conversations` None: everybody's. `left_out`: of them the temporary ones,
    which are in no slice."""

    conversations: frozenset[str] | None
    left_out: frozenset[str] = frozenset()
    owners: set[str] = field(default_factory=set)


def is_by_conversation(topic: str) -> bool:
    """Whether a topic's key is the conversation."""
    return topic in BY_CONVERSATION or topic.startswith(JOBS_PREFIX)


def is_ours(topic: str) -> bool:
    """Whether slices may hold records of a topic."""
    return topic in _OURS or topic.startswith(JOBS_PREFIX)


def places(selection: Selection, people: People, topics: Mapping[str, Layout]) -> list[tuple[str, int]]:
    """The partitions to look into, of those that the log has (`topics`); accounts' are not."""
    found = []
    for topic, layout in sorted(topics.items()):
        if not is_ours(topic) or topic == ACCOUNT_EVENTS:
            continue
        if selection.topics and topic not in selection.topics:
            continue
        there = set(range(layout.partitions))
        if selection.partitions:
            there &= selection.partitions
        if people.conversations is not None and is_by_conversation(topic):
            there &= {p for conversation in people.conversations for p in layout.partitions_of(conversation)}
        if selection.user is not None and topic == USAGE_RECORDS:
            there &= set(layout.partitions_of(selection.user))
        found += [(topic, partition) for partition in sorted(there)]
    return found


class Chooser:
    """Chooses among the records of `places`."""

    def __init__(self, selection: Selection, people: People) -> None:
        self._user = selection.user
        # They are of a user, and of no conversation.
        self._wants_embeddings = selection.user is not None and not selection.conversations
        self._keys: frozenset[bytes] | None = None
        self._wanted = people.conversations
        self._left_out = people.left_out
        self._left_out_keys = frozenset(conversation.encode() for conversation in people.left_out)
        if people.conversations is not None:
            self._keys = frozenset(conversation.encode() for conversation in people.conversations)

    def wants(self, record: RawRecord) -> bool:
        """Whether a record belongs to the slice. Of what cannot be decoded its key decides."""
        if record.key in self._left_out_keys and record.topic != USAGE_RECORDS:
            return False
        if self._keys is None and record.topic != DEAD_LETTERS and not (self._left_out and record.topic in _NAMING):
            return True
        if is_by_conversation(record.topic):
            return self._keys is None or record.key in self._keys
        if record.topic == USAGE_RECORDS and self._user is not None and record.key != self._user.encode():
            return False
        try:
            found = decode(record.value)
        except (UndecodableRecord, NewerRecord):
            return self._keys is None
        if isinstance(found, DeadLetter):
            return self._wants_letter(found)
        if isinstance(found, DeadLetterResolved):
            return self._keys is None or record.key in self._keys
        if isinstance(found, EmbeddingsComputed):
            return self._keys is None or self._wants_embeddings
        conversation = conversation_of(found)
        return conversation not in self._left_out and (self._wanted is None or conversation in self._wanted)

    def _wants_letter(self, letter: DeadLetter) -> bool:
        if letter.topic == ACCOUNT_EVENTS:
            return False  # it carries the record whole, and with it a key's hash
        if letter.key in self._left_out_keys:
            return False
        if self._keys is None or letter.key in self._keys:
            return True
        if letter.topic != USAGE_RECORDS:
            return False
        try:
            found = decode(letter.value)
        except (UndecodableRecord, NewerRecord):
            return self._user is not None and letter.key == self._user.encode()
        if isinstance(found, EmbeddingsComputed):
            return self._wants_embeddings and self._user is not None and letter.key == self._user.encode()
        return conversation_of(found) in (self._wanted or ())


def wants_account(record: RawRecord, owners: set[str]) -> bool:
    """Whether a record of account-events says who one of these users is."""
    try:
        found = decode(record.value)
    except (UndecodableRecord, NewerRecord):
        return False
    return isinstance(found, UserCreated) and found.user_id in owners


def temporary_in(record: RawRecord) -> str | None:
    """The temporary conversation that a record of conversation-events begins, if it is such a one."""
    if record_type_of(record.value) is not ConversationStarted:
        return None
    try:
        found = decode(record.value)
    except (UndecodableRecord, NewerRecord):
        return None
    return found.conversation_id if isinstance(found, ConversationStarted) and found.temporary else None


def conversation_if(selection: Selection, record: RawRecord) -> tuple[str, str] | None:
    """(conversation, owner) of a record of conversation-events that is asked for, else None."""
    try:
        found = decode(record.value)
    except (UndecodableRecord, NewerRecord):
        return None
    conversation, owner = conversation_of(found), owner_of(found)
    if conversation is None or owner is None:
        return None
    if selection.conversations and conversation not in selection.conversations:
        return None
    if selection.user is not None and owner != selection.user:
        return None
    return conversation, owner
