"""The server of a process' metrics, at a real port."""

from __future__ import annotations

import socket

import httpx
import pytest

from infra.runtime import metrics_server
from infra.runtime.metrics_server import MetricsServer
from infra.stack.ports import is_free
from tests.eventually import eventually_sync


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> None:
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code == 200


@pytest.fixture
def server() -> MetricsServer:
    return MetricsServer()


def test_it_answers_with_metrics_and_nothing_else(server: MetricsServer) -> None:
    port = free_port()
    server.serve(port)
    eventually_sync(lambda: answers(port), 10)
    found = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
    assert found.headers["content-type"].startswith("text/plain")
    assert "\nprocess_cpu_seconds_total " in found.text
    assert httpx.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 404
    assert httpx.post(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code == 501
    server.close()


def test_it_moves_to_another_port_and_gives_the_first_back(server: MetricsServer) -> None:
    first, second = free_port(), free_port()
    server.serve(first)
    eventually_sync(lambda: answers(first), 10)
    server.serve(second)
    eventually_sync(lambda: answers(second), 10)
    eventually_sync(lambda: is_free(first), 10)
    server.close()
    eventually_sync(lambda: is_free(second), 10)


def test_a_port_that_is_held_is_taken_once_it_is_free(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "RETRY_S", 0.01)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        server.serve(port)
    eventually_sync(lambda: answers(port), 10)
    server.close()


def test_a_reader_that_says_nothing_does_not_keep_the_others_out(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server._Answer, "timeout", 0.05)
    port = free_port()
    server.serve(port)
    eventually_sync(lambda: answers(port), 10)
    with socket.create_connection(("127.0.0.1", port)):
        answers(port)
    server.close()


def test_no_port_is_no_server(server: MetricsServer) -> None:
    server.serve(0)
    server.close()
