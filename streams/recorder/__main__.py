"""`python -m streams.recorder`: composition root of the recorder process."""

from __future__ import annotations

import os
import signal
import sys
import threading

from infra.exits import exit_status
from infra.lifesign import LifeSign
from infra.logging import configure, get_logger
from infra.models.catalogue import ModelCatalogue
from infra.runtime.metrics import tell_build
from infra.runtime.metrics_server import METRICS
from infra.settings import load
from infra.speaking import speak
from schemas.codec import NewerRecord
from streams.faust.mistakes import explained
from streams.recorder.shell import Recorder
from topics.catalogue import catalogue
from topics.counts import on_broker
from topics.errors import LogError


def main() -> int:
    """Record until SIGTERM; 1 when the log went away for good, 2 for wrong settings, 3 at a newer release's record."""
    with explained():
        settings = load()
        speak(settings)
        pools = ModelCatalogue.load(settings.models).pools
    configure("streams.recorder", settings.log_level)
    instance = os.environ.get("VERBATIM_INSTANCE")
    tell_build("recorder", instance or "", settings.log.level)
    METRICS.serve(settings.metrics.port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    kafka = settings.kafka
    topics = catalogue(
        pools,
        keyed_partitions=kafka.keyed_partitions,
        token_chunk_partitions=kafka.token_chunk_partitions,
    )
    try:
        topics = on_broker(kafka.client_properties(), topics)
        recorder = Recorder(kafka.client_properties(), topics, instance)
        recorder.run(stop, LifeSign.from_env())
    except (LogError, NewerRecord) as error:
        get_logger(__name__).critical("ending", error=str(error))
        return exit_status(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
