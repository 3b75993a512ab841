"""What one run will do, drawn from its seed alone: who asks what, who reads how, what breaks when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import Literal

from schemas import ids
from tests.faults.evidence import question
from tests.sim.engine import COUNTS, COUNTS_ONCE, THINKS

SLOTS = ("api", "conversation", "metering", "watchdog", "projector", "recorder", "worker-0", "worker-1", "worker-2")
FAULTS_OVER_S = 8.0
"""All faults begin before this."""
CALM_FOR_S = 1.0
"""After the end of the last fault, before all is healed."""
FaultKind = Literal[
    "kill", "kill_at_step", "pause", "replace", "term", "broker_away", "store_away", "engine_away", "hang_up"
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One turn that a client wants. `cancel_after_s`: it cancels so long after it was accepted (None: never), or after
    it asked if `cancel_early`; with `cancel_at_frame`, as soon as its reader has that frame. `readers`: how long after
    it was accepted other devices begin to read."""

    key: str
    conversation_id: str
    kind: Literal["chat", "stateless"]
    tag: str
    count: int
    model: str
    at_s: float
    parent: str | None = None
    cancel_after_s: float | None = None
    cancel_early: bool = False
    cancel_at_frame: int | None = None
    hang_ups_s: tuple[float, ...] = ()
    """When the client's connection breaks, from its beginning on."""
    twice: bool = False
    """It is sent twice at once, with the same key."""
    readers: tuple[float, ...] = ()
    follows: str | None = None
    """The key of the prompt whose answer this one follows."""

    @property
    def message_id(self) -> str:
        return ids.message_id("ada", self.conversation_id, self.key)

    @property
    def generation_id(self) -> str:
        return ids.generation_id(self.message_id)

    @property
    def question(self) -> str:
        return question(self.tag, self.count)

    @property
    def body_sha256(self) -> str:
        return sha256(self.question.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Embedding:
    """A request for embeddings of so many tokens, of which the api knows that there are at most `bound`. `twice`: it is
    sent twice at once, with the same key."""

    key: str
    tokens: int
    bound: int
    at_s: float
    takes_s: float
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """`for_s`: how long it lasts. `step`: of a kill_at_step, at which effect from then on."""

    at_s: float
    kind: FaultKind
    target: str
    for_s: float = 0.0
    step: int = 0

    def __str__(self) -> str:
        detail = f" for {self.for_s:.2f} s" if self.for_s else f" step {self.step}" if self.step else ""
        return f"{self.kind} {self.target} at {self.at_s:.2f} s{detail}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Probabilities are of each single event while faults last."""

    seed: int
    workers: int
    partitions: int
    prompts: tuple[Prompt, ...]
    faults: tuple[Fault, ...]
    late_acks: float
    lost_acks: float
    lost_commits: float
    grown: bool = False
    """Whether the topics have an older epoch beside the one that is written."""
    titles: bool = False
    """Whether conversations get titles."""
    embeddings: tuple[Embedding, ...] = ()
    """Of an account with a budget."""
    budget: int | None = None
    """The hard budget in tokens of all who ask; None: there is none."""

    @property
    def healed_at_s(self) -> float:
        """When nothing breaks any more."""
        return max((fault.at_s + fault.for_s for fault in self.faults), default=FAULTS_OVER_S) + CALM_FOR_S

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.workers} workers, {self.partitions} partitions of token-chunks,"]
        lines[0] += f" acks late {self.late_acks:g} lost {self.lost_acks:g}, commits lost {self.lost_commits:g}"
        lines += [f"  {prompt}" for prompt in self.prompts]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.faults)])


