"""What a command writes to the log with, without a broker."""

from __future__ import annotations

import socket

import pytest

from infra.cli.producing import producer_of
from infra.settings import Settings
from topics.catalogue import catalogue
from topics.errors import LogUnavailable


async def test_a_broker_that_is_away_is_said_by_the_command_and_not_by_the_library(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens here
        settings = Settings.model_validate({"kafka": {"bootstrap": f"127.0.0.1:{taken.getsockname()[1]}"}})
        producer = producer_of(settings, catalogue(), timeout_s=1.0)
        try:
            with pytest.raises(LogUnavailable):
                await producer.start()
        finally:
            await producer.aclose()
    assert capfd.readouterr().err == ""
