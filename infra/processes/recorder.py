"""The recorder process: token-chunks become outcomes."""

from __future__ import annotations

import os
import sys

from infra.lifesign import LifeSign
from infra.models.catalogue import ModelCatalogue
from infra.processes.runner import run, stop_flag
from infra.settings import Settings
from infra.settings.environment import INSTANCE_VARIABLE
from streams.recorder.shell import Recorder
from topics.counts import configured, on_broker


def record(settings: Settings) -> None:
    """Record until a stop. Raises LogError when the log is away for good, NewerRecord."""
    properties = settings.kafka.client_properties()
    pools = ModelCatalogue.of(settings).pools
    stop = stop_flag()
    topics = on_broker(properties, configured(settings.kafka, pools))
    Recorder(properties, topics, os.environ.get(INSTANCE_VARIABLE)).run(stop, LifeSign.from_env())


def main() -> int:
    return run("recorder", record)


if __name__ == "__main__":
    sys.exit(main())
