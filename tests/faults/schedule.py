"""Which faults strike when: drawn from a seed, pure. The same seed gives the same list, also in a longer run's head."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from infra.crash_points import POINTS

Kind = Literal[
    "kill", "term", "stop", "storm", "crash_point", "skew", "cut", "delay", "black_hole", "disk_full", "supervisor"
]

OURS = (
    "api-0",
    "worker-0",
    "worker-1",
    "recorder-0",
    "conversation-0",
    "metering-0",
    "watchdog-0",
    "projector-0",
)
SERVERS = ("kafka", "cassandra", "redis", "triton")
PROXIED = SERVERS
ON_SMALL_DISKS = ("kafka", "cassandra")
STREAM_CHILDREN = ("conversation-0", "metering-0", "watchdog-0", "projector-0")
_OPERATORS = ("rebuild.", "backfill.", "import.")
UNREACHED = frozenset(
    {
        "watchdog.before_expiry",
        "watchdog.after_expiry",
        *(name for name in POINTS if "embeddings" in name),
        "metering.before_given_up",
        "api.mid_import",
    }
    | {name for name in POINTS if name.startswith(_OPERATORS)}
)
"""Points that only a turn past its deadline, a request for embeddings, an import or an operator comes by; users of the
run do not. Embeddings: tests/integration/test_api_openai_client.py, tests/e2e/test_budgets.py; imports:
tests/integration/test_api.py."""

SESSION_S = 3.0
"""A worker's session in its group; Faust processes have 10 s, and after 10 s a hung process is killed."""

_WEIGHTS: dict[Kind, int] = {
    "kill": 24,
    "term": 8,
    "stop": 18,
    "crash_point": 26,
    "storm": 5,
    "cut": 8,
    "black_hole": 5,
    "delay": 4,
    "skew": 4,
    "disk_full": 2,
    "supervisor": 2,
}
_STORM_KILLS = 3
_TWO_AT_ONCE = 0.2


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `target`: a child, a server, or a crash point. `duration_s`: until it is lifted (0: at once).

    `amount` by kind: the n-th pass of a crash point, seconds of skew, bytes until a cut, milliseconds of delay, kills.
    """

    kind: Kind
    target: str
    duration_s: float = 0.0
    amount: int = 0

    def __str__(self) -> str:
        amount = f"({self.amount})" if self.amount else ""
        held = f" for {self.duration_s:g} s" if self.duration_s else ""
        return f"{self.kind}{amount} {self.target}{held}"


@dataclass(frozen=True, slots=True)
class Step:
    """After `delay_s` of peace, `faults` strike together (one or two)."""

    delay_s: float
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return " + ".join(map(str, self.faults))


def schedule(seed: int, count: int, kinds: tuple[Kind, ...] = tuple(_WEIGHTS)) -> list[Step]:
    """`count` steps drawn from `seed`, of faults of these kinds."""
    draw = random.Random(seed)
    return [_step(draw, kinds) for _ in range(count)]


def child_of(point: str, draw: random.Random) -> str:
    """A child that passes a crash point."""
    role = point.partition(".")[0]
    return draw.choice(STREAM_CHILDREN if role == "stream" else [child for child in OURS if child.startswith(role)])


def _step(draw: random.Random, kinds: tuple[Kind, ...]) -> Step:
    delay_s = round(draw.uniform(0.3, 2.5), 2)
    first = _fault(draw, draw.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0])
    simple: tuple[Kind, ...] = tuple(kind for kind in kinds if kind in ("kill", "stop"))
    if first.kind not in ("kill", "stop") or draw.random() >= _TWO_AT_ONCE or not simple:
        return Step(delay_s, (first,))
    second = _fault(draw, draw.choice(simple))
    while second.target == first.target:
        second = _fault(draw, draw.choice(simple))
    return Step(delay_s, (first, second))


def _fault(draw: random.Random, kind: Kind) -> Fault:
    match kind:
        case "kill":
            return Fault(kind, draw.choice((*OURS, "worker-0", "api-0", *SERVERS)))
        case "term":
            return Fault(kind, draw.choice(OURS))
        case "stop":
            target = draw.choice((*OURS, *SERVERS))
            longest_s = 12.0 if target in SERVERS else 9.0
            return Fault(kind, target, round(draw.uniform(SESSION_S + 1, longest_s), 1))
        case "storm":
            return Fault(kind, draw.choice((*OURS, "redis", "triton")), amount=_STORM_KILLS)
        case "crash_point":
            point = draw.choice([name for name in POINTS if name not in UNREACHED])
            most = 60 if point == "worker.mid_stream" else 5
            return Fault(kind, f"{child_of(point, draw)}:{point}", amount=draw.randint(1, most))
        case "skew":
            return Fault(kind, draw.choice(OURS), round(draw.uniform(3, 6), 1), draw.choice((-7200, 7200)))
        case "cut":
            return Fault(kind, draw.choice(PROXIED), round(draw.uniform(2, 6), 1), draw.randint(1, 4000))
        case "delay":
            return Fault(kind, draw.choice(PROXIED), round(draw.uniform(3, 6), 1), draw.randint(50, 1500))
        case "black_hole":
            return Fault(kind, draw.choice(PROXIED), round(draw.uniform(3, 10), 1))
        case "disk_full":
            return Fault(kind, draw.choice(ON_SMALL_DISKS), round(draw.uniform(3, 6), 1))
        case "supervisor":
            return Fault(kind, "supervisor")


ONE_OF_EACH: tuple[Step, ...] = (
    Step(1.0, (Fault("kill", "worker-0"),)),
    Step(0.5, (Fault("crash_point", "worker-0:worker.mid_stream", amount=5),)),
    Step(0.5, (Fault("stop", "worker-1", SESSION_S + 1.5),)),
    Step(0.5, (Fault("kill", "api-0"), Fault("term", "worker-1"))),
    Step(0.5, (Fault("cut", "triton", 2.0, 700),)),
    Step(0.5, (Fault("kill", "recorder-0"), Fault("kill", "conversation-0"))),
    Step(0.5, (Fault("black_hole", "cassandra", 3.0),)),
    Step(0.5, (Fault("kill", "kafka"),)),
)
"""A short run: one of each main kind."""
