"""Compares a slice with the target log: what is there, what would be appended. Changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.account import UserCreated
from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Position
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.epochs import Layout
from topics.headers import IMPORTED
from topics.log import Log, RawRecord
from topics.slices.entries import REPLAYED, TOPICS, Entry, entry_of
from topics.slices.errors import SliceRefused
from topics.slices.folder import OpenedSlice

_ELSEWHERE = "import it into a stack that knows nothing of this conversation"
Named = tuple[str, str]
"""(topic, name) of a record that others refer to."""


@dataclass(slots=True)
class Plan:
    """`placed`: sequence -> where the record stands there already. `missing`: what is to be appended, in order.

    `left_out`: entries that refer to what neither the slice nor the target has. `names`: where the records stand that
    entries refer to by name. `layouts`: of every topic there. `tails`: the ends of token-chunks there. `open_turns`:
    how many turns of the slice have no outcome. `strangers`: owners whom the target does not know.
    """

    layouts: Mapping[str, Layout]
    tails: Mapping[int, int]
    placed: dict[int, Position] = field(default_factory=dict)
    missing: list[Entry] = field(default_factory=list)
    left_out: list[Entry] = field(default_factory=list)
    names: dict[Named, Position] = field(default_factory=dict)
    open_turns: int = 0
    strangers: set[str] = field(default_factory=set)

    @property
    def counts(self) -> Counter[str]:
        """How many records would be appended to each topic."""
        return Counter(entry.topic for entry in self.missing)


@dataclass(slots=True)
class _Found:
    """What the target says of one slice."""

    done: dict[int, tuple[Position, bytes]] = field(default_factory=dict)
    others: dict[tuple[str, str], list[tuple[Position, bytes]]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[str, Entry] = field(default_factory=dict)
    names: dict[Named, Position] = field(default_factory=dict)
    users: dict[str, bytes] = field(default_factory=dict)


def user_there(log: Log, wanted: str) -> str:
    """The id of the target's user with this id or name. Raises SliceRefused if there is none, LogError."""
    partitions = log.topics().get(ACCOUNT_EVENTS, 0)
    first, end = log.held({ACCOUNT_EVENTS: partitions})
    known: dict[str, str] = {}
    for batch in log.read(first, end):
        for raw in batch:
            if isinstance(record := _decoded(raw), UserCreated):
                known.setdefault(record.user_id, record.name)
    if wanted in known:
        return wanted
    named = [user for user, name in known.items() if name == wanted]
    if len(named) != 1:
        raise SliceRefused(f"there is no user {wanted[:100]!r} here: ./verbatim key list shows them")
    return named[0]


def plan(log: Log, opened: OpenedSlice, report: Callable[[int, int], None]) -> Plan:
    """Compare a slice with the log that it is to go to. `log` reads headers too.

    Raises SliceRefused: topics are not there, the same ids with other content are, or records that came later than
    what would be appended now. LogError.
    """
    topics = log.layouts()
    wanted = [topic for topic in REPLAYED if any(entry.topic == topic for entry in opened.entries)]
    needed = dict.fromkeys([*wanted, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, ACCOUNT_EVENTS])
    if absent := [topic for topic in needed if topic not in topics]:
        raise SliceRefused(f"the target has no topic {absent[0]}: start the stack there once (./verbatim up)")
    _, ends = log.held({TOKEN_CHUNKS: topics[TOKEN_CHUNKS].partitions})
    made = Plan(topics, {partition: offset for (_, partition), offset in ends.items()})
    found = _look(log, opened, topics, report)
    made.names = found.names
    _sort(opened.entries, found, made)
    _refuse_disorder(made, found, opened.entries)
    here = [entry for entry in opened.entries if entry.sequence in made.placed] + made.missing
    ended = {entry.generation for entry in here if entry.topic == GENERATION_OUTCOMES}
    ended |= {name for topic, name in found.names if topic == GENERATION_OUTCOMES}
    begun = {entry.generation for entry in here if entry.topic == CONVERSATION_EVENTS and entry.generation}
    made.open_turns = len(begun - ended)
    known = found.users.keys() | {entry.key for entry in here if entry.topic == ACCOUNT_EVENTS}
    made.strangers = {entry.owner for entry in here if entry.owner} - known
    return made


def _look(log: Log, opened: OpenedSlice, topics: Mapping[str, Layout], report: Callable[[int, int], None]) -> _Found:
    keys: dict[str, set[bytes]] = defaultdict(set)
    for entry in opened.entries:
        keys[entry.topic].add(entry.key.encode())
        if entry.conversation:
            keys[CONVERSATION_EVENTS].add(entry.conversation.encode())
            keys[GENERATION_OUTCOMES].add(entry.conversation.encode())
    spans = {
        (topic, partition)
        for topic, here in keys.items()
        for key in here
        for partition in topics[topic].partitions_of(key.decode())
    } | {(ACCOUNT_EVENTS, partition) for partition in range(topics[ACCOUNT_EVENTS].partitions)}
    first, end = log.held({topic: topics[topic].partitions for topic, _ in spans})
    start, stop = {place: first[place] for place in spans}, {place: end[place] for place in spans}
    total, done = sum(stop[place] - start[place] for place in spans), 0
    found, ids = _Found(), {(entry.topic, entry.event_id) for entry in opened.entries}
    for batch in log.read(start, stop):
        report(done, total)
        done += len(batch)
        for raw in batch:
            if raw.topic == ACCOUNT_EVENTS or raw.key in keys[raw.topic]:
                _note(found, raw, topics[raw.topic], opened.manifest.sha256, ids)
    return found


