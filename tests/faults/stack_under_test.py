"""A stack of its own for a fault run: servers in one state folder, our processes in another, proxies between them.

Both are run by the product's own supervisors. Kafka tells its clients an address to come back to, so its configuration
is changed, once, to tell them the proxy's; the others' addresses are settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.clock import monotonic_s
from infra.runtime.signalling import send_signal
from infra.settings.environment import PREFIX, host_variables
from infra.stack.layout import Layout
from schemas.registry import WRITE_LEVEL
from tests.faults.proxies import Proxy, until_listening
from tests.faults.schedule import ON_SMALL_DISKS, SERVERS
from tests.stack_fixture import SCRIPTED_MODELS

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 60.0
AUDIT_TIMEOUT_S = 120.0
POLL_S = 0.1
SMALL_DISK_BYTES = 1024 * 1024 * 1024


class NotStarted(Exception):
    """The stack did not come up; the message says what it said last."""


class NotStopped(Exception):
    """The stack did not go down; the message says what it said last."""


@dataclass
class StackUnderTest:
    """`folder` holds `servers/`, `state/` and the logs of both; see `running`."""

    folder: Path
    proxies: dict[str, Proxy] = field(default_factory=dict)
    small_disks: bool = False
    workers: int = 2
    _servers: asyncio.subprocess.Process | None = None

    @property
    def servers(self) -> Path:
        """The state folder of Kafka, Cassandra, Redis and Triton."""
        return self.folder / "servers"

    @property
    def state(self) -> Path:
        """The state folder of our own processes."""
        return self.folder / "state"

    @property
    def description(self) -> dict[str, Any]:
        """stack.json of our own processes as it is now; addresses are the proxies'."""
        return _json(self.state / "stack.json")

    @property
    def url(self) -> str:
        return str(self.description["api"]["url"])

    @property
    def key(self) -> str:
        return str(self.description["api"]["key"])

    @property
    def direct(self) -> dict[str, Any]:
        """stack.json of the servers: their own addresses, past the proxies."""
        return _json(self.servers / "stack.json")

    def pid(self, child: str) -> int | None:
        """The pid of a child or server by name; None while it is away."""
        name, folder = (child, self.servers) if child in SERVERS else (child, self.state)
        for running in _json(folder / "stack.json").get("children", ()):
            if running["name"] == name:
                return int(running["pid"])
        return None

    def supervisor_pid(self) -> int:
        """The pid of the supervisor of our own processes; 0 while there is none."""
        return Layout.at(self.state).supervisor_pid() or 0

    def is_ours(self, pid: int) -> bool:
        """Whether the process lives and is a child of one of the two supervisors."""
        try:
            # The command's name, in brackets, may hold anything; what follows it does not.
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            return False
        supervisors = (self.supervisor_pid(), 0 if self._servers is None else self._servers.pid)
        return state != "Z" and int(parent) in supervisors

    async def up(self) -> None:
        """Start our own processes (the servers run). Returns when all are ready. Raises NotStarted."""
        settings = {
            # Behind a proxy the broker counts as external, where others may run an older release.
            "VERBATIM_LOG__WRITES": str(WRITE_LEVEL),
            "VERBATIM_KAFKA__BOOTSTRAP": f"127.0.0.1:{self.proxies['kafka'].port}",
            "VERBATIM_CASSANDRA__CONTACT_POINTS": '["127.0.0.1"]',
            "VERBATIM_CASSANDRA__PORT": str(self.proxies["cassandra"].port),
            "VERBATIM_REDIS__URL": _through(self.proxies["redis"], self.direct["redis"]["url"]),
            "VERBATIM_TRITON__GRPC": f"127.0.0.1:{self.proxies['triton'].port}",
            # More than the local profile has, so that two workers both get jobs and orders hold in each partition only.
            "VERBATIM_KAFKA__KEYED_PARTITIONS": "4",
            "VERBATIM_KAFKA__TOKEN_CHUNK_PARTITIONS": "2",
        }
        port = _port_of(self.state)
        arguments = ("up", "--detach", "--port", str(port), "--scale", f"worker={self.workers}")
        code, said = await self._verbatim(settings, *arguments, timeout_s=START_TIMEOUT_S)
        if code != 0:
            raise NotStarted(said.strip()[-500:])

    async def down(self) -> None:
        """Stop our own processes. Raises NotStopped: whoever stays behind would be in the way of other tests."""
        code, said = await self._verbatim({}, "down", timeout_s=STOP_TIMEOUT_S)
        if code != 0:
            raise NotStopped(said.strip()[-500:])

    async def audited(self) -> str:
        """What `usage audit` found that is not equal, or why it could not be made; "" if all is equal."""
        code, said = await self._verbatim({}, "usage", "audit", timeout_s=AUDIT_TIMEOUT_S)
        return "" if code == 0 else said.strip()[-500:] or f"it ended with status {code}"

    async def _verbatim(self, settings: dict[str, str], *arguments: str, timeout_s: float) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.cli",
            *arguments,
            "--state",
            str(self.state),
            env=environment() | settings,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(timeout_s):
                said, _ = await process.communicate()
        except TimeoutError:
            send_signal(process, signal.SIGKILL)
            await process.wait()
            return 124, f"verbatim {arguments[0]} took longer than {timeout_s:g} s"
        return process.returncode or 0, said.decode(errors="replace")

    async def start_servers(self) -> None:
        """Start the four servers and return when they are ready. Raises NotStarted."""
        Layout.at(self.servers).create()
        if self.small_disks:
            for server in ON_SMALL_DISKS:
                await _mount(self.servers / server)
        with (self.folder / "servers.log").open("ab") as log:
            self._servers = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "infra.stack.servers", "--state", str(self.servers)),
                env=environment(),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        await self._until(lambda: set(SERVERS) <= self._ready_servers(), "the servers are ready")

    async def advertise_proxy(self) -> None:
        """Let Kafka send its clients through the proxy: what it says of itself changes with its next life."""
        before = self.pid("kafka")
        assert before is not None
        file = self.servers / "kafka" / "server.properties"
        lines = file.read_text().splitlines()
        told = f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.proxies['kafka'].port}"
        file.write_text("\n".join(told if line.startswith("advertised.") else line for line in lines) + "\n")
        os.kill(before, signal.SIGTERM)

        def is_back() -> bool:
            return self.pid("kafka") not in (None, before) and "kafka" in self._ready_servers()

        await self._until(is_back, "Kafka is back behind its proxy")

    def _ready_servers(self) -> set[str]:
        children = _json(self.servers / "status.json").get("children", ())
        return {child["name"] for child in children if child["state"] == "ready"}

    async def _until(self, is_so: Any, what: str) -> None:
        until_s = monotonic_s() + START_TIMEOUT_S
        while not is_so():
            ended = self._servers is not None and self._servers.returncode is not None
            if ended or monotonic_s() > until_s:
                raise NotStarted(f"{what}: not so; see {self.folder / 'servers.log'}")
            await asyncio.sleep(POLL_S)

    async def stop_servers(self) -> None:
        """Stop the servers, and give the small disks back."""
        if self._servers is not None:
            send_signal(self._servers, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._servers.wait()
            except TimeoutError:
                send_signal(self._servers, signal.SIGKILL)
                await self._servers.wait()
        if self.small_disks:
            for server in ON_SMALL_DISKS:
                await _run("umount", str(self.servers / server))


@contextlib.asynccontextmanager
async def running(folder: Path, *, small_disks: bool = False, workers: int = 2) -> AsyncIterator[StackUnderTest]:
    """A whole stack in `folder`, an empty one, ready; stopped at the end, its files stay. Raises NotStarted."""
    stack = StackUnderTest(folder, small_disks=small_disks, workers=workers)
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(stack.stop_servers)
        await stack.start_servers()
        ports = _json(stack.servers / "ports.json")
        for server in SERVERS:
            stack.proxies[server] = await opened.enter_async_context(Proxy(server, int(ports[server])))
            await until_listening(int(ports[server]), 10)
        await stack.advertise_proxy()
        opened.push_async_callback(stack.down)
        await stack.up()
        yield stack


def environment() -> dict[str, str]:
    """What processes of the run inherit: nothing of ours but what is a matter of the host, the packaged servers and the
    models that do as they are told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    packaged = {"VERBATIM_SERVERS__JAVA": "packaged", "VERBATIM_SERVERS__REDIS": "packaged"}
    return kept | packaged | SCRIPTED_MODELS | host_variables() | {"PYTHONPATH": str(ROOT)}


def _through(proxy: Proxy, url: str) -> str:
    """The same URL, password and all, at the proxy's port."""
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


def can_mount() -> bool:
    """Whether this user may mount a small disk."""
    return os.geteuid() == 0


async def _mount(folder: Path) -> None:
    folder.mkdir(mode=0o700)  # noqa: ASYNC240 - nothing else runs yet
    options = f"size={SMALL_DISK_BYTES},mode=0700"
    if await _run("mount", "-t", "tmpfs", "-o", options, "verbatim-faults", str(folder)) != 0:
        raise NotStarted(f"no small disk could be mounted at {folder}")


async def _run(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


def _json(file: Path) -> dict[str, Any]:
    """A JSON file; {} while there is none to be read."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _port_of(state: Path) -> int:
    """The API's port: the one it had, or a free one."""
    known = _json(state / "stack.json").get("api", {}).get("url", "")
    if known:
        return int(known.rpartition(":")[2])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
