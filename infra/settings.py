"""All settings, in one frozen object that `__main__` modules read and pass down.

Sources, first wins: arguments to `load`, environment (`VERBATIM_KAFKA__BOOTSTRAP=…`), the TOML file named
by `VERBATIM_CONFIG` (default `verbatim.toml` in the working folder, if there is one), defaults.
A server whose address is set here is external: `./verbatim up` does not start it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.cache import CACHE_VARIABLE
from infra.origins import checked_origins
from infra.planted import CLOCK_SKEW_VARIABLE, CRASHPOINT_VARIABLE, NEWEST_SCHEMA_VARIABLE
from schemas.registry import READ_BEFORE, WRITE_LEVEL

CONFIG_FILE_VARIABLE = "VERBATIM_CONFIG"
INSTANCE_VARIABLE = "VERBATIM_INSTANCE"
"""How a supervisor calls this process: the same over restarts, so that its consumer group knows it again."""
DEFAULT_CONFIG_FILE = "verbatim.toml"
PREFIX = "VERBATIM_"
SHORTEST_SESSION_SECRET = 32
_HOST_NAMES = ("VERBATIM_SERVERS__JAVA", "VERBATIM_SERVERS__REDIS")
DEFAULT_KEYSPACE = "verbatim"
PREFIX_PATTERN = r"^([a-z][a-z0-9]{0,19})?$"
# Names of the environment that are no settings: where to look, and what a supervisor tells its children.
OTHER_NAMES = frozenset(
    {
        CONFIG_FILE_VARIABLE,
        CRASHPOINT_VARIABLE,
        CLOCK_SKEW_VARIABLE,
        NEWEST_SCHEMA_VARIABLE,
        CACHE_VARIABLE,
        INSTANCE_VARIABLE,
        "VERBATIM_LIFESIGN",
        "VERBATIM_STACK_ID",
    }
)


class SettingsError(Exception):
    """A setting is unknown, missing or wrong. The message names it, its source and what is expected."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InstallationSettings(_Section):
    """`prefix` tells installations apart that share servers: it begins the names of topics, consumer groups, Redis keys
    and the keyspace. Empty: the one installation without."""

    prefix: str = ""

    @field_validator("prefix")
    @classmethod
    def _is_a_name_everywhere(cls, prefix: str) -> str:
        if not re.fullmatch(PREFIX_PATTERN, prefix):
            raise ValueError(
                "a lower-case letter is expected, then lower-case letters and digits, 20 characters at most: a topic, a"
                " keyspace and a Redis key can all begin with that"
            )
        return prefix


class KafkaSettings(_Section):
    """Where the log is. `bootstrap` empty: the local stack starts a broker and fills it in. `prefix`: the
    installation's, unless it is given."""

    bootstrap: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    replication_factor: int = Field(default=1, ge=1, le=10)
    token_chunk_partitions: int = Field(default=1, ge=1, le=1024)
    keyed_partitions: int = Field(default=2, ge=1, le=1024)
    prefix: str = Field(default="", pattern=PREFIX_PATTERN)

    def client_properties(self) -> dict[str, str]:
        """What `topics.clients` needs to reach and trust the brokers, and for our names there. Holds secrets: never log
        it."""
        return self.broker_properties() | ({"verbatim.prefix": self.prefix} if self.prefix else {})

    def broker_properties(self) -> dict[str, str]:
        """What every librdkafka client needs to reach and trust the brokers. Holds secrets: never log it."""
        wanted = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password.get_secret_value() if self.sasl_password else None,
            "ssl.ca.location": str(self.ssl_ca_file) if self.ssl_ca_file else None,
        }
        return {name: value for name, value in wanted.items() if value is not None}


class LogSettings(_Section):
    """`writes`: the newest write level of which records are written (docs/schemas.md).

    Unset: what the release before reads, so that its processes may run beside ours; `up` fills in its installation's.
    """

    writes: int | None = Field(default=None, ge=1, le=WRITE_LEVEL)

    @property
    def level(self) -> int:
        """The level to write at."""
        return READ_BEFORE if self.writes is None else self.writes


class CassandraSettings(_Section):
    """Where the projections are. `contact_points` empty: the local stack starts a node and fills it in."""

    contact_points: tuple[str, ...] = ()
    port: int = Field(default=9042, ge=1, le=65535)
    keyspace: str = Field(default=DEFAULT_KEYSPACE, pattern=r"^[a-z][a-z0-9_]{0,47}$")
    username: str | None = None
    password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    local_dc: str = "datacenter1"
    replication_factor: int = Field(default=1, ge=1, le=10)


class RedisSettings(_Section):
    """Where what may be lost is. `url` empty: the local stack starts a server and fills it in."""

    url: SecretStr = SecretStr("")
    prefix: str = Field(default="", pattern=PREFIX_PATTERN)

    def key(self, name: str) -> str:
        """What a key of ours, or the beginning of one, is called in a server that installations share."""
        return f"{self.prefix}:{name}" if self.prefix else name


class TritonSettings(_Section):
    """The Triton server of models that name no address of their own. `grpc` empty: started locally."""

    grpc: str = ""


class ServersSettings(_Section):
    """Whose programs run the local servers: `auto` (the host's where they are newer, else the packaged ones),
    `packaged`, or the absolute path of one.
    """

    java: str = "auto"
    redis: str = "auto"

    @field_validator("java", "redis")
    @classmethod
    def _is_a_choice(cls, choice: str) -> str:
        if choice not in ("auto", "packaged") and not Path(choice).is_absolute():
            raise ValueError("auto, packaged or an absolute path is expected")
        return choice


