"""What every test gets: a hypothesis profile, no sockets in unit tests, and no error that only a log line knows of."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from infra.settings import Settings
from schemas.codec import set_write_level, write_level
from schemas.registry import WRITE_LEVEL
from tests.failing import failing
from tests.stack_fixture import SCRIPTED_MODELS, session_servers
from tests.stack_state import StackState
from tests.timing import timing

UNIT = Path(__file__).parent / "unit"
# The same servers on every host, whatever is installed there; what is only on some has tests of its own.
for _program in ("JAVA", "REDIS"):
    os.environ.setdefault(f"VERBATIM_SERVERS__{_program}", "packaged")
# A model that does as it is told; the language model has a suite of its own (conformance/test_real_model.py).
os.environ |= SCRIPTED_MODELS

# ci: the same examples in every run, whatever else the machine does. explore: new ones, for hunting (and the night).
settings.register_profile(
    "ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Times of all tests, and none that is slow without a reason; what failed, and on what a stack."""
    config.pluginmanager.register(timing())
    config.pluginmanager.register(failing())
    config.pluginmanager.register(StackState())


class SocketInUnitTest(Exception):
    """A unit test reached for the network."""


@pytest.fixture(autouse=True)
def no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test below tests/unit that connects, binds or sends fails, also if its code catches the error."""
    if not request.path.is_relative_to(UNIT):
        yield
        return
    opened: list[str] = []

    def refuse(self: socket.socket, *arguments: object) -> None:
        opened.append(repr(arguments[-1] if arguments else ""))
        raise SocketInUnitTest(
            f"a unit test opened a socket to {opened[-1]}: use a fake, or move the test to tests/integration"
        )

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    yield
    if opened:
        pytest.fail(f"a unit test opened sockets to {', '.join(opened)}: use a fake, or move it to tests/integration")


class _Swallowed(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()}: {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


@pytest.fixture(autouse=True)
def no_swallowed_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors that end in the event loop's log (callbacks, forgotten tasks) or in a log handler fail the test."""

    def raise_it(self: logging.Handler, record: logging.LogRecord) -> None:
        raise

    monkeypatch.setattr(logging.Handler, "handleError", raise_it)
    swallowed = _Swallowed()
    logger = logging.getLogger("asyncio")
    logger.addHandler(swallowed)
    yield
    logger.removeHandler(swallowed)
    if swallowed.said:
        pytest.fail("errors that nobody would have seen: " + "; ".join(swallowed.said))


@pytest.fixture(autouse=True)
def newest_write_level() -> Iterator[None]:
    """What a command under test wrote at is no matter of the next test."""
    yield
    if write_level() != WRITE_LEVEL:
        set_write_level(WRITE_LEVEL)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that point at a real Kafka, Cassandra, Redis and Triton, started once for the whole session."""
    yield from session_servers(tmp_path_factory.mktemp("servers"))
