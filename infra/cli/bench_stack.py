"""What a measurement runs on: the upstream, and a temporary stack."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import infra
from infra.cli.bench_cpu import available_bytes, cpu_ns, machine_time
from infra.cli.bench_load import Target
from infra.cli.stack_file import RunningStack, running_stack
from infra.cli.stack_of_its_own import stack_in
from infra.cli.terminal import UserError
from infra.stack.layout import Layout

MODEL, UNPACED_MODEL = "bench-paced-20", "bench-fast"
UPSTREAM_MODEL, UNPACED_UPSTREAM_MODEL = "paced-20", "fast"
NEEDED_BYTES = 3_500_000_000
UPSTREAM_TIMEOUT_S = 15
SETTINGS = """\
titles = "off"

[api]
requests_per_minute = 1000000
"""
_SOURCES = Path(infra.__file__).parent.parent

_MODELS = """\
[[model]]
id = "{model}"
description = "Tokens that say when they were sent, every 20 ms."
engine = "openai"
address = "{address}"
upstream_model = "{upstream_model}"
context_tokens = 4096
max_output_tokens = 4096
price = {{ input = 0, output = 0 }}

[[model]]
id = "{unpaced_model}"
description = "Tokens that say when they were sent, as fast as can be."
engine = "openai"
address = "{address}"
upstream_model = "{unpaced_upstream_model}"
context_tokens = 4096
max_output_tokens = 4096
price = {{ input = 0, output = 0 }}
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """`via`, `direct` and `proxy`: the same upstream through the stack, straight, and through a bare proxy.
    `upstream_pid` 0: not ours."""

    stack: RunningStack
    supervisor_pid: int
    via: Target
    direct: Target
    upstream_pid: int
    proxy: Target
    proxy_pid: int

    def unpaced(self) -> Bench:
        """The same three ways to tokens that come as fast as can be. Only for a stack of our own."""
        return replace(
            self,
            via=replace(self.via, model=UNPACED_MODEL),
            direct=replace(self.direct, model=UNPACED_UPSTREAM_MODEL),
            proxy=replace(self.proxy, model=UNPACED_UPSTREAM_MODEL),
        )

    def cpu_ns_by_role(self) -> dict[str, int]:
        """CPU time so far of every process of the stack, by role."""
        pids: dict[str, list[int]] = {"supervisor": [self.supervisor_pid]}
        for child in self.stack.children:
            # Agents that share a process are told of as that process.
            found = pids.setdefault(child.within.rpartition("-")[0] or child.role, [])
            if child.pid not in found:
                found.append(child.pid)
        # Every child descends from the supervisor, so that one is counted without them.
        others = sum(cpu_ns(found) for role, found in pids.items() if role != "supervisor")
        by_role = {role: cpu_ns(found) for role, found in pids.items()}
        by_role["supervisor"] = max(by_role["supervisor"] - others, 0)
        return by_role


def refuse_without_memory() -> None:
    """Raises UserError if a second stack would not fit."""
    if (free := available_bytes()) < NEEDED_BYTES:
        raise UserError(
            f"{free / 1e9:.1f} GB of memory are free, a stack to measure needs {NEEDED_BYTES / 1e9:.1f} GB: "
            "stop the running stack (./verbatim down), or measure it with --use-running"
        )


@contextmanager
def own_stack() -> Iterator[Bench]:
    """A stack in a temporary folder with a model at an upstream of its own; both end with the block.

    Raises UserError if they do not come up in time. After a UserError the folder stays, for its logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="verbatim-bench-"))
    state = folder / "state"
    keep = False
    try:
        with upstream() as (address, upstream_pid), bare_proxy(address) as proxy, _up(folder, address):
            stack = running_stack(state)
            via = Target(f"{stack.api_url}/v1", stack.api_key, MODEL)
            yield _bench(stack, state, via, Target(address, "", UPSTREAM_MODEL), upstream_pid, proxy)
    except UserError as error:
        keep = True
        raise UserError(f"{error}. Its logs are in {state / 'logs'}") from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _up(folder: Path, upstream_address: str) -> Iterator[None]:
    models = folder / "models.toml"
    models.write_text(
        _MODELS.format(
            address=upstream_address,
            model=MODEL,
            upstream_model=UPSTREAM_MODEL,
            unpaced_model=UNPACED_MODEL,
            unpaced_upstream_model=UNPACED_UPSTREAM_MODEL,
        )
    )
    with stack_in(folder, "--models", str(models), settings=SETTINGS):
        yield


@contextmanager
def users_stack(state: Path, model: str, address: str, upstream_model: str) -> Iterator[Bench]:
    """A running stack whose `model` points at a stamping upstream at `address`. Raises UserError."""
    stack = running_stack(state)
    via = Target(f"{stack.api_url}/v1", stack.api_key, model)
    direct = Target(address.rstrip("/"), "", upstream_model)
    with bare_proxy(direct.base_url) as proxy:
        yield _bench(stack, state, via, direct, 0, proxy)


def _bench(
    stack: RunningStack, state: Path, via: Target, direct: Target, upstream_pid: int, proxy: tuple[str, int]
) -> Bench:
    address, proxy_pid = proxy
    supervisor = Layout.at(state).supervisor_pid() or 0
    return Bench(stack, supervisor, via, direct, upstream_pid, Target(address, "", direct.model), proxy_pid)


@contextmanager
def upstream() -> Iterator[tuple[str, int]]:
    """Run the stamping upstream in a process of its own: its base URL and its pid. Raises UserError."""
    with _server("the upstream to measure against", "infra.cli.bench_upstream") as found:
        yield found


@contextmanager
def bare_proxy(address: str) -> Iterator[tuple[str, int]]:
    """Run the bare proxy in front of an upstream: its base URL and its pid. Raises UserError."""
    with _server("the bare proxy to compare with", "tests.bench.bare_proxy", address) as found:
        yield found


@contextmanager
def _server(what: str, module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """A module of ours that serves on a port that it prints, until its stdin closes."""
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=_SOURCES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = child.stdout.readline() if child.stdout else ""
        if not line.strip().isdigit():
            raise UserError(f"{what} did not start")
        yield f"http://127.0.0.1:{int(line)}/v1", child.pid
    finally:
        # It ends when its stdin closes, also when this process dies without coming here.
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(UPSTREAM_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU used so far: by the stack's roles, by us and the upstream, and by the whole machine."""

    by_role: Mapping[str, int]
    load_ns: int
    busy_s: float
    total_s: float

    @classmethod
    def now(cls, bench: Bench) -> Usage:
        machine = machine_time()
        upstream_ns = cpu_ns([bench.upstream_pid]) if bench.upstream_pid else 0
        return cls(bench.cpu_ns_by_role(), cpu_ns_of_self() + upstream_ns, machine.busy_s, machine.total_s)

    def roles_since(self, before: Usage) -> dict[str, int]:
        return {role: max(ns - before.by_role.get(role, 0), 0) for role, ns in self.by_role.items()}

    def shares_since(self, before: Usage) -> tuple[float, float]:
        """Share of the machine that was busy, and that programs other than these used."""
        total_s = self.total_s - before.total_s
        if total_s <= 0:
            return 0.0, 0.0
        known_s = (sum(self.roles_since(before).values()) + self.load_ns - before.load_ns) / 1e9
        busy_s = self.busy_s - before.busy_s
        return busy_s / total_s, (busy_s - known_s) / total_s


def cpu_ns_of_self() -> int:
    """CPU time of this process alone, without its children."""
    return time.process_time_ns()
