"""What lies between a process and the broker or the store: how long things take, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.fakes.broker import MemoryBroker
from tests.sim.virtual_time import VirtualLoop
from topics.catalogue import Catalogue


@dataclass(slots=True)
class Network:
    """How long things take, and what goes wrong between a process and the broker or the store."""

    loop: VirtualLoop
    rng: Random
    topics: Catalogue
    broker: MemoryBroker
    away_until_s: float = 0.0
    """The broker does not answer before this."""
    late_acks: float = 0.0
    lost_acks: float = 0.0
    lost_commits: float = 0.0
    healed: bool = False

    def delay_s(self) -> float:
        """One way to the broker."""
        usual = self.rng.uniform(0.0003, 0.004)
        if not self.healed and self.rng.random() < 0.02:
            usual += self.rng.uniform(0.02, 0.4)
        return max(usual, self.away_until_s - self.loop.time() + usual)

    def ack_delay_s(self) -> float | None:
        """Back to the producer; None: the acknowledgement is lost."""
        if not self.healed:
            if self.rng.random() < self.lost_acks:
                return None
            if self.rng.random() < self.late_acks:
                return self.rng.uniform(0.05, 3.0)
        return self.rng.uniform(0.0002, 0.002)

    def commit_is_lost(self) -> bool:
        return not self.healed and self.rng.random() < self.lost_commits

    @property
    def is_away(self) -> bool:
        return self.loop.time() < self.away_until_s
