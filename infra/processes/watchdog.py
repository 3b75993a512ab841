"""The watchdog process: ends turns whose deadline has passed."""

from __future__ import annotations

import sys

from infra.models.catalogue import ModelCatalogue
from infra.processes.runner import run
from infra.settings import Settings
from streams.faust.app import StreamApp
from streams.faust.running import run_app
from streams.watchdog.agent import make_watchdog_app


def watchdog_app(settings: Settings) -> StreamApp:
    """The process' Faust application."""
    return make_watchdog_app(settings, ModelCatalogue.of(settings))


def main() -> int:
    return run("watchdog", lambda settings: run_app(lambda: watchdog_app(settings)))


if __name__ == "__main__":
    sys.exit(main())
