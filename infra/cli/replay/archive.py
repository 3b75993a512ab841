"""`./verbatim replay archive`: copies topics to the archive, checks it, and can trim the topics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.settings import Settings

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(archive)


def archive(
    topics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC]...", help="Default: every topic that is kept for ever.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Token-chunks too, which are kept for days only.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Repeat until Ctrl-C.")] = False,
    every_s: Annotated[
        float, typer.Option("--every", min=1, metavar="SECONDS", help="With --follow: how long between two rounds.")
    ] = 300.0,
    trim: Annotated[
        str | None,
        typer.Option(
            "--trim",
            metavar="AGE|OFFSETS",
            help="Then delete from the topics what is archived and older than this (30d), or below these offsets.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read the whole archive and check it; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each partition.")] = False,
    state: StateOption = None,
) -> None:
    """Copy topics to the archive in the settings (archive.url). Replay then reads both as one log.

    After an interruption it continues where it stopped. --trim never deletes what is not in the archive, was not
    read back and compared, or has still to be read by a consumer group. --check ends with 1 if anything is damaged or
    missing.
    """
    try:
        if check and (follow or trim is not None):
            raise UserError("--check cannot be combined with --follow or --trim")
        if follow and trim is not None and "=" in trim:
            raise UserError("--follow trims by age: give --trim an age like 30d")
        _run(tuple(topics or ()), everything, every_s if follow else None, trim, check, as_json, state)
    except UserError as error:
        complain(error)


def _run(
    topics: tuple[str, ...],
    everything: bool,
    every_s: float | None,
    trim: str | None,
    check: bool,
    as_json: bool,
    state: Path | None,
) -> None:
    from infra.cli.replay.opened import log_errors
    from infra.cli.replay.progress import Interrupted, interruptible
    from infra.cli.stack_file import connected_settings

    settings = _with_archive(connected_settings(state, cassandra=False))
    from infra.cli.replay.archive_rounds import Rounds

    with log_errors(), interruptible() as stop, Rounds.opened(settings, stop, as_json, create=not check) as rounds:
        try:
            if check:
                rounds.check(topics)
                return
            places = rounds.places(topics, everything)
            limit = rounds.trim_limit(trim, places)
            while True:
                rounds.archive(places)
                if limit is not None:
                    rounds.trim(places, limit)
                if every_s is None:
                    return
                rounds.pause(every_s)
        except Interrupted:
            typer.echo("interrupted; run the same command again to continue", err=True)
            raise SystemExit(INTERRUPTED) from None


def _with_archive(settings: Settings) -> Settings:
    if not settings.archive.url:
        raise UserError(
            "there is no archive: set VERBATIM_ARCHIVE__URL, or [archive] url in verbatim.toml, "
            "to file:///FOLDER or s3://BUCKET/PREFIX"
        )
    return settings
