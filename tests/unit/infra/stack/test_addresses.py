from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from infra.settings import Settings, load
from infra.settings.issuers import IssuerSettings, RoleRule
from infra.settings.processes import ApiSettings
from infra.settings.servers import CassandraSettings, KafkaSettings, RedisSettings, ServersSettings, TritonSettings
from infra.stack.addresses import external_servers, settings_env, with_local_addresses

PORTS = {"kafka": 1, "kafka_controller": 2, "cassandra": 3, "cassandra_storage": 4, "redis": 5, "triton": 6}

FULL = Settings(
    state=Path("/s"),
    models=(Path("/a.toml"), Path("/with blank.toml")),
    kafka=KafkaSettings(
        bootstrap="k1:9092,k2:9092",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="u",
        sasl_password=SecretStr('p"w$ d'),
        ssl_ca_file=Path("/ca.pem"),
    ),
    cassandra=CassandraSettings(contact_points=("c1", "c2"), username="u", password=SecretStr("x")),
    redis=RedisSettings(url=SecretStr("rediss://:pw@r:1/0")),
    triton=TritonSettings(grpc="t:8001"),
    servers=ServersSettings(java="packaged", redis="/usr/bin/redis-server"),
    api=ApiSettings(
        port=0,
        heartbeat_s=1.5,
        issuers=(
            IssuerSettings(
                name="corp",
                issuer="https://id.example.org",
                client_id="v",
                client_secret=SecretStr('s"w$ t'),
                roles=(RoleRule(claim="groups", value="ops", role="admin"),),
            ),
        ),
    ),
)


def from_env(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


def test_children_read_exactly_the_settings_of_their_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_env(settings_env(FULL), monkeypatch) == FULL


def test_defaults_survive_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(state=tmp_path)
    assert from_env(settings_env(settings), monkeypatch) == settings


def test_relative_paths_become_absolute() -> None:
    environment = settings_env(Settings(state=Path("here"), models=(Path("m.toml"),)))
    assert environment["VERBATIM_STATE"] == str(Path("here").absolute())
    assert environment["VERBATIM_MODELS"] == f'["{Path("m.toml").absolute()}"]'


def test_all_servers_are_external_when_all_addresses_are_given() -> None:
    assert external_servers(FULL) == {"kafka", "cassandra", "redis", "triton"}
    assert with_local_addresses(FULL, PORTS, "pw") == FULL


def test_what_is_not_given_runs_here_on_loopback() -> None:
    assert external_servers(Settings()) == frozenset()
    local = with_local_addresses(Settings(), PORTS, "pw")
    assert local.kafka.bootstrap == "127.0.0.1:1"
    assert (local.cassandra.contact_points, local.cassandra.port) == (("127.0.0.1",), 3)
    assert local.redis.url.get_secret_value() == "redis://:pw@127.0.0.1:5/0"
    assert local.triton.grpc == "127.0.0.1:6"


@given(st.sampled_from(["kafka", "cassandra", "redis", "triton"]))
def test_one_external_server_leaves_the_others_local(name: str) -> None:
    settings = Settings().model_copy(update={name: getattr(FULL, name)})
    resolved = with_local_addresses(settings, PORTS, "pw")
    assert external_servers(settings) == {name}
    assert getattr(resolved, name) == getattr(FULL, name)
    assert external_servers(resolved) == {"kafka", "cassandra", "redis", "triton"}
