"""Installations beside each other on the same servers: what one test's agents read is no other test's."""

from __future__ import annotations

from infra.ids import draw_id
from infra.settings import Settings


def prefixed(servers: Settings, name: str) -> Settings:
    """Settings for an installation of its own on these servers. Its prefix begins with `name` and is new each time."""
    prefix = f"{name}{draw_id()[:8]}"
    sections = {name: getattr(servers, name).model_copy(update={"prefix": prefix}) for name in ("kafka", "redis")}
    return servers.model_copy(update=sections)
