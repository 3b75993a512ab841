"""Other tools read the topics with our schema endpoint: Confluent's own client, and a reader in another language."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from confluent_kafka import Message
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro import parse_schema, schemaless_reader

from infra.cache import cache_dir
from infra.settings import Settings
from infra.stack.jars import class_path
from infra.stack.java import chosen_java
from schemas.codec import FRAME_BYTES
from schemas.registry import registered_schemas
from tests.integration.api_running import Running, whole_api
from tests.unit.api.sse_text import events_of
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.log import Log
from topics.scan import scan

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

JAVA = Path(__file__).parents[1] / "java"
TOPICS = (CONVERSATION_EVENTS, TOKEN_CHUNKS, GENERATION_OUTCOMES)
Span = tuple[str, int, int, int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with whole_api(servers, tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


def _ends(settings: Settings) -> dict[tuple[str, int], int]:
    log = Log(settings.kafka.client_properties())
    try:
        there = log.topics()
        return dict(log.held({topic: there[topic] for topic in TOPICS})[1])
    finally:
        log.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def written(running: Running) -> tuple[list[Span], list[Message]]:
    """What two turns left in the topics: where, and the records."""
    before = await asyncio.to_thread(_ends, running.settings)
    async with running.client() as client:
        conversation = (await client.post("/api/v1/conversations", json={"title": "naïve 🙂"})).json()["id"]
        for said in ("say 20", "refuse"):
            answer = await client.post(f"/api/v1/conversations/{conversation}/messages", json={"content": said})
            assert events_of(answer.content)[-1].event in ("message_end", "error")
        token = f"generation/{events_of(answer.content)[0].json['messageId']}"
        await client.get(f"/api/v1/conversations/{conversation}", headers={"X-Verbatim-Position": token})
    after = await asyncio.to_thread(_ends, running.settings)
    spans = [(*place, before[place], end) for place, end in after.items() if end > before[place]]
    assert {span[0] for span in spans} == set(TOPICS)
    return spans, await asyncio.to_thread(_records, running.settings, spans)


def _records(settings: Settings, spans: Sequence[Span]) -> list[Message]:
    return [message for span in spans for message in scan(settings.kafka.client_properties(), *span)]


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema


def _expected(value: bytes, *, times_are_numbers: bool) -> tuple[str, Any]:
    """The subject of a record and its fields, by the committed index."""
    schema = registered_schemas()[int.from_bytes(value[1:FRAME_BYTES], "big")]
    definition = dict(schema.definition)
    parsed = parse_schema(_plain(definition) if times_are_numbers else definition)
    return schema.subject, schemaless_reader(BytesIO(value[FRAME_BYTES:]), parsed, None)


async def test_confluents_own_client_decodes_what_the_stack_wrote(
    running: Running, written: tuple[list[Span], list[Message]]
) -> None:
    _, messages = written

    def decoded() -> list[Any]:
        # The client is a blocking one; nothing but the URL is told to it.
        with SchemaRegistryClient({"url": running.api.url}) as client:
            assert sorted(client.get_subjects()) == sorted({s.subject for s in registered_schemas().values()})
            newest = client.get_latest_version("verbatim.TokenChunk")
            assert client.lookup_schema("verbatim.TokenChunk", newest.schema).schema_id == newest.schema_id
            assert client.get_compatibility() == "BACKWARD_TRANSITIVE"
            assert client.test_compatibility("verbatim.TokenChunk", newest.schema)
            assert client.test_compatibility_all_versions("verbatim.TokenChunk", newest.schema)
            assert not client.test_compatibility("verbatim.TokenChunk", Schema('"string"', "AVRO"))
            assert client.get_contexts() == ["."]
            with pytest.raises(SchemaRegistryError, match="HTTP status code 404, SR code 40401"):
                client.test_compatibility("nothing", newest.schema)
            deserialize = AvroDeserializer(client)
            context = [SerializationContext(message.topic() or "", MessageField.VALUE) for message in messages]
            return [deserialize(message.value(), where) for message, where in zip(messages, context, strict=True)]

    found = await asyncio.to_thread(decoded)
    assert len(found) > 25
    for message, fields in zip(messages, found, strict=True):
        assert fields == _expected(message.value() or b"", times_are_numbers=False)[1]


def _java(*arguments: str, classes: str) -> str:
    done = subprocess.run(
        [str(chosen_java("packaged", {}).binary), "-cp", classes, *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _read_with_java(bootstrap: str, registry: str, spans: Sequence[Span], folder: Path) -> list[str]:
    """The lines of tests/java/ReadTopics.java, compiled with the compiler on Cassandra's class path."""
    kafka = class_path("kafka", cache_dir(), lambda _: None)
    avro = class_path("avro", cache_dir(), lambda _: None, locks=JAVA)
    compiler = next(
        jar for jar in class_path("cassandra", cache_dir(), lambda _: None).split(os.pathsep) if "/ecj-" in jar
    )
    classes = os.pathsep.join((str(folder), avro, kafka))
    _java(
        "org.eclipse.jdt.internal.compiler.batch.Main", "-17", "-proc:none", "-d", str(folder), "-cp", classes,
        str(JAVA / "ReadTopics.java"), classes=compiler,
    )  # fmt: skip
    places = [":".join(map(str, span)) for span in spans]
    return _java("ReadTopics", bootstrap, registry, *places, classes=classes).splitlines()


async def test_a_reader_in_java_decodes_what_the_stack_wrote(
    running: Running, written: tuple[list[Span], list[Message]], tmp_path: Path
) -> None:
    spans, messages = written
    bootstrap = running.settings.kafka.bootstrap or ""
    lines = await asyncio.to_thread(_read_with_java, bootstrap, running.api.url, spans, tmp_path)
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        topic, partition, offset, subject, fields = line.split(" ", 4)
        assert (topic, int(partition), int(offset)) == (message.topic(), message.partition(), message.offset())
        expected_subject, expected = _expected(message.value() or b"", times_are_numbers=True)
        assert subject == expected_subject
        assert json.loads(fields) == expected
