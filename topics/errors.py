"""Errors of the log, by what a caller can do.

LogError
├── LogUnavailable        the broker is away or slow: retry; a produce that timed out may have been accepted
│   └── ArchiveUnavailable    the archive's store is away, full or refuses us
├── RecordRefused         the broker will never take this record (too large): retrying is no use
├── FatalLogError         this client can go on no more (fenced, wrong settings): end the process
│   └── TooMuchPoison         so many records in a row were poison that the fault may be ours: end the process
├── OutOfRange            the offsets asked for are not in the log (any more)
├── DamagedArchive        an archive holds other bytes than were written, or lacks some: an operator must decide
└── TopicMismatch         a topic stands there with other settings than the catalogue's: an operator must decide
"""

from __future__ import annotations


class LogError(Exception):
    """Root of all errors of this package."""


class LogUnavailable(LogError):
    """The broker did not answer in time. What was being produced may or may not be in the log."""


class RecordRefused(LogError):
    """A record that its topic does not take, however often it is sent: too large, or damaged. It is not in the log."""


class FatalLogError(LogError):
    """The client is beyond repair: fenced, or refused by the broker. End the process, the supervisor decides."""


class TooMuchPoison(FatalLogError):
    """A consumer has put the most records in a row into dead-letters that it may. What it parked is parked."""


class OutOfRange(LogError):
    """Offsets that the partition does not hold."""

    def __init__(self, topic: str, partition: int, asked: int, low: int, high: int) -> None:
        super().__init__(f"{topic}[{partition}] holds offsets {low} to {high - 1}, {asked} was asked for")
        self.low, self.high = low, high


class TopicMismatch(LogError):
    """A topic exists with settings other than the catalogue's."""


class ArchiveUnavailable(LogUnavailable):
    """The store of an archive cannot be reached, is full, or refuses us. Nothing half was kept."""


class DamagedArchive(LogError):
    """An archive that does not hold what was written to it, or belongs to another log. Nothing of it was passed on.

    `name`: the object that is wrong or missing. `offset`: the first one that cannot be trusted for it.
    """

    def __init__(self, name: str, offset: int, what: str) -> None:
        super().__init__(f"the archive is damaged at {name}, offset {offset}: {what}")
        self.name, self.offset, self.what = name, offset, what
