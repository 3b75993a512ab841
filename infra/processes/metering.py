"""The metering process: generation-outcomes become usage records."""

from __future__ import annotations

import sys

from infra.models.catalogue import ModelCatalogue
from infra.processes.runner import run
from infra.settings import Settings
from streams.faust.app import StreamApp
from streams.faust.running import run_app
from streams.metering.agent import make_metering_app


def metering_app(settings: Settings) -> StreamApp:
    """The process' Faust application."""
    return make_metering_app(settings, ModelCatalogue.of(settings).pools)


def main() -> int:
    return run("metering", lambda settings: run_app(lambda: metering_app(settings)))


if __name__ == "__main__":
    sys.exit(main())
