"""Settings of our own processes, of what they write and where they keep it."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator

from infra.origins import checked_origins
from infra.settings.issuers import MAX_ISSUERS, IssuerSettings, checked_issuers
from infra.settings.section import Section
from schemas.registry import READ_BEFORE, WRITE_LEVEL

SHORTEST_SESSION_SECRET = 32
MAX_STARTS = 6
FIRST_USER = "admin"
"""The user whom `up` makes first, an administrator."""
Start = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class LogSettings(Section):
    """`writes`: the newest write level of which records are written (docs/schemas.md).

    Unset: what the release before reads, so that its processes may run beside ours; `up` fills in its installation's.
    """

    writes: int | None = Field(default=None, ge=1, le=WRITE_LEVEL)

    @property
    def level(self) -> int:
        """The level to write at."""
        return READ_BEFORE if self.writes is None else self.writes


class ApiSettings(Section):
    """`trusted_proxies`: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.

    `cors_origins`: web pages whose scripts may call with a key of their own; "*": those of every origin.

    `processes`: of so many API processes each has that part of every limit while Redis is away.

    `tries_per_minute`: how often an address may try to sign in. `challenge`: MODULE:NAME of what tells people from
    programs there (api.access.challenge); empty: nothing.

    `operators`: ids or names of the users who see how the installation does; `up` makes the first, admin.

    `starts`: the prompts that the page offers to begin with, for who has chosen none; empty: those that come along.

    `sign_up`: who may become a user: nobody, who has an invitation, everybody. `issuers`: whose word on who somebody is
    counts (infra.settings.issuers).

    `session_secret` signs the cookies and one-time links of browsers, and seals the summaries of compacted
    conversations: the same for all processes of the API. Empty: `up` makes one a state folder; a process that is given
    none draws its own.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=7 * 1024 * 1024)
    requests_per_minute: int = Field(default=6000, ge=1)
    tries_per_minute: int = Field(default=120, ge=1, le=1_000_000)
    processes: int = Field(default=1, ge=1, le=1000)
    challenge: str = Field(default="", max_length=200)
    heartbeat_s: float = Field(default=15.0, gt=0, le=120)
    disconnect_grace_s: float = Field(default=2.0, ge=0, le=60)
    read_wait_s: float = Field(default=5.0, gt=0, le=30)
    produce_timeout_s: float = Field(default=10.0, gt=0, le=60)
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    cors_origins: tuple[str, ...] = ()
    operators: tuple[str, ...] = (FIRST_USER,)
    starts: tuple[Start, ...] = Field(default=(), max_length=MAX_STARTS)
    sign_up: Literal["closed", "invitation", "open"] = "closed"
    issuers: tuple[IssuerSettings, ...] = Field(default=(), max_length=MAX_ISSUERS)
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

    @field_validator("issuers")
    @classmethod
    def _are_apart(cls, issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        return checked_issuers(issuers)

    @field_validator("session_secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < SHORTEST_SESSION_SECRET:
            raise ValueError(f"at least {SHORTEST_SESSION_SECRET} characters are expected, or nothing")
        return secret


class WorkerSettings(Section):
    """`held_back_slots`: so many of the slots only light users get, who have nothing running and no backlog.

    `lowest_share_percent`: of the work, to the lowest class and tier that waits, however many others wait.
    """

    pool: str = Field(default="default", pattern=r"^[a-z0-9-]{1,40}$")
    slots: int = Field(default=128, ge=1, le=4096)
    held_back_slots: int = Field(default=0, ge=0, le=4095)
    lowest_share_percent: int = Field(default=5, ge=0, le=50)
    spare: bool = True


class MetricsSettings(Section):
    """`port`: the loopback port at which a process serves /metrics; 0: none. `up` gives each process one of its own."""

    port: int = Field(default=0, ge=0, le=65535)


class _StoreSettings(Section):
    """A place for objects. For s3 the endpoint, region and credentials are the AWS_* variables of the environment."""

    url: str = ""

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, url: str) -> str:
        if url and not re.fullmatch(r"file:///[^?#]+|s3://[^/?#@]+(/[^?#]*)?", url):
            raise ValueError("file:///FOLDER (an absolute path) or s3://BUCKET/PREFIX is expected, or nothing")
        return url


class ArchiveSettings(_StoreSettings):
    """Where `./verbatim replay archive` keeps what topics held. `url` empty: nowhere, topics alone keep it."""

    segment_bytes: int = Field(default=64 * 1024 * 1024, ge=4096, le=256 * 1024 * 1024)


class BlobSettings(_StoreSettings):
    """Where images are kept, which records name by their digest. `url` empty: in the state folder."""
