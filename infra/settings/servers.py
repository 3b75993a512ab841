"""Settings of the servers that an installation needs, and of what it is called there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from infra.settings.section import Section

DEFAULT_KEYSPACE = "verbatim"
PREFIX_PATTERN = r"^([a-z][a-z0-9]{0,19})?$"


class InstallationSettings(Section):
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


class KafkaSettings(Section):
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


class CassandraSettings(Section):
    """Where the projections are. `contact_points` empty: the local stack starts a node and fills it in."""

    contact_points: tuple[str, ...] = ()
    port: int = Field(default=9042, ge=1, le=65535)
    keyspace: str = Field(default=DEFAULT_KEYSPACE, pattern=r"^[a-z][a-z0-9_]{0,47}$")
    username: str | None = None
    password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    local_dc: str = "datacenter1"
    replication_factor: int = Field(default=1, ge=1, le=10)


class RedisSettings(Section):
    """Where what may be lost is. `url` empty: the local stack starts a server and fills it in."""

    url: SecretStr = SecretStr("")
    prefix: str = Field(default="", pattern=PREFIX_PATTERN)

    def key(self, name: str) -> str:
        """What a key of ours, or the beginning of one, is called in a server that installations share."""
        return f"{self.prefix}:{name}" if self.prefix else name


class TritonSettings(Section):
    """The Triton server of models that name no address of their own. `grpc` empty: started locally."""

    grpc: str = ""


class ServersSettings(Section):
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
