"""Shared by `show` and `diff`: the state of one thing at a moment, read from the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from infra.cli.terminal import UserError, complain, end_quietly, one_line

if TYPE_CHECKING:
    from infra.cli.replay.progress import Stop
    from topics.catalogue import Catalogue
    from topics.cuts import Cut
    from topics.log import Log

KINDS = ("conversation", "generation", "user")


class Looking:
    """Looks at one conversation, generation or user."""

    def __init__(self, kind: str, identity: str, log: Log, topics: Catalogue, stop: Stop) -> None:
        self.kind = kind
        self.identity = identity
        self._log = log
        self._topics = topics
        self._stop = stop

    def moment(self, text: str) -> Cut:
        """The cut that a user means. Raises UserError, BadCut, LogError."""
        from infra.cli.replay.opened import parse_moment
        from infra.clock import utc_now
        from topics import catalogue as names

        wanted = {
            "conversation": (names.CONVERSATION_EVENTS, names.GENERATION_OUTCOMES),
            "generation": (names.CONVERSATION_EVENTS, names.TOKEN_CHUNKS, names.GENERATION_OUTCOMES),
            "user": (names.ACCOUNT_EVENTS, names.CONVERSATION_EVENTS, names.USAGE_RECORDS),
        }[self.kind]
        return parse_moment(text, self._log, {t: self._topics[t].partitions for t in wanted}, utc_now())

    def state(self, cut: Cut) -> dict[str, Any]:
        """What was there. Raises LogError, Interrupted."""
        from projections.replay import looking_back, showing

        if self.kind == "generation":
            return looking_back.generation_then(self._log, self._topics, self.identity, cut, self._check)
        if self.kind == "user":
            return looking_back.user_then(self._log, self._topics, self.identity, cut, self._check)
        past = looking_back.whole_conversation(self._log, self._topics, self.identity, cut, self._check)
        return showing.conversation_state(self.identity, past.conversation(self.identity))

    def deleted(self) -> str | None:
        """When and by whom a conversation was deleted, be it after the moment that is looked at."""
        from projections.replay import looking_back, showing

        if self.kind != "conversation":
            return None
        end = looking_back.deletion_of(self._log, self._topics, self.identity, self._check)
        if end is None:
            return None
        return f"deleted at {showing.iso(end.envelope.occurred_at_us)} by {one_line(end.envelope.actor)[:80]}"

    def _check(self, kept_bytes: int) -> None:
        self._stop.check()


def _identity(kind: str, given: str) -> str:
    from schemas import ids

    if kind not in KINDS:
        raise UserError(f"{one_line(kind)[:40]!r} cannot be looked at: {', '.join(KINDS)} can")
    try:
        if str(UUID(given)) == given.lower():
            return given.lower()
    except ValueError:
        pass
    if kind == "user" and given.strip():
        return ids.user_id(given)  # a name, as ./verbatim key knows users
    raise UserError(f"{one_line(given)[:60]!r} is not the id of a {kind}")


@contextmanager
def looking(kind: str, identity: str, state: Path | None) -> Iterator[Looking]:
    """For the length of the block; what goes wrong in it ends the command in one line."""
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.replay.progress import Interrupted, interruptible
    from infra.cli.stack_file import connected_settings
    from schemas.envelope import SealedContent
    from topics.counts import configured, on_broker

    try:
        known = _identity(kind, identity)
        settings = connected_settings(state, cassandra=False)
        with interruptible() as stop, log_errors(), open_log(settings) as log:
            topics = on_broker(settings.kafka.client_properties(), configured(settings.kafka))
            yield Looking(kind, known, log, topics, stop)
    except SealedContent as error:
        complain(error)
    except UserError as error:
        complain(error)
    except Interrupted:
        typer.echo("interrupted; nothing was changed", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        end_quietly()


def lines(state: dict[str, Any], render: Callable[[str, str], str]) -> Iterator[str]:
    """A state's lines, safe for a terminal."""
    from projections.replay.showing import flat

    for name, value in flat(state):
        yield one_line(render(name, value))