def draw(seed: int) -> Plan:
    """The plan of a seed: the same at every call."""
    rng = Random(seed)
    workers = rng.choice((1, 2, 2, 3))
    prompts: list[Prompt] = []
    for number in range(rng.randint(2, 5)):
        prompt = _prompt(rng, seed, number)
        followed_already = {p.follows for p in prompts}
        before = [p for p in prompts if p.kind == "chat" and p.key not in followed_already]
        if before and prompt.kind == "chat" and rng.random() < 0.3:
            followed = rng.choice(before)
            prompt = replace(
                prompt,
                conversation_id=followed.conversation_id,
                parent=followed.generation_id,
                follows=followed.key,
                twice=False,
            )
        prompts.append(prompt)
    calm = rng.random() < 0.05
    faults = () if calm else tuple(sorted(_faults(rng, workers, prompts), key=lambda fault: fault.at_s))
    return Plan(
        seed,
        workers,
        rng.choice((1, 1, 2)),
        tuple(prompts),
        faults,
        late_acks=rng.choice((0.0, 0.02, 0.1)),
        lost_acks=rng.choice((0.0, 0.0, 0.01, 0.03)),
        lost_commits=rng.choice((0.0, 0.2, 0.5)),
    )


def _prompt(rng: Random, seed: int, number: int) -> Prompt:
    cancels, races = rng.random() < 0.3, rng.random() < 0.25
    count = rng.choice((1, 3, 8, 20, 40))
    return Prompt(
        key=f"k{number}",
        conversation_id=f"c{seed}-{number}",
        kind="chat" if rng.random() < 0.8 else "stateless",
        tag=f"t{number}",
        count=count,
        # Every fourth thinks: nothing is drawn for it, so that seeds go on meaning what they meant.
        model=_model_of(rng.random(), thinks=(seed + number) % 4 == 0),
        at_s=rng.uniform(0.3, 5.0),
        cancel_after_s=rng.choice((0.0, 0.01, 0.1, 0.5, 2.0)) if cancels else None,
        cancel_early=rng.random() < 0.5,
        # The last chunk: the end of the attempt and the cancel are under way at once.
        cancel_at_frame=rng.choice((1, count, count)) if races and not cancels else None,
        hang_ups_s=tuple(rng.uniform(0.005, rng.choice((0.1, 4.0))) for _ in range(rng.choice((0, 0, 1, 3)))),
        twice=rng.random() < 0.15,
        readers=tuple(rng.uniform(0.0, 8.0) for _ in range(rng.choice((0, 1, 2)))),
    )


def _model_of(chance: float, *, thinks: bool) -> str:
    if thinks:
        return THINKS.id
    return COUNTS.id if chance < 0.8 else COUNTS_ONCE.id


def _faults(rng: Random, workers: int, prompts: list[Prompt]) -> list[Fault]:
    slots = [slot for slot in SLOTS if not slot.startswith("worker") or int(slot[-1]) < workers]
    weights = [3 if slot.startswith("worker") or slot == "recorder" else 1 for slot in slots]
    faults = []
    for _ in range(rng.randint(1, 7)):
        at_s, target = rng.uniform(0.3, FAULTS_OVER_S), rng.choices(slots, weights)[0]
        if rng.random() < 0.6:
            # While something is under way.
            at_s = rng.choice(prompts).at_s + rng.uniform(0.0, 1.0)
        match rng.choice(("kill", "kill_at_step", "kill_at_step", "pause", "pause", "replace", "term", "away")):
            case "kill":
                faults.append(Fault(at_s, "kill", target))
            case "kill_at_step":
                faults.append(Fault(at_s, "kill_at_step", target, step=rng.randint(1, 60)))
            case "pause":
                # Below and above the sessions of workers (3 s) and agents (10 s), and just at the former.
                for_s = rng.choice((0.2, 1.0, rng.uniform(2.9, 3.6), rng.uniform(2.9, 3.6), 5.0, 11.0))
                faults.append(Fault(at_s, "pause", target, for_s=for_s))
            case "replace":
                # A second process under the same name, while the first still works.
                faults.append(Fault(at_s, "replace", target))
            case "term":
                faults.append(Fault(at_s, "term", rng.choice([slot for slot in slots if slot.startswith("worker")])))
            case "away":
                kind: FaultKind = rng.choice(("broker_away", "store_away", "engine_away"))
                faults.append(Fault(at_s, kind, kind.split("_")[0], for_s=rng.choice((0.1, 0.5, 2.0, 4.0))))
    return faults
