"""`./verbatim tail`: the events of a topic, decoded, as they are appended."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly, reader_has_left


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(tail)


def tail(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic's name; an unknown name lists them all.")],
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Only events of this conversation.")
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", metavar="PLACE", help="beginning, end, a time (2026-11-21T08:30, UTC) or an age (10m)."),
    ] = "end",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with every field.")] = False,
    most: Annotated[int | None, typer.Option("-n", min=1, metavar="N", help="Stop after N events.")] = None,
    idle_s: Annotated[
        float | None,
        typer.Option("--idle", min=0.1, metavar="SECONDS", help="Stop after so many seconds without an event."),
    ] = None,
    state: StateOption = None,
) -> None:
    """Show a topic's events as they are appended, decoded, one per line. Ctrl-C ends it."""
    try:
        _follow(topic, conversation, start, as_json, most, idle_s, state)
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def _follow(
    topic: str,
    conversation: str | None,
    start: str,
    as_json: bool,
    most: int | None,
    idle_s: float | None,
    state: Path | None,
) -> None:
    from infra.cli.stack_file import connected_settings
    from infra.cli.tail_start import start_of
    from infra.clock import monotonic_s, utc_now

    beginning = start_of(start, utc_now())
    settings = connected_settings(state, cassandra=False)

    from infra.cli.tail_lines import as_json as to_json
    from infra.cli.tail_lines import as_line, conversation_of, read
    from infra.cli.tail_log import Follow, follow
    from topics.errors import LogError

    render = to_json if as_json else as_line
    key = conversation.encode() if conversation is not None else None
    shown = 0
    # A lone surrogate in a record must not end the tail.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper, its type says TextIO
    try:
        wanted = Follow(topic, beginning, conversation)
        with closing(follow(settings.kafka.client_properties(), wanted)) as batches:
            quiet_since = monotonic_s()
            for batch in batches:
                if batch:
                    quiet_since = monotonic_s()
                elif reader_has_left() or (idle_s is not None and monotonic_s() - quiet_since >= idle_s):
                    return
                for seen in batch:
                    found = read(seen)
                    if key is not None and seen.key != key and conversation_of(found) != conversation:
                        continue
                    print(render(found))
                    shown += 1
                    if shown == most:
                        sys.stdout.flush()
                        return
                sys.stdout.flush()
    except LogError as error:
        raise UserError(str(error)) from None