def _note(found: _Found, raw: RawRecord, layout: Layout, sha256: str, ids: set[tuple[str, str]]) -> None:
    record = _decoded(raw)
    if not isinstance(record, TOPICS[raw.topic].record_types):
        return  # damage, which every reader passes over
    place = layout.position(raw.partition, raw.offset)
    entry, _ = entry_of(record, raw.topic, place, 0, None)
    if raw.topic == ACCOUNT_EVENTS:
        if isinstance(record, UserCreated):
            found.users.setdefault(record.user_id, entry.fingerprint)
        return
    if entry.name:
        found.names.setdefault((raw.topic, entry.name), place)
    sequence = _sequence(raw, sha256)
    if sequence is not None:
        found.done.setdefault(sequence, (place, entry.fingerprint))
    elif (raw.topic, entry.event_id) in ids:
        found.others[raw.topic, entry.event_id].append((place, entry.fingerprint))
    elif raw.topic == CONVERSATION_EVENTS:
        newest = found.newest.get(entry.key)
        if newest is None or newest.occurred_at_us < entry.occurred_at_us:
            found.newest[entry.key] = entry


def _decoded(raw: RawRecord) -> object:
    try:
        return decode(raw.value)
    except UndecodableRecord:
        return None


def _sequence(raw: RawRecord, sha256: str) -> int | None:
    """Which record of the slice `sha256` this is, if it came with it."""
    for name, value in raw.headers:
        of, _, number = (value or b"").partition(b":")
        if name == IMPORTED and of == sha256.encode() and number.isdigit():
            return int(number)
    return None


def _sort(entries: Sequence[Entry], found: _Found, made: Plan) -> None:
    """Into what is there, what is missing, and what cannot come because what it refers to does not."""
    allowed: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for entry in entries:
        allowed[entry.topic, entry.event_id].add(entry.fingerprint)
    for (topic, event_id), there in found.others.items():
        for place, content in there:
            if content not in allowed[topic, event_id]:
                raise SliceRefused(
                    f"the target has event {event_id} with other content, at {topic}[{place.partition}]@{place.offset}"
                )
    coming: set[tuple[str, Position]] = set()
    names = set(found.names)
    for entry in entries:
        standing = _there(entry, found)
        if standing is not None:
            made.placed[entry.sequence] = standing
        elif all((r.topic, r.place) in coming or (r.topic, r.name) in names for r in entry.references):
            made.missing.append(entry)
        else:
            made.left_out.append(entry)
            continue
        coming.add((entry.topic, entry.source))
        if entry.name:
            names.add((entry.topic, entry.name))


def _there(entry: Entry, found: _Found) -> Position | None:
    """Where the target has this record; None if it has not."""
    if entry.topic == ACCOUNT_EVENTS:
        known = found.users.get(entry.key)
        if known is not None and known != entry.fingerprint:
            raise SliceRefused(f"user {entry.key} has another name here")
        return None if known is None else entry.source
    done = found.done.get(entry.sequence)
    if done is not None:
        if done[1] != entry.fingerprint:
            raise SliceRefused(f"this slice was imported already for another user (event {entry.event_id})")
        return done[0]
    others = found.others.get((entry.topic, entry.event_id))
    return others.pop(0)[0] if others else None


def _refuse_disorder(made: Plan, found: _Found, entries: Sequence[Entry]) -> None:
    """A conversation's events have one order: nothing is appended behind what came after it."""
    first_missing: dict[str, Entry] = {}
    for entry in made.missing:
        if entry.topic == CONVERSATION_EVENTS:
            first_missing.setdefault(entry.key, entry)
    for entry in entries:
        gap = first_missing.get(entry.key) if entry.topic == CONVERSATION_EVENTS else None
        if gap is not None and entry.sequence > gap.sequence and entry.sequence in made.placed:
            raise SliceRefused(f"conversation {entry.key} is here in part, without its earlier events: {_ELSEWHERE}")
    for conversation, gap in first_missing.items():
        newest = found.newest.get(conversation)
        if newest is not None and newest.occurred_at_us > gap.occurred_at_us:
            raise SliceRefused(
                f"conversation {conversation} has gone on here (conversation-events[{newest.source.partition}]"
                f"@{newest.source.offset}) past what the slice would add: {_ELSEWHERE}"
            )
