"""`./verbatim replay stream GENERATION`: an answer's stream again, byte for byte, whatever its age."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly, one_line, reader_has_left

if TYPE_CHECKING:
    from api.streaming.frames import Frames
    from infra.cli.replay.progress import Stop
    from infra.cli.replay.stream_found import LoggedStream
    from infra.settings import Settings
    from topics.log import Log

INTERRUPTED = 130
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_COMPLETION = re.compile(r"chatcmpl-([0-9a-f]{32})")
_LOOK_S = 0.1
_SLICE_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(stream)


def stream(
    generation: Annotated[str, typer.Argument(metavar="GENERATION", help="An answer's id (or chatcmpl-…).")],
    pace: Annotated[bool, typer.Option("--pace", help="Send at the recorded pace.")] = False,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0.001, max=1e6, metavar="X", help="Send at X times the recorded pace."),
    ] = None,
    openai: Annotated[bool, typer.Option("--openai", help="Send in the format of /v1/chat/completions.")] = False,
    include_usage: Annotated[
        bool,
        typer.Option("--include-usage", help="With --openai: include the usage, as stream_options.include_usage does."),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Follow an answer that is still running to its end.")
    ] = True,
    state: StateOption = None,
) -> None:
    """Write the server-sent events of an answer to stdout, byte for byte as the API sent them.

    They come from its outcome, or from token-chunks while there is none. Without --pace or --speed all at once.
    """
    from infra.cli.replay.progress import Interrupted, interruptible

    try:
        if include_usage and not openai:
            raise UserError("--include-usage needs --openai: the other format always includes the usage")
        generation = _id_of(generation)
        with interruptible() as stop:
            _write(generation, 1.0 if pace and speed is None else speed, openai, include_usage, follow, state, stop)
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except Interrupted:
        raise SystemExit(INTERRUPTED) from None


def _id_of(text: str) -> str:
    """A generation's id, also as Chat Completions writes it. Raises UserError for what is none."""
    if completion := _COMPLETION.fullmatch(text):
        return str(UUID(completion[1]))
    if not _ID.fullmatch(text):
        raise UserError(f"{one_line(text)[:60]!r} is not a generation id")
    return text


def _write(
    generation: str,
    speed: float | None,
    openai: bool,
    include_usage: bool,
    follow: bool,
    state: Path | None,
    stop: Stop,
) -> None:
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state)
    with log_errors(), open_log(settings) as log:
        _found(settings, log, generation, Writer(speed, stop), _dialect(openai, include_usage), follow, stop)


def _dialect(openai: bool, include_usage: bool) -> Frames:
    from api.openai.shapes import ChoiceFrames
    from api.streaming.frames import EventFrames

    return ChoiceFrames(include_usage=include_usage) if openai else EventFrames()


def _found(
    settings: Settings, log: Log, generation: str, writer: Writer, frames: Frames, follow: bool, stop: Stop
) -> None:
    from infra.cli.replay.stream_found import LoggedStream, find_outcome, finished, frames_of

    outcome, asked = find_outcome(settings, log, generation)
    if outcome is not None:
        source, times_us = finished(outcome)
        for at_us, frame in frames_of(source, frames, times_us, -1):
            writer.write(at_us, frame)
        writer.flush()
        return
    if asked is None:
        raise UserError(f"there is no generation {generation} in the log")
    logged = LoggedStream(log, asked)
    after = -1
    told = False
    while True:
        grown = logged.grow()
        for at_us, frame in frames_of(logged.feed, frames, logged.times_us, after):
            writer.write(at_us, frame)
            after += 1
        writer.flush()
        if logged.feed.ending is not None:
            return
        if not follow:
            raise UserError(f"generation {generation} still runs: {_so_far(logged)}. --follow waits for its end")
        if not told:
            told = True
            print(f"verbatim: it still runs: {_so_far(logged)}; following it, Ctrl-C ends this", file=sys.stderr)
        if not grown:
            stop.check()
            if reader_has_left():
                raise BrokenPipeError
            time.sleep(_LOOK_S)


def _so_far(logged: LoggedStream) -> str:
    return (
        f"{len(logged.feed.pieces)} chunks so far" if logged.feed.turn is not None else "no worker has started it yet"
    )


class Writer:
    """Writes frames to stdout, each when its time has come."""

    def __init__(self, speed: float | None, stop: Stop) -> None:
        """`speed`: times as fast as it was; None: at once."""
        self._speed = speed
        self._stop = stop
        self._began_us: int | None = None
        self._began_s = 0.0

    def write(self, at_us: int, frame: bytes) -> None:
        """Write the frame that was made at `at_us`. Raises Interrupted, BrokenPipeError."""
        self._stop.check()
        if self._speed is not None:
            self._wait(at_us, self._speed)
        sys.stdout.buffer.write(frame)
        self._began_us = at_us if self._began_us is None else self._began_us

    def flush(self) -> None:
        """Let the reader have what was written. Raises BrokenPipeError."""
        sys.stdout.buffer.flush()

    def _wait(self, at_us: int, speed: float) -> None:
        if self._began_us is None:
            self._began_s = time.monotonic()
            return
        self.flush()
        # The schedule is absolute: one late frame does not make the next ones late.
        due_s = self._began_s + (at_us - self._began_us) / 1e6 / speed
        while (left_s := due_s - time.monotonic()) > 0:
            self._stop.check()
            if reader_has_left():
                raise BrokenPipeError
            time.sleep(min(left_s, _SLICE_S))
