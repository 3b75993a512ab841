"""Rules for the names of users and keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from infra.cli.terminal import UserError, printable

MAX_LABEL_CHARACTERS = 64
SCOPES = ("admin", "chat", "keys", "read", "usage", "write")
LIMITS = ("concurrent_streams", "messages_per_hour", "models", "requests_per_minute", "tokens_per_minute")
MAX_LIMIT = 1_000_000_000
MAX_MODELS = 100
_SPAN = re.compile(r"([0-9]{1,5})([dh])")
_HOURS = {"d": 24, "h": 1}
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


def checked_scopes(scopes: Sequence[str]) -> None:
    """Raises UserError for a scope that there is not."""
    for scope in scopes:
        if scope not in SCOPES:
            raise UserError(f"{printable(scope)[:40]!r} is not a scope: use {', '.join(SCOPES)}")


def limits_of(said: Sequence[str]) -> dict[str, int | tuple[str, ...]]:
    """A key's limits by name, of NAME=VALUE each. Raises UserError."""
    found: dict[str, int | tuple[str, ...]] = {}
    for text in said:
        name, _, value = text.partition("=")
        if name not in LIMITS:
            raise UserError(
                f"{printable(text)[:60]!r} is not a limit: write NAME=VALUE with one of {', '.join(LIMITS)}"
            )
        if name in found:
            raise UserError(f"{name} is limited twice")
        found[name] = _models(value) if name == "models" else _number(name, value)
    return found


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and 1 <= int(value) <= MAX_LIMIT):
        raise UserError(f"{name} is {printable(value)[:20]!r}: use a whole number from 1 to {MAX_LIMIT}")
    return int(value)


def _models(value: str) -> tuple[str, ...]:
    models = tuple(model.strip() for model in value.split(","))
    if not all(models) or len(models) > MAX_MODELS or not value.isprintable():
        raise UserError(f"models is a list of 1 to {MAX_MODELS} names with commas between them: models=this,that")
    return models


def end_of(text: str, now_us: int) -> int:
    """When a key ends: so many days or hours from now, or at a time. Raises UserError."""
    span = _SPAN.fullmatch(text)
    if span is not None and int(span[1]) > 0:
        return now_us + int(span[1]) * _HOURS[span[2]] * 3_600_000_000
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None or moment.astimezone(UTC).timestamp() * 1_000_000 <= now_us:
        raise UserError(
            f"{printable(text)[:40]!r} is not an end: write 90d, 12h, or a time to come as 2027-01-31T12:00:00Z"
        )
    return round(moment.timestamp() * 1_000_000)
