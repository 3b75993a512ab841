"""`./verbatim demo crash` and `demo upgrade`: an answer survives a crash, or an upgrade."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import demo_budget, demo_fairness
from infra.cli.demo_place import on_a_stack
from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly

if TYPE_CHECKING:
    from infra.cli.demo_crash import Report, Wanted
    from infra.cli.demo_screen import Screen
    from infra.cli.demo_upgrade import Wanted as WantedUpgrade
    from infra.cli.stack_file import RunningStack
    from infra.settings.servers import KafkaSettings

INTERRUPTED = 130

app = typer.Typer(name="demo", help="See what the platform promises.", no_args_is_help=True, add_completion=False)


class Role(StrEnum):
    """What can be killed."""

    WORKER = "worker"
    API = "api"
    RECORDER = "recorder"
    TRITON = "triton"
    KAFKA = "kafka"
    CASSANDRA = "cassandra"
    REDIS = "redis"
    CONVERSATION = "conversation"
    METERING = "metering"
    PROJECTOR = "projector"
    WATCHDOG = "watchdog"


class OldRole(StrEnum):
    """What can be of the release before."""

    WORKER = "worker"
    CONVERSATION = "conversation"
    WATCHDOG = "watchdog"
    PROJECTOR = "projector"
    RECORDER = "recorder"
    API = "api"


class Model(StrEnum):
    """Those that count exactly, so that every piece of the answer can be checked by itself."""

    SCRIPTED = "verbatim-scripted"
    LOCAL = "verbatim-local"
    LOCAL_LLMAPI = "verbatim-local-llmapi"


class Answering(StrEnum):
    """Those, and the language model that comes along: it tells a story instead."""

    SMOLLM2 = "smollm2-135m-instruct"
    SCRIPTED = "verbatim-scripted"
    LOCAL = "verbatim-local"
    LOCAL_LLMAPI = "verbatim-local-llmapi"


def register(parent: typer.Typer) -> None:
    """Add the command group to the command line."""
    demo_budget.register(app)
    demo_fairness.register(app)
    parent.add_typer(app)


@app.callback()
def demo() -> None:
    """See what the platform promises."""


@app.command()
def crash(
    role: Annotated[Role, typer.Option("--kill", help="The process to kill -9 in the middle.")] = Role.WORKER,
    model: Annotated[Answering, typer.Option("--model", help="Who answers.")] = Answering.LOCAL,
    numbers: Annotated[
        int, typer.Option("--numbers", min=20, max=500, metavar="N", help="Count to N: about 100 ms a number.")
    ] = 100,
    limit_s: Annotated[
        float,
        typer.Option(
            "--timeout",
            min=1,
            max=600,
            metavar="SECONDS",
            help="Time limit of the answer, and again of the checks after it.",
        ),
    ] = 60,
    own: Annotated[
        bool, typer.Option("--own-stack", help="Start a stack for this demo, and delete it afterwards.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the live view.")] = False,
    state: StateOption = None,
) -> None:
    """Begin a long answer, kill -9 a process in the middle, and check that nothing is lost and nothing is there twice.

    Kills a process of the running stack; its supervisor starts it again. The answer and its conversation stay.
    Exit code 0 only if everything holds: the stream's sequence, its text, and the same sha256 in what was read, in the
    stored message, in the log and in the outcome; one outcome, one usage record.
    """
    from infra.cli.demo_crash import Wanted

    wanted = Wanted(role.value, model.value, numbers, limit_s)
    try:
        report = _run(wanted, own, state, as_json)
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        print("\nverbatim: interrupted; the answer goes on by itself", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0 if report.holds else 1)


@app.command()
def upgrade(
    role: Annotated[OldRole, typer.Option("--old", help="The role that runs the previous release.")] = OldRole.WORKER,
    model: Annotated[Model, typer.Option("--model", help="Who answers.")] = Model.LOCAL,
    numbers: Annotated[int, typer.Option("--numbers", min=20, max=500, metavar="N", help="Count to N.")] = 40,
    limit_s: Annotated[
        float, typer.Option("--timeout", min=1, max=600, metavar="SECONDS", help="Time limit of each step.")
    ] = 60,
    own: Annotated[
        bool, typer.Option("--own-stack", help="Start a stack for this demo, and delete it afterwards.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the live view.")] = False,
    state: StateOption = None,
) -> None:
    """Start one role as of the release before, let it meet what this release writes, upgrade it, and check the rest.

    The old process knows no schema that is new here: it stops with exit code 3, acknowledges nothing and parks
    nothing; the others go on. Exit code 0 only if everything holds after the upgrade: what was acknowledged has its
    end, once, and the same text everywhere. The answer and its conversation stay.
    """
    from infra.cli.demo_upgrade import Wanted as WantedUpgrade

    wanted = WantedUpgrade(role.value, model.value, numbers, limit_s)
    try:
        holds = on_a_stack(own, state, as_json, lambda folder, screen: _upgrade(wanted, folder, own, screen, as_json))
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        print("\nverbatim: interrupted; the old process is started again with this release", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0 if holds else 1)


def _run(wanted: Wanted, own: bool, state: Path | None, as_json: bool) -> Report:
    def crash_on(folder: Path, screen: Screen) -> Report:
        with screen:
            report = _crash(wanted, folder, own, screen)
        if as_json:
            print(json.dumps(_document(wanted, report), indent=2))
        else:
            _show(report, screen)
        return report

    return on_a_stack(own, state, as_json, crash_on)


def _crash(wanted: Wanted, folder: Path, own: bool, screen: Screen) -> Report:
    from infra.cli.demo_crash import crash as run_crash

    stack, kafka = _stack_of(folder, own)
    return asyncio.run(run_crash(folder, stack, kafka.client_properties(), wanted, screen))


def _upgrade(wanted: WantedUpgrade, folder: Path, own: bool, screen: Screen, as_json: bool) -> bool:
    from infra.cli.demo_upgrade import upgrade as run_upgrade
    from infra.cli.replay.opened import log_errors
    from infra.stack.layout import Layout
    from infra.stack.write_level import level_of
    from schemas.registry import WRITE_LEVEL
    from topics.counts import configured, on_broker

    stack, kafka = _stack_of(folder, own)
    if level_of(Layout.at(folder)) < WRITE_LEVEL:
        raise UserError("this stack does not write new records yet: run ./verbatim upgrade finish")
    with log_errors():
        topics = on_broker(kafka.client_properties(), configured(kafka))
    with screen:
        report = asyncio.run(run_upgrade(folder, stack, kafka.client_properties(), topics, wanted, screen))
    if as_json:
        document = {"holds": report.holds, "old": wanted.role, "model": wanted.model, **asdict(report)}
        print(json.dumps(document, indent=2))
        return report.holds
    screen.findings(report.findings)
    if report.holds:
        screen.say("Everything holds: the old process lost nothing, and nothing is there twice.", "bold green")
    else:
        screen.say("Something does not hold: see ✗ above.", "bold red")
    return report.holds


def _stack_of(folder: Path, own: bool) -> tuple[RunningStack, KafkaSettings]:
    """The stack and how its log is reached. Raises UserError."""
    from infra.cli.stack_file import connected_settings, running_stack
    from infra.settings.servers import KafkaSettings

    stack = running_stack(folder)
    if not stack.api_key:
        raise UserError("the stack has not made its first key yet: try again in a moment")
    # The user's own settings say how to reach an external broker; a stack of the demo's own knows nothing of them.
    if own:
        return stack, KafkaSettings(bootstrap=stack.kafka_bootstrap, prefix=stack.kafka_prefix)
    return stack, connected_settings(folder, cassandra=False).kafka


def _show(report: Report, screen: Screen) -> None:
    screen.attempts(report.attempts)
    if report.pauses is None:
        screen.say("No frame came after the kill.")
    else:
        longest, usual = report.pauses.longest, report.pauses.usual
        screen.say(
            f"Longest pause for the reader: {longest * 1000:.0f} ms; usual between two frames: {usual * 1000:.0f} ms."
        )
    screen.findings(report.findings)
    if report.holds:
        screen.say("Everything holds: nothing lost, nothing twice.", "bold green")
    else:
        screen.say("Something does not hold: see ✗ above.", "bold red")


def _document(wanted: Wanted, report: Report) -> dict[str, Any]:
    return {
        "holds": report.holds,
        "kill": wanted.role,
        "killed": [asdict(child) for child in report.killed],
        "model": wanted.model,
        "conversation_id": report.conversation_id,
        "generation_id": report.generation_id,
        "connections": report.connections,
        "pauses_s": None if report.pauses is None else asdict(report.pauses),
        "back_after_s": report.back_after_s,
        "attempts": [asdict(attempt) for attempt in report.attempts],
        "findings": [asdict(finding) for finding in report.findings],
    }
