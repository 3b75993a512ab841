"""`./verbatim chat`: talk to a model from a terminal or a pipe."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly

if TYPE_CHECKING:
    from infra.cli.chat_screen import Screen
    from infra.cli.chat_session import Session

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(chat)


def chat(
    model: Annotated[str | None, typer.Option("--model", metavar="ID", help="Answers come from this model.")] = None,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", metavar="ID", help="Continue this conversation instead of the last one."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
    state: StateOption = None,
    url: Annotated[str | None, typer.Option("--url", help="The API's URL. Default: the local stack.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", envvar="VERBATIM_KEY", help="The API key. Default: the first user's.")
    ] = None,
) -> None:
    """Talk to a model. Answers appear as they are written; the conversation is remembered.

    In a pipe every line is a prompt and gets its answer: echo "What is 2+2?" | ./verbatim chat
    """
    try:
        code = _talk(model, conversation, new, state, url, key)
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    raise SystemExit(code)


def _talk(
    model: str | None, conversation: str | None, new: bool, state: Path | None, url: str | None, key: str | None
) -> int:
    """The exit code: 0, 1 if a line in a pipe had no answer, 130 if a pipe was interrupted."""
    from dataclasses import replace

    from infra.cli.chat_memory import remember, remembered
    from infra.cli.chat_screen import Screen
    from infra.cli.chat_typing import TypedAhead, nothing_typed_is_lost
    from infra.cli.stack_file import running_stack, state_folder

    folder = state_folder(state)
    if url is None or key is None:
        if url is not None:
            raise UserError("--url needs a key of that API: --key or VERBATIM_KEY")
        stack = running_stack(folder)
        url, key = stack.api_url, key or stack.api_key
        if not key:
            raise UserError("the stack has not made its first key yet: try again in a moment, or give --key")
    memory = remembered(folder)
    if new:
        memory = replace(memory, conversation_id=None)
    if model:
        memory = replace(memory, model=model)
    screen, typed = Screen.of_process(), TypedAhead()
    with ExitStack() as terminal:
        if screen.interactive:
            edits = _has_line_editor()
            terminal.enter_context(nothing_typed_is_lost(sys.stdin.fileno(), typed, edits_lines=edits))

        # aiohttp is the slowest import here: it comes after every mistake that can be told without it.
        from infra.cli.chat_api import ChatApi
        from infra.cli.chat_session import Session

        with asyncio.Runner() as runner:
            closing = AsyncExitStack()
            api = runner.run(closing.enter_async_context(ChatApi.connected(url, key, memory, screen.note)))
            try:
                session = Session(api, screen, lambda found: remember(folder, found), typed)
                runner.run(session.begin(conversation))
                return _converse(runner, session, screen)
            finally:
                runner.run(closing.aclose())


def _has_line_editor() -> bool:
    """Whether input() edits lines and has a history: it does once readline is imported. Some Pythons have none."""
    try:
        import readline  # noqa: F401 - imported for its effect
    except ImportError:
        return False
    return True


def _converse(runner: asyncio.Runner, session: Session, screen: Screen) -> int:
    for line in _typed_lines(session, screen) if screen.interactive else _piped_lines():
        try:
            if not runner.run(session.run_line(line)):
                break
        except KeyboardInterrupt:
            session.interrupted = True
        if session.interrupted and not screen.interactive:
            return INTERRUPTED
    return 1 if session.troubles and not screen.interactive else 0


def _typed_lines(session: Session, screen: Screen) -> Iterator[str]:
    """What is typed, until Ctrl-D. Ctrl-C drops the line that is being typed."""
    while True:
        line = session.typed_ahead.take()
        if line is not None:
            screen.line(f"> {line.strip()}")
        elif session.typed_ahead.ended:
            return
        else:
            try:
                line = input(screen.prompt)
            except KeyboardInterrupt:
                screen.line("")
                continue
            except EOFError:
                screen.line("")
                return
        yield line


def _piped_lines() -> Iterator[str]:
    if sys.stdin is None:
        return
    # A stray byte in a pipe costs one character, not the rest of the lines.
    for line in sys.stdin.buffer:
        yield line.decode(errors="replace")
