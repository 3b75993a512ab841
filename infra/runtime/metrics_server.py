"""Serves /metrics on its own loopback port from a thread, so that no scrape delays the event loop."""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import threading

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from infra.logging import get_logger

LOOPBACK = "127.0.0.1"
READER_S = 5.0
"""How long a reader may take to ask, or to take what it asked for; others wait meanwhile."""
POKE_S = 0.5
RETRY_S = 1.0
MAX_TRIES = 30
"""How often a port that another process holds is tried."""

_log = get_logger(__name__)


class _Server(http.server.HTTPServer):
    """One reader at a time."""

    def server_bind(self) -> None:
        # Not HTTPServer's own: that asks the name service for this host's name.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores a reader that went away or was too slow."""


class _Answer(http.server.BaseHTTPRequestHandler):
    timeout = READER_S

    def do_GET(self) -> None:
        body = generate_latest() if self.path.partition("?")[0] == "/metrics" else b"see /metrics\n"
        self.send_response(200 if body[:1] == b"#" else 404)
        self.send_header("content-type", CONTENT_TYPE_LATEST if body[:1] == b"#" else "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """A scrape every few seconds is no news."""


class MetricsServer:
    """The one of a process. `serve` may be called again: a worker that stands in for another takes its port over."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._port = 0

    def serve(self, port: int) -> None:
        """Serve at `port` of the loopback address from now on, and soon nowhere else; 0: nowhere.

        Never raises: a process without metrics works. A port that is held is tried MAX_TRIES times, RETRY_S apart.
        """
        self.close()
        if port:
            self._ended, self._port = threading.Event(), port
            thread = threading.Thread(target=self._run, args=(port, self._ended), name="metrics", daemon=True)
            thread.start()

    def close(self) -> None:
        """Give the port back, as soon as no reader is answered. Callable at any time."""
        port, self._port = self._port, 0
        self._ended.set()
        if port:
            # Its thread waits for a reader, and has no timer that would wake an idle process up.
            with contextlib.suppress(OSError):
                socket.create_connection((LOOPBACK, port), POKE_S).close()

    def _run(self, port: int, ended: threading.Event) -> None:
        server = self._bound(port, ended)
        if server is None:
            return
        with server:
            while not ended.is_set():
                server.handle_request()

    def _bound(self, port: int, ended: threading.Event) -> _Server | None:
        for _ in range(MAX_TRIES):
            try:
                return _Server((LOOPBACK, port), _Answer)
            except OSError as error:
                reason = error.strerror
            if ended.wait(RETRY_S):
                return None
        _log.error("no metrics: their port is not to be had", port=port, reason=reason)
        return None


METRICS = MetricsServer()
"""This process'."""
