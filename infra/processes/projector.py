"""The projector process: conversation-events, generation-outcomes, usage-records and account-events become rows."""

from __future__ import annotations

import sys

from infra.processes.runner import run
from projections.agent import make_projections_app
from streams.faust.running import run_app


def main() -> int:
    return run("projector", lambda settings: run_app(lambda: make_projections_app(settings)))


if __name__ == "__main__":
    sys.exit(main())
