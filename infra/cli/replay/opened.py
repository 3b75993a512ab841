"""What every command of `./verbatim replay` opens: the log with its archive, and a moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from infra.cli.terminal import UserError, one_line

if TYPE_CHECKING:
    from infra.settings import Settings
    from topics.archive.reading import SegmentArchive
    from topics.cuts import TopicPartition
    from topics.log import Log

_AGE = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)(?: ago)?")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@contextmanager
def open_log(settings: Settings, headers: bool = False) -> Iterator[Log]:
    """The log of these settings, with the archive they name, for the length of the block. `headers`: read them too.

    Raises LogError (wrap the block in `log_errors`).
    """
    from topics.log import Log

    log = Log(settings.kafka.client_properties(), archive_of(settings), headers=headers)
    try:
        yield log
    finally:
        log.close()


def archive_of(settings: Settings) -> SegmentArchive | None:
    """The archive that the settings name, for the Kafka cluster they name; None if they name none. Raises LogError."""
    if not settings.archive.url:
        return None
    from topics.archive.reading import open_archive

    return open_archive(settings.archive.url, settings.kafka.client_properties())


@contextmanager
def log_errors() -> Iterator[None]:
    """Within the block, whatever log, archive or tables refuse becomes one line for the user (UserError); so does a
    record of a newer release where what is asked cannot be told without it."""
    from infra.cassandra.errors import StoreError
    from schemas.codec import NewerRecord
    from topics.cuts import BadCut
    from topics.errors import LogError

    try:
        yield
    except (LogError, BadCut, StoreError) as error:
        raise UserError(str(error)) from None
    except NewerRecord as error:
        where = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
        raise UserError(f"{where}{error}") from None


def age_of(text: str) -> timedelta | None:
    """`10m`, `7d`, `10m ago` as a span of time; None for any other text."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise UserError(f"{one_line(text)[:60]!r} is too long") from None


def parse_moment(text: str, log: Log, topics: Mapping[str, int], now: datetime) -> dict[TopicPartition, int]:
    """The cut of `topics` (name: partitions) that a user means: a cut, "now" or "end", a time (ISO 8601), an age.

    A cut may name other topics of the log too: they are checked as well, then left out. Raises UserError for what is
    none of these and for a time that has not come yet, BadCut for offsets that the log does not hold, LogUnavailable.
    """
    if "=" in text:
        return _given(text, log, topics)
    if text in ("now", "end"):
        return log.held(topics)[1]
    at = _time(text, now)
    if at > now:
        raise UserError(
            f"{one_line(text)[:60]!r} is in the future: the clock of this machine says {now:%Y-%m-%dT%H:%M:%S} UTC"
        )
    return log.at(topics, max(0, int(at.timestamp() * 1000)))


def _given(text: str, log: Log, topics: Mapping[str, int]) -> dict[TopicPartition, int]:
    from topics.cuts import checked_cut, parse_cut

    cut = parse_cut(text)
    there = log.topics()
    named = {topic: there[topic] for topic, _ in cut if topic in there}
    first, end = log.held(named)
    return {place: offset for place, offset in checked_cut(cut, first, end).items() if place[0] in topics}


def _time(text: str, now: datetime) -> datetime:
    try:
        if (age := age_of(text)) is not None:
            return now - age
        at = datetime.fromisoformat(text.strip())
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"{one_line(text)[:60]!r} is not a moment: use now, 2026-11-21T08:30 (UTC), 10m, "
            "or a cut like conversation-events:0=1200,conversation-events:1=1180"
        ) from None
