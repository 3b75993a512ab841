"""The API process. Connects, serves, and stops in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from functools import partial

import uvicorn
from confluent_kafka import KafkaException, Message

from api.access import account_tail, key_uses, redis_buckets, used_links
from api.access.buckets import LocalBuckets
from api.access.challenge import challenge_named
from api.access.key_cache import KeyCache
from api.access.key_uses import RedisKeyUses
from api.access.limiting import RateLimits
from api.access.people import People
from api.access.redis_buckets import RedisBuckets
from api.access.session_ends import SessionEnds
from api.access.sessions import Sessions
from api.access.used_links import RedisLinks
from api.app import Adapters, create_app
from api.changes.hub import ChangeHub
from api.changes.telling import told_places
from api.consistency.log_ends import KafkaEnds
from api.consistency.own_writes import OwnWrites
from api.conversations.log_history import LogHistory
from api.http.cross_origin import CrossOrigin
from api.http.protocol import http_of
from api.http.readiness import Readiness
from api.http.websocket import WebSocketConnection
from api.log_view.live_log import LiveLog
from api.log_view.live_tail import KafkaLiveTail, live_places
from api.page.files import WebFiles, WebFilesMissing, read_folder
from api.pulse.fleet import KafkaFleet
from api.pulse.sampling import Pulse
from api.responses.sealing import Seal
from api.signin import slowing
from api.signin.assembly import SignIns
from api.signin.slowing import Tries
from api.streaming.chunk_log import KafkaChunkLog
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from api.turns.queueing import Queues
from infra.blobs.store import ObjectBlobs, blobs_url
from infra.cache import cache_dir
from infra.clock import now_us
from infra.embeddings.embedders import Embedders
from infra.heap import keep_out_of_collections
from infra.ids import draw_secret
from infra.issuers.fetching import HttpWeb
from infra.lifesign import CALM_INTERVAL_S, LifeSign
from infra.logging import get_logger
from infra.models.catalogue import ModelCatalogue
from infra.models.tokenizers import TokenCounter
from infra.moderation.policy_file import load_policy
from infra.passwords.hashing import Passwords
from infra.processes.http_server import GRACE_S, CannotListen, Failing, Server, listening
from infra.processes.runner import run, run_loop
from infra.redis import RedisScripts
from infra.settings import Settings
from infra.settings.processes import ApiSettings
from infra.stack.child import STACK_ID_VARIABLE
from infra.stack.layout import Layout
from infra.stack.local_models import packages_folder
from infra.stack.snapshot import troubles
from infra.stack.word_vectors import WORD_VECTORS
from infra.tiers.tiers_file import load_tiers
from projections.facade import Projections
from topics.admins import Admins
from topics.admission.following import following
from topics.catalogue import ACCOUNT_EVENTS, TOKEN_CHUNKS
from topics.clients import open_admin
from topics.counts import configured, on_broker
from topics.producer import LogProducer
from topics.scan import watermarks
from topics.tail import Tail

ENDED_BY_S = 60.0
"""How long after its deadline a generation surely has its end; a stream that goes on longer is cut."""
BACKLOG = 2048


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[Adapters, list[Failing]]]:
    """The adapters, connected, and the tails without which they are worth nothing."""
    models, tiers = ModelCatalogue.of(settings), load_tiers(settings)
    challenge = challenge_named(settings.api.challenge)
    for model in models:
        TokenCounter.of(model)  # reading a tokenizer takes its time; no request waits for it
    properties = settings.kafka.client_properties()
    topics = await asyncio.to_thread(on_broker, properties, configured(settings.kafka, models.pools))
    async with contextlib.AsyncExitStack() as stack:
        reads = await Projections.connect(settings.cassandra, topics)
        stack.push_async_callback(reads.aclose)
        scripts = RedisScripts(settings.redis.url.get_secret_value())
        stack.push_async_callback(scripts.aclose)
        buckets = RedisBuckets(scripts, settings.redis.key(redis_buckets.KEY_PREFIX))
        await buckets.start()
        limiter = RateLimits(
            buckets,
            LocalBuckets(settings.api.processes),
            reads,
            tiers,
            per_address=settings.api.requests_per_minute,
            tries=settings.api.tries_per_minute,
        )
        # One that is asked for ends alone: what else is answered says nothing of those.
        admins, of_ends = Admins(partial(open_admin, dict(properties))), Admins(partial(open_admin, dict(properties)))
        log = LogProducer(properties, topics, timeout_s=settings.api.produce_timeout_s, client_id="verbatim-api")
        await log.start()
        stack.push_async_callback(log.aclose)
        policy = load_policy(settings.policy)
        embedders = Embedders.of(models.embeddings, WORD_VECTORS.folder(cache_dir()), packages_folder(cache_dir()))
        stack.push_async_callback(embedders.aclose)
        longest_s = max(model.deadlines.total_s for model in models)
        readers = Readers(settings.api.heartbeat_s, most_s=longest_s + ENDED_BY_S)
        people = People(reads, topics, readers.end_user, settings.api.operators)
        keys = KeyCache(reads, people, readers.revoke)
        session_ends = SessionEnds(reads, topics, readers.end_sessions)
        secret = secret_of(settings.api)
        web, passwords = HttpWeb(), Passwords()
        stack.push_async_callback(web.aclose)
        stack.callback(passwords.close)
        sign_ins = SignIns.of(
            settings.api.issuers,
            web,
            reads,
            people,
            readers,
            passwords=passwords,
            tries=Tries(scripts, settings.redis.key(slowing.KEY_PREFIX)),
            secret=secret,
        )

        def on_accounts(batch: list[Message]) -> None:
            people.on_batch(batch)
            keys.on_batch(batch)
            session_ends.on_batch(batch)
            sign_ins.on_batch(batch)

        accounts = Tail(properties, ACCOUNT_EVENTS, on_accounts)
        stack.push_async_callback(accounts.aclose)
        places = range(topics[ACCOUNT_EVENTS].partitions)
        ends_now = [await asyncio.to_thread(watermarks, properties, ACCOUNT_EVENTS, place) for place in places]
        await account_tail.begin(accounts, reads, dict(zip(places, ends_now, strict=True)))
        book, admissions = await stack.enter_async_context(following(properties, topics))
        chunks = KafkaChunkLog(properties, topics)
        hub = TailHub(topics, chunks)
        live = LiveLog(
            lambda on_records: KafkaLiveTail(properties, "live-log", live_places(topics), on_records),
            lambda place: chunks.position(place[1]),
        )
        changes = ChangeHub(
            topics, LiveLog(lambda on_records: KafkaLiveTail(properties, "changes", told_places(topics), on_records))
        )

        def on_chunks(batch: list[Message]) -> None:
            hub.on_batch(batch)
            live.on_records(batch)

        await chunks.start(on_chunks)
        stack.push_async_callback(chunks.aclose)

        async def ask_log() -> None:
            try:
                await asyncio.to_thread(admins.client.list_topics, TOKEN_CHUNKS, 2.0)
            except KafkaException:
                admins.failed()
                raise
            admins.answered()

        history = LogHistory(settings, topics)
        stack.push_async_callback(history.aclose)
        status_file = Layout.at(settings.state).status_file
        supervised = partial(troubles, status_file) if os.environ.get(STACK_ID_VARIABLE) else None
        readiness = Readiness({"log": ask_log, "projections": reads.ping}, supervised)
        ends, fleet = KafkaEnds(of_ends, topics), KafkaFleet(admins)
        stack.push_async_callback(fleet.aclose)
        pulse = Pulse(topics, live, history, ends, fleet, readiness, readers, settings.worker.slots)
        yield (
            Adapters(
                settings=settings.api,
                models=models,
                embedders=embedders,
                policy=policy,
                log=log,
                ends=ends,
                reads=reads,
                limiter=limiter,
                challenge=challenge,
                keys=keys,
                people=people,
                key_uses=RedisKeyUses(scripts, settings.redis.key(key_uses.KEY_PREFIX)),
                sign_ins=sign_ins,
                hub=hub,
                readers=readers,
                own_writes=OwnWrites(),
                readiness=readiness,
                history=history,
                started_at_us=now_us(),
                sessions=Sessions(secret, round(settings.api.session_days * 86_400)),
                session_ends=session_ends,
                seal=Seal(secret),
                links=RedisLinks(scripts, settings.redis.key(used_links.KEY_PREFIX)),
                web=WebFiles.of(read_folder()),
                topics=topics,
                live=live,
                changes=changes,
                pulse=pulse,
                queues=Queues(models.pools, topics, ends, fleet, settings.worker.slots),
                blobs=ObjectBlobs(blobs_url(settings)),
                book=book,
            ),
            [chunks, accounts, admissions],
        )


def secret_of(settings: ApiSettings) -> str:
    """What this process signs cookies and links with, and seals summaries."""
    secret = settings.session_secret.get_secret_value()
    if not secret:
        secret = draw_secret()
        get_logger(__name__).warning(
            "api.session_secret is not set: browsers signed in here are signed out when this process ends"
        )
    return secret


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises, in a group, what keeps the process from following the log."""
    with listening(settings.api.host, settings.api.port) as listener:
        async with connected(settings) as (adapters, tails):
            config = uvicorn.Config(
                create_app(adapters),
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                # Only these proxies may name the client's address and scheme.
                proxy_headers=True,
                forwarded_allow_ips=list(settings.api.trusted_proxies),
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_S,
                http=http_of(CrossOrigin.of(settings.api.cors_origins), settings.api.max_body_bytes),
                ws=WebSocketConnection,  # upgrades are taken; what they become, the HTTP connection decides
            )
            server = Server(config, adapters.end_pushed)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(LifeSign.from_env().run_beats(stop, CALM_INTERVAL_S))
                forever = [tasks.create_task(server.end_with(tail)) for tail in tails]
                for run in (
                    adapters.readers.run_ticks,
                    adapters.live.run,
                    adapters.changes.run,
                    adapters.pulse.run,
                    adapters.queues.run,
                    adapters.limiter.run,
                ):
                    forever.append(tasks.create_task(run()))
                keep_out_of_collections()
                await server.serve([listener])
                stop.set()
                for task in forever:
                    task.cancel()
                if server.failure is not None:
                    raise server.failure


def main() -> int:
    return run("api", lambda settings: run_loop(serve(settings)), outside=(CannotListen, WebFilesMissing))


if __name__ == "__main__":
    sys.exit(main())
