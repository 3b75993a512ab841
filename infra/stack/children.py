"""The list of our own processes: name, command, and when each is ready."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.lifesign import LIFESIGN_VARIABLE
from infra.settings import Settings
from infra.settings.environment import CARRIES_VARIABLE, INSTANCE_VARIABLE, PREFIX
from infra.stack import job, joining, spare
from infra.stack.addresses import settings_env
from infra.stack.child import ChildSpec, Health
from infra.stack.health import ApiHealth
from infra.stack.layout import Layout
from infra.stack.session_secret import without_session_secret
from infra.stack.write_level import level_variable

REPO_ROOT = Path(__file__).parents[2]
METRICS_VARIABLE = f"{PREFIX}METRICS__PORT"
MAX_OF_A_ROLE = 16
WORKER_HUNG_AFTER_S = 2.0
"""Users watch a worker's stream stand still. Its loop only passes things on, whatever may block has a thread of its
own; and time in which it is starved of a processor or held by a disk is not counted (infra.stack.liveness).
"""


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of process. `arguments` follow `python -m`, `infra.processes.NAME` if there are none; `most` bounds
    `up --scale`.

    `signs_in`: it is told the secret that browsers' sign-ins are signed with.
    """

    name: str
    arguments: tuple[str, ...] = ()
    health: Callable[[Settings], Health] | None = None
    most: int = MAX_OF_A_ROLE
    stop_grace_s: float = 8.0
    hung_after_s: float = 10.0
    signs_in: bool = False


# In the order in which they are shown; they start together, and the api, where requests enter, stops first.
ROLES: tuple[Role, ...] = (
    Role("recorder"),
    Role("worker", hung_after_s=WORKER_HUNG_AFTER_S),
    Role("conversation"),
    Role("metering"),
    Role("watchdog"),
    Role("projector"),
    Role("api", health=lambda settings: ApiHealth(settings.api), most=1, stop_grace_s=5.0, signs_in=True),
)


def own_children(
    settings: Settings,
    layout: Layout,
    scale: Mapping[str, int],
    environment: Mapping[str, str],
    *,
    shared: tuple[str, ...] = (),
) -> tuple[ChildSpec, ...]:
    """Every process to run, named ROLE-ORDINAL. `settings` hold the addresses of running servers.

    `scale` gives counts other than one; `environment` is what the children inherit, less our own variables. The roles
    of `shared` are carried by one process, in the place of the first.
    """
    children = tuple(
        _spec(role, f"{role.name}-{ordinal}", settings, layout, environment)
        for role in ROLES
        for ordinal in range(scale.get(role.name, 1))
    )
    carried = tuple(child for child in children if child.role in shared)
    if not carried:
        return children
    process = _sharing(carried, settings, layout, environment)
    return tuple(process if child is carried[0] else child for child in children if child not in carried[1:])


def _sharing(
    carried: tuple[ChildSpec, ...], settings: Settings, layout: Layout, environment: Mapping[str, str]
) -> ChildSpec:
    process = _spec(Role(joining.PROCESS), f"{joining.PROCESS}-0", settings, layout, environment)
    names = ",".join(child.name for child in carried)
    return dataclasses.replace(process, carries=carried, env={**process.env, CARRIES_VARIABLE: names})


def with_metrics(
    children: tuple[ChildSpec, ...], ports: Callable[[tuple[str, ...]], Mapping[str, int]]
) -> tuple[ChildSpec, ...]:
    """The children, each told of a port of its own for its metrics. `ports` gives a port for each name."""
    given = ports(tuple(f"{each.name} metrics" for child in children for each in (child, *child.carries)))
    return tuple(_at_port(child, given) for child in children)


def _at_port(child: ChildSpec, given: Mapping[str, int]) -> ChildSpec:
    port = given[f"{child.name} metrics"]
    carries = tuple(_at_port(each, given) for each in child.carries)
    return dataclasses.replace(
        child, metrics_port=port, env={**child.env, METRICS_VARIABLE: str(port)}, carries=carries
    )


def spare_worker(
    settings: Settings, layout: Layout, scale: Mapping[str, int], environment: Mapping[str, str]
) -> ChildSpec | None:
    """The process that waits to become a worker; None where the settings or the counts want none."""
    if not settings.worker.spare or not scale.get("worker", 1):
        return None
    role = Role(spare.ROLE, ("infra.processes.worker", "--spare"), hung_after_s=WORKER_HUNG_AFTER_S)
    spec = _spec(role, f"{spare.ROLE}-0", settings, layout, environment)
    return dataclasses.replace(spec, takes_orders=True, is_required=False)


def rebuild_job(settings: Settings, layout: Layout, environment: Mapping[str, str]) -> ChildSpec:
    """What brings an older release's tables along, beside all the others."""
    role = Role(job.ROLE, ("infra.cli.renew",), hung_after_s=60.0)
    return dataclasses.replace(_spec(role, f"{job.ROLE}-0", settings, layout, environment), is_required=False)


def _spec(role: Role, name: str, settings: Settings, layout: Layout, environment: Mapping[str, str]) -> ChildSpec:
    inherited = {key: value for key, value in environment.items() if not key.startswith(PREFIX)}
    # Compiled modules halve the start of a process; the variable is a developer's for other purposes.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    told = settings if role.signs_in else without_session_secret(settings)
    own = {
        "PYTHONPATH": str(REPO_ROOT),
        "PYTHONUNBUFFERED": "1",
        INSTANCE_VARIABLE: name,
        LIFESIGN_VARIABLE: str(layout.sign_of(name)),
    }
    return ChildSpec(
        name=name,
        role=role.name,
        argv=(sys.executable, "-m", *(role.arguments or (f"infra.processes.{role.name}",))),
        env={**inherited, **settings_env(told), **own},
        # Not the caller's folder: a settings file lying there must not be read again.
        cwd=layout.run,
        env_now=partial(level_variable, layout),
        health=role.health(settings) if role.health is not None else None,
        stop_grace_s=role.stop_grace_s,
        hung_after_s=role.hung_after_s,
    )


def inherited_environment() -> dict[str, str]:
    """The environment that our processes inherit from the one who called."""
    return dict(os.environ)


def scale_problem(scale: Mapping[str, int], roles: tuple[Role, ...] = ROLES) -> str | None:
    """What is wrong with the counts, in one line, or None."""
    most = {role.name: role.most for role in roles}
    for name, count in scale.items():
        if name not in most:
            return f"no role is called {name}: choose from {', '.join(sorted(most))}"
        if not 0 <= count <= most[name]:
            return f"{name}={count}: from 0 to {most[name]} are possible"
    return None
