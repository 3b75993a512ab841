"""A world in memory for tests of the api: a log, projections that read it, a worker that answers, and the app.

The fakes pass the conformance suite in tests/conformance/test_api_ports.py, which the real ones pass too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.access.auth import hash_of
from api.access.challenge import NoChallenge
from api.access.key_cache import KeyCache
from api.access.people import People
from api.access.session_ends import SessionEnds
from api.access.sessions import Sessions
from api.app import Adapters, create_app
from api.changes.hub import ChangeHub
from api.changes.telling import told_places
from api.consistency.own_writes import OwnWrites
from api.http.readiness import Readiness
from api.log_view.live_log import LiveLog, OnRecords
from api.page.files import WebFiles
from api.pulse.sampling import Pulse
from api.responses.sealing import Seal
from api.signin.assembly import SignIns
from api.signin.slowing import LocalTries, Tries
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from api.turns.queueing import Queues
from infra.embeddings.embedders import Embedders
from infra.issuers.fetching import Web
from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy import Policy
from infra.moderation.policy_file import load_policy
from infra.passwords.hashing import Parameters, Passwords
from infra.settings.processes import ApiSettings
from schemas import ids
from schemas.account import ApiKeyCreated
from schemas.codec import decode
from schemas.envelope import Envelope
from schemas.generation import AttemptEnded, GenerationEnded
from schemas.turns import Command, choices_of
from tests.fakes.memory_blobs import MemoryBlobs
from tests.oidc_issuer import IssuerWeb
from tests.unit.api.memory_history import MemoryHistory
from tests.unit.api.memory_key_uses import MemoryKeyUses
from tests.unit.api.memory_limiter import MemoryLimiter
from tests.unit.api.memory_links import MemoryLinks
from tests.unit.api.memory_live import MemoryFleet, MemoryTail
from tests.unit.api.memory_log import AT, TOPICS, Attempt, MemoryLog, MemoryRecord, turn_of
from tests.unit.api.memory_reads import MemoryReads
from topics.admission.book import Book
from topics.catalogue import ACCOUNT_EVENTS, ADMISSIONS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.errors import LogUnavailable
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.scan import generation_of

WEB = WebFiles.of(
    {
        "index.html": b'<!doctype html><script type="module" src="{{static}}/js/main.js"></script>',
        "js/main.js": b"console.log('main');\n" * 50,
        "js/tiny.mjs": b"1",
        "css/app.css": b"body { margin: 0 }\n" * 50,
        "favicon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "manifest.webmanifest": b'{"icons": [{"src": "{{static}}/icons/icon-192.png"}]}',
        "sw.js": b"const VERSION = '{{static}}/';\n",
        "robots.txt": b"User-agent: *\nDisallow: /\n",
        "icons/favicon.ico": b"\0\0\1\0",
        "icons/touch-180.png": b"\x89PNG",
        "vendor/font.woff2": bytes(range(256)),
        "vendor/LICENSES/lib": b"MIT",
    }
)

# Threads are few and tests are many: all worlds share these.
PASSWORDS = Passwords(Parameters(time_cost=1, memory_kib=8, lanes=1))


@dataclass(slots=True)
class World:
    """Everything an app stands on, and the app."""

    settings: ApiSettings = field(default_factory=lambda: ApiSettings(read_wait_s=0.2, disconnect_grace_s=0))
    script: Callable[[Attempt], Any] | None = None
    log: MemoryLog = field(init=False)
    reads: MemoryReads = field(init=False)
    history: MemoryHistory = field(init=False)
    live: LiveLog = field(init=False)
    changes: ChangeHub = field(init=False)
    pulse: Pulse = field(init=False)
    book: Book = field(init=False)
    queues: Queues = field(init=False)
    fleet: MemoryFleet = field(default_factory=MemoryFleet)
    models: ModelCatalogue = field(default_factory=lambda: ModelCatalogue.load(()))
    embedders: Embedders = field(default_factory=lambda: Embedders({}, {}))
    policy: Policy = field(default_factory=load_policy)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    adapters: Adapters = field(init=False)
    app: Any = field(init=False)
    key_uses: MemoryKeyUses = field(default_factory=MemoryKeyUses)
    links: MemoryLinks = field(default_factory=MemoryLinks)
    limiter: MemoryLimiter = field(init=False)
    tails: list[MemoryTail] = field(default_factory=list)
    change_tails: list[MemoryTail] = field(default_factory=list)
    web: Web = field(default_factory=IssuerWeb)
    now_s: float = 1000.0
    recorded: bool = True
    healthy: bool = True
    troubles: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.log = MemoryLog()
        self.reads = MemoryReads(self.log)
        self.limiter = MemoryLimiter(self.reads)
        self.history = MemoryHistory(self.log)
        hub = TailHub(TOPICS, self.log)
        readers = Readers(self.settings.heartbeat_s)
        people = People(self.reads, TOPICS, readers.end_user, self.settings.operators)
        keys = KeyCache(self.reads, people, readers.revoke)
        session_ends = SessionEnds(self.reads, TOPICS, readers.end_sessions)
        sign_ins = SignIns.of(
            self.settings.issuers,
            self.web,
            self.reads,
            people,
            readers,
            passwords=PASSWORDS,
            tries=Tries(None, local=LocalTries(lambda: self.now_s)),
            secret="s" * 43,
        )
        self.log.tail(TOKEN_CHUNKS, hub.on_batch)
        self.log.tail(ACCOUNT_EVENTS, people.on_batch)
        self.log.tail(ACCOUNT_EVENTS, keys.on_batch)
        self.log.tail(ACCOUNT_EVENTS, session_ends.on_batch)
        self.book = Book(TOPICS)
        self.log.tail(ADMISSIONS, self.book.on_batch)
        self.log.tail(ACCOUNT_EVENTS, sign_ins.on_batch)
        self.log.tail(CONVERSATION_EVENTS, self._work)
        self.log.tail(TOKEN_CHUNKS, self._record)
        self.live = LiveLog(self._open_tail, lambda place: self.log.position(place[1]))
        self.log.tail(TOKEN_CHUNKS, self.live.on_records)
        self.changes = ChangeHub(TOPICS, LiveLog(self._open_changes))
        told = self.troubles
        readiness = Readiness({"log": self._probe}, None if told is None else lambda: told)
        self.pulse = Pulse(TOPICS, self.live, self.history, self.log, self.fleet, readiness, readers, slots=4)
        self.queues = Queues(self.models.pools, TOPICS, self.log, self.fleet, slots=4)
        self.adapters = Adapters(
            settings=self.settings,
            models=self.models,
            embedders=self.embedders,
            policy=self.policy,
            log=self.log,
            ends=self.log,
            reads=self.reads,
            limiter=self.limiter,
            challenge=NoChallenge(),
            keys=keys,
            people=people,
            key_uses=self.key_uses,
            sign_ins=sign_ins,
            hub=hub,
            readers=readers,
            own_writes=OwnWrites(),
            readiness=readiness,
            history=self.history,
            started_at_us=AT,
            sessions=Sessions("s" * 43, 30 * 86_400),
            session_ends=session_ends,
            seal=Seal("s" * 43),
            links=self.links,
            web=WEB,
            topics=TOPICS,
            live=self.live,
            changes=self.changes,
            pulse=self.pulse,
            queues=self.queues,
            blobs=self.blobs,
            book=self.book,
        )
        self.app = create_app(self.adapters)

    def _open_tail(self, on_records: OnRecords) -> MemoryTail:
        self.tails.append(MemoryTail(self.log, on_records))
        return self.tails[-1]

    def _open_changes(self, on_records: OnRecords) -> MemoryTail:
        self.change_tails.append(MemoryTail(self.log, on_records, told_places(TOPICS)))
        return self.change_tails[-1]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """For the length of the block, what is shown as it comes is shown: live log, changes and pulse run."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(run())
                for run in (self.live.run, self.changes.run, self.pulse.run, self.adapters.readers.run_ticks)
            ]
            yield
            for task in running:
                task.cancel()

    async def _probe(self) -> None:
        if not self.healthy:
            raise LogUnavailable("down")

    def _work(self, records: Iterable[MemoryRecord]) -> None:
        """A worker (and the conversation agent) in no time: the first command of a generation is answered."""
        for record in records:
            command = decode(record.value())
            if self.script is None or not isinstance(command, Command):
                continue
            first = next(
                (event, at)
                for event, at in self.log.all_of(CONVERSATION_EVENTS)
                if getattr(event, "generation_id", None) == command.generation_id
            )
            if first[1].offset == record.offset():
                for choice in range(choices_of(command)):
                    self.script(Attempt(self.log, turn_of(command, first[1], choice)))

    def _record(self, records: Iterable[MemoryRecord]) -> None:
        """The recorder in no time."""
        for record in records:
            event = decode(record.value())
            if not self.recorded or not isinstance(event, AttemptEnded | GenerationEnded):
                continue
            fold = GenerationFold()
            for other, at in self.log.all_of(TOKEN_CHUNKS):
                if generation_of(other) == generation_of(event):
                    fold.apply(other, at)
            known = {done.turn.generation_id for done, _ in self.log.all_of(GENERATION_OUTCOMES)}
            if fold.finished and fold.turn is not None and fold.turn.generation_id not in known:
                self.log.append(GENERATION_OUTCOMES, fold.turn.conversation_id, outcome_of(fold))

    def add_key(self, name: str, letter: str) -> str:
        """A user and a key; returns the key."""
        key = "vk_" + letter * 43
        user = ids.user_id(name)
        envelope = Envelope(ids.event_id(key, "ApiKeyCreated"), AT, None, "r", "system:cli")
        key_id = ids.user_id(f"key of {name} {letter}")
        self.log.append(
            ACCOUNT_EVENTS,
            user,
            ApiKeyCreated(
                envelope=envelope, user_id=user, key_id=key_id, key_sha256=hash_of(key), label=name, hint=key[-4:]
            ),
        )
        return key

    @asynccontextmanager
    async def client(self, key: str | None) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://verbatim", headers=headers) as client:
            yield client


def saying(*deltas: str) -> Callable[[Attempt], Any]:
    """A script: these chunks, then the end."""

    def script(attempt: Attempt) -> None:
        attempt.start()
        for delta in deltas:
            attempt.chunk(delta)
        attempt.end()

    return script
