"""A pool of its own on the real log: jobs go in, what token-chunks says comes out, workers are real processes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import TopicPartition

from infra.clock import now_us
from infra.ids import draw_id
from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from schemas import ids
from schemas.codec import UndecodableRecord
from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import Envelope, Position
from schemas.generation import GenerationRecord, GenerationRequested
from schemas.outcome import GenerationCompleted
from tests import records
from tests.integration.stream_workers import StreamProcess
from topics.admin import create_topics
from topics.catalogue import GENERATION_OUTCOMES, SERVICE_CLASSES, TOKEN_CHUNKS, catalogue, jobs_topic
from topics.clients import open_consumer
from topics.generation_fold import GenerationFold
from topics.producer import LogProducer
from topics.scan import generation_of, scan, watermarks
from topics.topic import Topic

OPENAI = """
[[model]]
id = "echo-{pool}"
engine = "openai"
address = "{url}"
upstream_model = "m"
pool = "{pool}"
context_tokens = 4096
price = {{ input = 1, output = 2 }}
deadlines = {{ first_token_s = 5, inter_token_s = 5, total_s = 30 }}

[[model]]
id = "local-{pool}"
engine = "triton"
upstream_model = "tensorrt_llm_bls"
pool = "{pool}"
context_tokens = 4096
price = {{ input = 1, output = 2 }}
"""


@dataclass
class WorkerWorld:
    """`chunks` reads the whole topic, so that a record nobody expected is seen as well."""

    settings: Settings
    folder: Path
    pool: str
    producer: LogProducer
    models: ModelCatalogue
    start: int
    jobs: dict[str, GenerationRequested] = field(default_factory=dict)

    @classmethod
    async def make(cls, settings: Settings, folder: Path, upstream_url: str) -> WorkerWorld:
        pool = f"t{draw_id()[:8]}"
        file = folder / "models.toml"
        file.write_text(OPENAI.format(pool=pool, url=upstream_url))
        properties = settings.kafka.client_properties()
        topics = catalogue((pool,))
        create_topics(properties, topics)
        producer = LogProducer(properties, topics)
        await producer.start()
        start = watermarks(properties, TOKEN_CHUNKS, 0)[1]
        return cls(settings, folder, pool, producer, ModelCatalogue.load([file]), start)

    async def worker(self, name: str = "worker-0", **env: str) -> StreamProcess:
        """A worker process of the pool, ready to take jobs."""
        command = [sys.executable, "-m", "infra.processes.worker"]
        given = {
            "VERBATIM_INSTANCE": name,
            "VERBATIM_WORKER__POOL": self.pool,
            "VERBATIM_MODELS": f'["{self.folder / "models.toml"}"]',
            "VERBATIM_TRITON__GRPC": self.settings.triton.grpc,
        }
        made = StreamProcess(command, self.settings, self.folder, name, given | env)
        # In a thread, because the fake upstream answers on this loop.
        return await asyncio.to_thread(made.ready)

    async def job(
        self,
        text: str,
        model: str = "echo",
        *,
        user: str = "user",
        sampling: Sampling | None = None,
        old: bool = False,
        patience_ms: int = 5000,
    ) -> str:
        """Order an answer; returns the generation's id."""
        conversation, message = draw_id(), draw_id()
        generation = ids.generation_id(message)
        turn = records.turn(
            generation_id=generation,
            conversation_id=conversation,
            user_id=user,
            message_id=message,
            prompt_message_id=message,
            kind="stateless",
            model=f"{model}-{self.pool}",
            price=self.models.get(f"echo-{self.pool}").price,
            tail=Position(0, 0, self.start),
        )
        self.jobs[generation] = records.job(
            turn,
            envelope=Envelope(draw_id(), now_us(), None, "request", "user:user"),
            messages=(ChatMessage("user", text),),
            prompt_tokens=7,
            sampling=sampling or Sampling(),
            maybe_repeat=old,
            first_token_timeout_ms=patience_ms,
            inter_token_timeout_ms=patience_ms,
            deadline_at_us=now_us() + 60_000_000,
        )
        await self.send(generation)
        return generation

    async def send(self, generation: str) -> None:
        """Put a job into its topic (again)."""
        job = self.jobs[generation]
        await self.producer.send(self.topic, job.turn.conversation_id, job)

    @property
    def topic(self) -> Topic[GenerationRequested]:
        return jobs_topic(self.pool, "interactive")

    def chunks(self, generation: str) -> list[GenerationRecord]:
        """Everything token-chunks holds of a generation."""
        properties = self.settings.kafka.client_properties()
        end = watermarks(properties, TOKEN_CHUNKS, 0)[1]
        found: list[GenerationRecord] = []
        for message in scan(properties, TOKEN_CHUNKS, 0, self.start, end):
            try:
                record = TOKEN_CHUNKS.decode(message.value())
            except UndecodableRecord:
                continue
            if generation_of(record) == generation:
                found.append(record)
        return found

    def fold(self, generation: str) -> GenerationFold:
        fold = GenerationFold()
        for record in self.chunks(generation):
            fold.apply(record)
        return fold

    def finished(self, generation: str) -> Callable[[], bool]:
        return lambda: self.fold(generation).finished

    async def outcome(self, generation: str) -> None:
        """What the recorder would write."""
        job, fold = self.jobs[generation], self.fold(generation)
        record = GenerationCompleted(
            envelope=job.envelope,
            turn=job.turn,
            text=fold.text,
            chunks=tuple(fold.marks),
            started_at_us=1,
            ended_at_us=2,
            attempts=fold.number,
            usage=fold.usage,
            cost_micros=0,
            sha256=fold.sha256,
            end=Position(0, 0, 0),
            finish_reason="stop",
        )
        await self.producer.send(GENERATION_OUTCOMES, job.turn.conversation_id, record)

    def uncommitted(self) -> int:
        """Jobs in the pool's topics above the group's committed offsets."""
        properties = self.settings.kafka.client_properties()
        consumer = open_consumer({**properties, "group.id": f"verbatim-workers-{self.pool}"})
        try:
            places = [
                TopicPartition(jobs_topic(self.pool, service_class), partition)
                for service_class in SERVICE_CLASSES
                for partition in range(2)
            ]
            left = 0
            for place in consumer.committed(places, timeout=10):
                low, high = consumer.get_watermark_offsets(place, timeout=10)
                left += high - (place.offset if place.offset >= 0 else low)
            return left
        finally:
            consumer.close()
