"""Rules for the names of users and keys. Pure."""

from __future__ import annotations

import re

from infra.cli.terminal import UserError, printable

MAX_LABEL_CHARACTERS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


def checked_user(name: str) -> str:
    """`name`, if users may be called so. Raises UserError."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{printable(name)[:80]!r} is not a user name: use 1 to 64 letters, digits and ._@+-, "
            "beginning with a letter or digit"
        )
    return name


def checked_label(label: str) -> str:
    """`label`, if keys may be labelled so. Raises UserError."""
    if len(label) > MAX_LABEL_CHARACTERS or not label.isprintable():
        raise UserError(f"a label has at most {MAX_LABEL_CHARACTERS} characters and no line breaks or control codes")
    return label
