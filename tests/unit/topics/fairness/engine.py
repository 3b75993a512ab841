"""A worker in virtual time: slots that make a token a tick, and jobs that come when a test says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from topics.fairness.flows import Flow, Rules
from topics.fairness.queue import FairQueue, Picked


@dataclass(frozen=True, slots=True)
class Asked:
    """A job: who asks, how long the prompt and the answer are."""

    flow: Flow
    prompt: int = 10
    answer: int = 16
    overflow: bool = False


def flow(user: str, service_class: str = "interactive", tier: str = "default") -> Flow:
    return Flow(service_class, tier, user, user)


@dataclass
class Machine:
    """`work`: what each user was served, and `waited`: ticks from arrival to start, by user."""

    rules: Rules
    queue: FairQueue[tuple[Asked, int]] = field(init=False)
    now: int = 0
    running: list[tuple[Asked, int]] = field(default_factory=list)
    work: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waited: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    picks: list[Picked[tuple[Asked, int]]] = field(default_factory=list)
    idle: int = 0

    def __post_init__(self) -> None:
        self.queue = FairQueue(self.rules)

    def ask(self, asked: Asked) -> None:
        work = self.rules.start_work(asked.prompt)
        self.queue.add((asked, self.now), asked.flow, work, overflow=asked.overflow)

    def tick(self) -> list[Asked]:
        """Start what may start, make a token in each slot; returns what ended."""
        while (picked := self.queue.next()) is not None:
            asked, asked_at = picked.job
            self.picks.append(picked)
            self.waited[asked.flow.user_id].append(self.now - asked_at)
            self.work[asked.flow.user_id] += picked.work
            self.running.append((asked, asked.answer))
        self.idle += bool(len(self.queue)) * (self.rules.slots - len(self.running))
        self.now += 1
        ended, left = [], []
        for asked, tokens in self.running:
            self.queue.served(asked.flow, 1)
            self.work[asked.flow.user_id] += self.rules.output_weight
            if tokens > 1:
                left.append((asked, tokens - 1))
            else:
                ended.append(asked)
                self.queue.finished(asked.flow.user_id)
        self.running = left
        return ended