class ApiSettings(_Section):
    """`trusted_proxies`: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.

    `cors_origins`: web pages whose scripts may call with a key of their own; "*": those of every origin.

    `operators`: ids or names of the users who see how the installation does; `up` makes the first, admin.

    `session_secret` signs the cookies and one-time links of browsers: the same for all processes of the API. Empty:
    `up` makes one a state folder; a process that is given none draws its own.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=7 * 1024 * 1024)
    requests_per_minute: int = Field(default=6000, ge=1)
    heartbeat_s: float = Field(default=15.0, gt=0, le=120)
    disconnect_grace_s: float = Field(default=2.0, ge=0, le=60)
    read_wait_s: float = Field(default=5.0, gt=0, le=30)
    produce_timeout_s: float = Field(default=10.0, gt=0, le=60)
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    cors_origins: tuple[str, ...] = ()
    operators: tuple[str, ...] = ("admin",)
    session_days: float = Field(default=30.0, gt=0, le=400)
    session_secret: SecretStr = SecretStr("")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError("addresses (10.0.0.5) or networks (10.0.0.0/24) are expected") from None
        return proxies

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return checked_origins(origins)

    @field_validator("session_secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < SHORTEST_SESSION_SECRET:
            raise ValueError(f"at least {SHORTEST_SESSION_SECRET} characters are expected, or nothing")
        return secret


class WorkerSettings(_Section):
    pool: str = Field(default="default", pattern=r"^[a-z0-9-]{1,40}$")
    slots: int = Field(default=128, ge=1, le=4096)
    spare: bool = True


class MetricsSettings(_Section):
    """`port`: the loopback port at which a process serves /metrics; 0: none. `up` gives each process one of its own."""

    port: int = Field(default=0, ge=0, le=65535)


class ArchiveSettings(_Section):
    """Where `./verbatim replay archive` keeps what topics held. `url` empty: nowhere, topics alone keep it.

    For s3 the endpoint, region and credentials are the AWS_* variables of the environment.
    """

    url: str = ""
    segment_bytes: int = Field(default=64 * 1024 * 1024, ge=4096, le=256 * 1024 * 1024)

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, url: str) -> str:
        if url and not re.fullmatch(r"file:///[^?#]+|s3://[^/?#@]+(/[^?#]*)?", url):
            raise ValueError("file:///FOLDER (an absolute path) or s3://BUCKET/PREFIX is expected, or nothing")
        return url


class Settings(BaseSettings):
    """All settings. Frozen; unknown names are refused, so that a typing error never goes unnoticed."""

    model_config = SettingsConfigDict(
        env_prefix="VERBATIM_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    state: Path = Path(".verbatim")
    models: tuple[Path, ...] = ()
    policy: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    installation: InstallationSettings = InstallationSettings()
    kafka: KafkaSettings = KafkaSettings()
    log: LogSettings = LogSettings()
    cassandra: CassandraSettings = CassandraSettings()
    redis: RedisSettings = RedisSettings()
    triton: TritonSettings = TritonSettings()
    servers: ServersSettings = ServersSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    metrics: MetricsSettings = MetricsSettings()
    archive: ArchiveSettings = ArchiveSettings()

    @model_validator(mode="after")
    def _name_all_by_the_prefix(self) -> Settings:
        """What is named explicitly keeps its name."""
        prefix = self.installation.prefix
        if not prefix:
            return self
        names: dict[str, dict[str, str]] = {
            "kafka": {"prefix": prefix},
            "redis": {"prefix": prefix},
            "cassandra": {"keyspace": f"{prefix}_{DEFAULT_KEYSPACE}"},
        }
        for section, named in names.items():
            given: _Section = getattr(self, section)
            if not named.keys() & given.model_fields_set:
                object.__setattr__(self, section, given.model_copy(update=named))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(CONFIG_FILE_VARIABLE, DEFAULT_CONFIG_FILE)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def load(**overrides: Any) -> Settings:
    """Read the settings.

    Raises SettingsError with one line a mistake: the setting's name and what is expected of it.
    """
    _refuse_unknown_names(os.environ)
    named = os.environ.get(CONFIG_FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_FILE_VARIABLE} names {named}, which is not a file")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError("wrong settings: " + "; ".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{named or DEFAULT_CONFIG_FILE} is not TOML: {error}") from None


def host_variables() -> dict[str, str]:
    """What the environment says of this host rather than of an installation: stacks of tests and demos inherit it."""
    found = {name: os.environ[name] for name in _HOST_NAMES if os.environ.get(name)}
    if cache := os.environ.get(CACHE_VARIABLE):
        found[CACHE_VARIABLE] = str(Path(cache).absolute())
    return found


def setting_names() -> frozenset[str]:
    """The names of all settings as environment variables; a section as a whole (JSON) is one too."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        names.add(f"{PREFIX}{name.upper()}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= {f"{PREFIX}{name.upper()}__{inner.upper()}" for inner in field.annotation.model_fields}
    return frozenset(names)


def _refuse_unknown_names(environment: Mapping[str, str]) -> None:
    """pydantic ignores variables it does not know; a typing error must not silently mean "the default"."""
    known = setting_names() | OTHER_NAMES
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{name} in the environment is not a setting{hint}")
