from __future__ import annotations

import json
from pathlib import Path

from pydantic import SecretStr

from infra.settings import Settings
from infra.settings.servers import CassandraSettings, KafkaSettings, RedisSettings, TritonSettings
from infra.stack.stack_file import RunningChild, known_key, stack_document, write_stack_file

SETTINGS = Settings(
    kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
    cassandra=CassandraSettings(contact_points=("127.0.0.1",), port=3),
    redis=RedisSettings(url=SecretStr("redis://127.0.0.1:5/0")),
    triton=TritonSettings(grpc="127.0.0.1:6"),
)


def test_the_document_holds_exactly_what_clients_are_promised() -> None:
    children = [RunningChild("api-0", "api", 7, 20_001), RunningChild("redis", "redis", 8)]
    assert stack_document(SETTINGS, "vk_1", children) == {
        "api": {"url": "http://127.0.0.1:8080", "key": "vk_1"},
        "kafka": {"bootstrap": "127.0.0.1:1", "prefix": ""},
        "cassandra": {"host": "127.0.0.1", "port": 3, "keyspace": "verbatim"},
        "redis": {"url": "redis://127.0.0.1:5/0"},
        "triton": {"grpc": "127.0.0.1:6"},
        "children": [
            {"name": "api-0", "role": "api", "pid": 7, "metrics": "http://127.0.0.1:20001/metrics"},
            {"name": "redis", "role": "redis", "pid": 8},
        ],
    }


def test_the_key_is_found_again_at_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    write_stack_file(file, stack_document(SETTINGS, "vk_1", []))
    assert known_key(file) == "vk_1"


def test_a_missing_or_broken_file_knows_no_key(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    assert known_key(file) == ""
    file.write_text("{")
    assert known_key(file) == ""
    file.write_text(json.dumps({"api": []}))
    assert known_key(file) == ""
