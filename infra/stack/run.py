"""One stack from its settings to its end: the library behind `./verbatim up`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Protocol

from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from infra.stack.addresses import PORT_NAMES, external_servers, with_local_addresses
from infra.stack.children import inherited_environment, own_children, rebuild_job, spare_worker, with_metrics
from infra.stack.host import gather, judge, require
from infra.stack.joining import joined, wants_joining
from infra.stack.layout import Layout
from infra.stack.ports import assign
from infra.stack.prepare import Preparations
from infra.stack.redis_password import redis_password
from infra.stack.server_plan import plan_servers
from infra.stack.session_secret import with_session_secret
from infra.stack.snapshot import Snapshot
from infra.stack.supervisor import Spare, Supervisor
from infra.stack.write_level import settled_level
from schemas.codec import set_write_level


class Watcher(Protocol):
    """Shows progress. Called from the event loop's thread; must not block for long."""

    def show(self, snapshot: Snapshot) -> None: ...

    def ready(self, settings: Settings, key: str) -> None: ...


def resolve(settings: Settings, layout: Layout) -> tuple[Settings, dict[str, int]]:
    """Settings with every address that will be used, and the ports behind the local ones."""
    names = PORT_NAMES if settings.api.port else (*PORT_NAMES, "api")
    ports = assign(names, layout.ports_file, layout.stack_id())
    resolved = with_local_addresses(settings, ports, redis_password(layout))
    api = resolved.api.model_copy(update={"port": ports.get("api", settings.api.port)})
    return resolved.model_copy(update={"api": api}), ports


async def run_stack(
    settings: Settings,
    layout: Layout,
    scale: Mapping[str, int],
    preparations: Preparations,
    stop: asyncio.Event,
    watcher: Watcher,
) -> None:
    """Run a stack until `stop` is set. Call from the main thread.

    Raises AlreadyRunning, CannotStart (nothing was started) or another StackError (everything was stopped again).
    """
    layout.create()
    with layout.held():
        external = external_servers(settings)
        require(judge(gather(settings, layout), external))
        resolved, ports = resolve(settings, layout)
        resolved = with_session_secret(resolved, layout)
        set_write_level(settled_level(settings, layout))
        environment = inherited_environment()
        shared = joined(scale, wants_joining(settings.join_agents))
        children = own_children(resolved, layout, scale, environment, shared=shared)
        waiting = spare_worker(resolved, layout, scale, environment)
        free = partial(assign, file=layout.ports_file, seed=layout.stack_id())
        children, spares = with_metrics(children, free), with_metrics((waiting,) if waiting is not None else (), free)
        spare = Spare(spares[0], "worker") if spares else None
        job = rebuild_job(resolved, layout, environment)
        supervisor = Supervisor(resolved, layout, children, preparations, watcher.show, spare, job)
        gguf = () if "triton" in external else ModelCatalogue.of(settings).gguf_models
        servers = plan_servers(resolved, layout, ports, supervisor.say, external=external, gguf=gguf)
        await supervisor.run(servers, stop, lambda key: watcher.ready(resolved, key))
