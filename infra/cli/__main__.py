"""`./verbatim`: imports only the module of the given command, and runs it.

Drivers and brokers' clients take seconds to import together; `./verbatim status` needs none of them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

# Command -> the file with a `register(app)` that adds it.
COMMANDS = {
    "up": "infra.cli.stack",
    "down": "infra.cli.stack",
    "reset": "infra.cli.stack",
    "restart": "infra.cli.stack_restart",
    "upgrade": "infra.cli.upgrade",
    "topic": "infra.cli.topic",
    "status": "infra.cli.stack_views",
    "logs": "infra.cli.stack_views",
    "doctor": "infra.cli.stack_views",
    "key": "infra.cli.keys",
    "budget": "infra.cli.budget",
    "user": "infra.cli.identities",
    "org": "infra.cli.identities",
    "chat": "infra.cli.chat",
    "tail": "infra.cli.tail",
    "demo": "infra.cli.demo",
    "replay": "infra.cli.replay",
    "usage": "infra.cli.usage",
    "bench": "infra.cli.bench",
    "test": "infra.cli.checks",
    "check": "infra.cli.checks",
}


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command line with the command that `arguments` ask for; with all of them when they ask for help."""
    app = typer.Typer(
        name="verbatim",
        help="Verbatim: a self-hosted chat platform in which the log is the truth.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    # With a callback typer keeps sub-commands even when only one is registered.
    @app.callback()
    def root() -> None:
        pass

    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    modules = [COMMANDS[asked]] if asked in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    for module in modules:
        importlib.import_module(module).register(app)
    return app


def main() -> None:
    arguments = sys.argv[1:]
    command_line(arguments)(arguments, prog_name="./verbatim")


if __name__ == "__main__":
    main()
