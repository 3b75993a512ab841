"""`./verbatim replay dlq …`: list and inspect dead letters, and retry each at its original place."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly, one_line

if TYPE_CHECKING:
    from infra.cli.replay.dlq_work import Letters
    from topics.dead_letter_index import Listed

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id, as `list` shows it.")]
TopicOption = Annotated[str | None, typer.Option("--topic", metavar="TOPIC", help="Only records of this topic.")]
ConsumerOption = Annotated[str | None, typer.Option("--consumer", metavar="NAME", help="Only those of this consumer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    dlq = typer.Typer(
        help="List, inspect and retry records that a consumer could not process.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    dlq.command(name="list")(listed)
    for command in (show, retry, drop, park):
        dlq.command()(command)
    app.add_typer(dlq, name="dlq")


def listed(
    topic: TopicOption = None,
    consumer: ConsumerOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were retried or dropped.")] = False,
    as_json: JsonOption = False,
    state: StateOption = None,
) -> None:
    """List the open dead letters."""
    with _opened(state) as letters:
        from infra.cli.replay.dlq_views import as_row, print_list

        found = letters.box().select(topic=topic, consumer=consumer, resolved=everything)
        if as_json:
            print(json.dumps([as_row(one) for one in found], ensure_ascii=False))
        else:
            print_list(found)


def show(
    letter_id: IdArgument,
    content: Annotated[bool, typer.Option("--content", help="Show the record too, with what users wrote.")] = False,
    as_json: JsonOption = False,
    state: StateOption = None,
) -> None:
    """Show one dead letter. Content is hidden without --content."""
    with _opened(state) as letters:
        from infra.cli.replay.dlq_views import as_document, print_letter

        found = letters.listed(letter_id, letters.box())
        document = as_document(found, letters.letter(found), content=content)
        if as_json:
            print(json.dumps(document, ensure_ascii=True))
        else:
            print_letter(document)


def retry(
    letter_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A dead letter's id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All open dead letters.")] = False,
    consumer: ConsumerOption = None,
    models: Annotated[
        list[Path] | None, typer.Option("--models", metavar="FILE", help="A models file of the stack; repeatable.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Give a dead letter's record to its consumer again, at its original place. A repeat changes nothing."""
    if (letter_id is None) != everything:
        complain("name the dead letter to retry, or give --all")
    with _opened(state, models) as letters:
        from infra.cli.replay.dlq_work import retry_all
        from infra.logging import configure

        # The agents log as in their own processes; what matters to an operator is said here.
        configure("replay", "error")
        box = letters.box()
        if letter_id is None:
            wanted = box.select(consumer=consumer)
            if not wanted:
                print("there are no open dead letters" + (f" of {consumer}" if consumer else ""))
                return
        else:
            wanted = [_open(letters.listed(letter_id, box))]
        if not asyncio.run(retry_all(letters, wanted, _tell)):
            raise SystemExit(1)


def drop(
    letter_id: IdArgument,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the record may be dropped; stored with the letter.")
    ],
    state: StateOption = None,
) -> None:
    """Note that a dead letter's record will never be handled. The letter stays until its retention ends."""
    if not reason.strip():
        complain("--reason is empty: say in a few words why the record may be dropped")
    with _opened(state) as letters:
        from infra.cli.replay.dlq_work import drop as drop_letter

        found = _open(letters.listed(letter_id, letters.box()))
        asyncio.run(drop_letter(letters, found, one_line(reason)[:500]))
        print(f"{found.id} is dropped")


def park(
    place: Annotated[str, typer.Argument(metavar="TOPIC:P@O", help="Where the record stands: topic:partition@offset.")],
    state: StateOption = None,
) -> None:
    """Set one record of a newer release aside: processes that stopped at it (exit code 3) go on behind it.

    For a record that no upgrade will ever make readable, or when you cannot wait for one. Each consumer of its topic
    gets a letter, so that `retry` gives the record to it after an upgrade. Doing it twice changes nothing.
    """
    with _opened(state) as letters:
        from infra.cli.replay.dlq_park import parse_place, set_aside

        consumers = asyncio.run(set_aside(letters, *parse_place(place)))
        print(f"{place} is set aside for {', '.join(consumers)}")
        print("The processes that stopped at it retry every 60 s; ./verbatim restart NAME retries at once.")


def _tell(letter: Listed, resolved: bool, what: str) -> None:
    line = f"{letter.id} {letter.consumer} {letter.source}: {one_line(what)}"
    if resolved:
        print(line, flush=True)
    else:
        print(f"verbatim: {line}; the letter stays", file=sys.stderr, flush=True)


def _open(letter: Listed) -> Listed:
    if letter.resolution is not None:
        raise UserError(f"{letter.id} was {letter.resolution.action} already; nothing was changed")
    return letter


@contextmanager
def _opened(state: Path | None, models: list[Path] | None = None) -> Iterator[Letters]:
    """The letters of the stack (and `models` more), and one line for whatever goes wrong."""
    try:
        from infra.cli.replay.dlq_work import Letters
        from infra.cli.replay.opened import log_errors, open_log
        from infra.cli.replay.progress import Interrupted, interruptible
        from infra.cli.stack_file import connected_settings

        settings = connected_settings(state)
        settings = settings.model_copy(update={"models": (*settings.models, *(models or ()))})
        try:
            with log_errors(), open_log(settings) as log, interruptible() as stop:
                yield Letters(settings, log, stop)
        except Interrupted:
            print("interrupted; what is listed above is done", file=sys.stderr)
            raise SystemExit(130) from None
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
