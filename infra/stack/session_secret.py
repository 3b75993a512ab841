"""The secret that signs browser sessions: one per state folder, for the API and for commands that make links."""

from __future__ import annotations

from pydantic import SecretStr

from infra.ids import draw_secret
from infra.settings import Settings
from infra.settings.processes import SHORTEST_SESSION_SECRET
from infra.stack.layout import Layout, write_private


def with_session_secret(settings: Settings, layout: Layout) -> Settings:
    """The settings with a secret: theirs, else the folder's, else a new one. The folder keeps it, mode 0600."""
    given = settings.api.session_secret.get_secret_value()
    known = known_session_secret(layout)
    secret = given or known or draw_secret()
    if secret != known:
        write_private(layout.session_secret_file, secret + "\n")
    return settings.model_copy(update={"api": settings.api.model_copy(update={"session_secret": SecretStr(secret)})})


def without_session_secret(settings: Settings) -> Settings:
    """The settings for processes that sign no browser in."""
    return settings.model_copy(update={"api": settings.api.model_copy(update={"session_secret": SecretStr("")})})


def known_session_secret(layout: Layout) -> str:
    """The folder's secret; empty if there is none, or it is damaged."""
    try:
        secret = layout.session_secret_file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
    return secret if len(secret) >= SHORTEST_SESSION_SECRET else ""
