"""The password of the local Redis: one a state folder, made at its first start, for our processes alone."""

from __future__ import annotations

from infra.ids import draw_secret
from infra.stack.layout import Layout, write_private

MIN_CHARS = 32


def redis_password(layout: Layout) -> str:
    """The folder's password, else a new one that the folder keeps, mode 0600.

    A folder of a release whose Redis had none, or whose file is damaged, gets a new one: the server is started with it,
    and so is every process.
    """
    known = _known(layout)
    if known:
        return known
    password = draw_secret()
    write_private(layout.redis_password_file, password + "\n")
    return password


def _known(layout: Layout) -> str:
    try:
        password = layout.redis_password_file.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return password if len(password) >= MIN_CHARS and _is_plain(password) else ""


def _is_plain(password: str) -> bool:
    """Whether it can stand in a URL as it is."""
    return all(character.isalnum() or character in "-_" for character in password)
