"""What a command writes to the log with."""

from __future__ import annotations

from infra.settings import Settings
from topics.catalogue import Catalogue
from topics.producer import LogProducer


def producer_of(
    settings: Settings, topics: Catalogue, *, client_id: str = "verbatim-cli", timeout_s: float = 10.0
) -> LogProducer:
    """A producer whose library prints nothing: what goes wrong is raised, and the command says it."""
    properties = {**settings.kafka.client_properties(), "log_level": "0"}
    return LogProducer(properties, topics, timeout_s=timeout_s, client_id=client_id)
