"""Many users at once, seeded: conversations, cuts, second readers, late joiners, cancels, replays, responses in the
background, stateless calls, half of them held to a JSON schema; a fourth of all answers think before they are said.

`python -m tests.faults.workload --state DIR --seed S --prompts N --journal FILE` against a running stack. What is asked
is decided by the seed alone; what comes of it, by the faults. Everything seen goes to the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.clock import monotonic_s
from infra.settings.processes import FIRST_USER
from schemas import ids
from tests.faults.background import BACKGROUND, BackgroundUser
from tests.faults.evidence import Acked, Entry, Frame
from tests.faults.journal import Journal, JournalInUse
from tests.faults.turns import Prompt, Reader, Talk

SHORTEST, LONGEST = 5, 30
"""Numbers to count to; each is four tokens."""
TALK_TURNS = 8
_POLL_S = 0.5


@dataclass
class Known:
    """What the journal has been told of: generations that were acknowledged, and those seen to end."""

    acked: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)


class _Noting(Journal):
    """A journal that remembers what is still open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.known = Known()

    def write(self, entry: Entry) -> None:
        super().write(entry)
        if isinstance(entry, Acked) and entry.generation_id:
            self.known.acked.add(entry.generation_id)
        elif isinstance(entry, Frame) and entry.event in ("message_end", "error"):
            self.known.ended.add(entry.generation_id)


class Workload:
    """`clients` users who talk until the prompts or the time are used up, or `stop` is called."""

    def __init__(
        self, url: str, key: str, journal: Path, seed: int, *, clients: int = 6, user: str = FIRST_USER,
        patience_s: float = 180.0,
    ) -> None:  # fmt: skip
        self._journal = _Noting(journal)
        self._user = BackgroundUser(url, key, self._journal, patience_s=patience_s)
        self._user_id = ids.user_id(user)
        self._seed = seed
        self._clients = clients
        self._prompts_left = 0
        self._until_s = 0.0
        self.sent = 0

    async def run(self, *, prompts: int = 1_000_000, duration_s: float = 86_400.0) -> None:
        """Send up to `prompts` prompts for up to `duration_s`; returns when the last begun turn is over."""
        self._prompts_left, self._until_s = prompts, monotonic_s() + duration_s
        async with asyncio.TaskGroup() as group:
            for number in range(self._clients):
                group.create_task(_Client(self, self._user, self._user_id, self._seed, number).talk())

    def stop(self) -> None:
        """Begin no further turn."""
        self._prompts_left = 0

    async def in_calm(self) -> None:
        """Once nothing is struck any more: two more stateless calls, one held to a schema, one that thinks and calls,
        and a response in the background."""
        for turn, held in ((1, True), (2, False)):
            name = f"{self._seed}x{self._clients}x{turn}"
            await self._user.complete(Prompt(name, f"T{name}", SHORTEST, held=held, thinks=not held), f"{name}/own")
        name = f"{self._seed}x{self._clients}x3"
        await self._user.respond(Prompt(name, f"T{name}", SHORTEST), f"{name}{BACKGROUND}")

    def take_prompt(self) -> bool:
        """Whether another prompt may be sent; counts it."""
        if self._prompts_left <= 0 or monotonic_s() >= self._until_s:
            return False
        self._prompts_left -= 1
        self.sent += 1
        return True

    async def quiesce(self, timeout_s: float = 120.0) -> list[str]:
        """Wait until every acknowledged generation has ended, as the API says. Returns those that have not."""
        until_s = monotonic_s() + timeout_s
        left = sorted(self._journal.known.acked - self._journal.known.ended)
        while left:
            left = [name for name in left if await self._user.state(name) in (None, "running")]
            if not left or monotonic_s() > until_s:
                break
            await asyncio.sleep(_POLL_S)
        return left

    async def aclose(self) -> None:
        await self._user.aclose()
        self._journal.close()


class _Client:
    """One user: a random walk of turns, drawn from (seed, number) alone."""

    def __init__(self, load: Workload, user: BackgroundUser, user_id: str, seed: int, number: int) -> None:
        self._load = load
        self._user = user
        self._user_id = user_id
        self._name = f"{seed}x{number}"
        self._random = random.Random(f"{seed}/{number}")
        self._turns = 0

    async def talk(self) -> None:
        talk: Talk | None = None
        turns = 0
        while self._load.take_prompt():
            self._turns += 1
            prompt = self._prompt(talk)
            drawn = self._random.random()
            if drawn < 0.1:
                thinks = prompt.count % 4 == 1
                await self._user.respond(replace(prompt, thinks=thinks), f"{prompt.key}{BACKGROUND}")
                continue
            if drawn < 0.3:
                # Half of them are held to a schema, a quarter think and call.
                held, thinks = prompt.count % 2 == 0, prompt.count % 4 == 1
                await self._user.complete(replace(prompt, held=held, thinks=thinks), f"{prompt.key}/own")
                continue
            if talk is None or turns >= TALK_TURNS or self._random.random() < 0.3:
                talk, turns = await self._user.begin(f"{prompt.key}/conversation"), 0
                if talk is None:
                    continue
                prompt = replace(prompt, parent=None)
            turns += 1
            talk = talk if await self._turn(talk, prompt) else None

    def _prompt(self, talk: Talk | None) -> Prompt:
        name = f"{self._name}x{self._turns}"
        parent = talk.last_answer if talk is not None and self._random.random() < 0.5 else None
        count = self._random.randint(SHORTEST, LONGEST)
        return Prompt(name, f"T{name}", count, parent, thinks=count % 4 == 1)

    async def _turn(self, talk: Talk, prompt: Prompt) -> bool:
        """One prompt with whatever else happens to it. False: the conversation is not to be used any more."""
        tokens = prompt.count * 4
        reader = Reader(f"{prompt.key}/own")
        drawn = self._random.random()
        cuts = sorted(self._random.randint(0, tokens) for _ in range(self._random.randint(1, 3)))
        middle = self._random.randint(0, tokens)
        generation = ids.generation_id(ids.message_id(self._user_id, talk.conversation_id, prompt.key))
        if drawn < 0.35:
            reader.leave_after = cuts
        async with asyncio.TaskGroup() as group:
            if 0.35 <= drawn < 0.50:  # a second reader, from the beginning or from the middle
                at = self._when(reader, middle)
                group.create_task(self._join(at, reader, Reader(f"{prompt.key}/second", generation)))
            elif 0.50 <= drawn < 0.58:
                group.create_task(self._cancel_at(self._when(reader, middle), generation, middle))
            elif 0.58 <= drawn < 0.64:  # it races with the end
                group.create_task(self._cancel_at(self._when(reader, tokens - 1), generation, None))
            elif 0.64 <= drawn < 0.70:  # in the queue, or wherever it is by then
                group.create_task(self._cancel_at(self._when(reader, 0), generation, 0))
            ended = await self._user.ask(talk, prompt, reader)
            if reader.on_frame is not None:
                reader.on_frame(tokens + 1)  # whoever still waits for a frame need not
        if not ended:
            return False
        talk.answered(reader.generation_id)
        await self._afterwards(talk, prompt, reader)
        return True

    async def _afterwards(self, talk: Talk, prompt: Prompt, reader: Reader) -> None:
        drawn = self._random.random()
        if drawn < 0.15:
            late = Reader(f"{prompt.key}/late", reader.generation_id)
            await self._user.follow(late)
        elif drawn < 0.30:
            await self._user.ask(talk, prompt, Reader(f"{prompt.key}/replay"))
        elif drawn < 0.42:
            await self._user.ask_otherwise(talk, Prompt(prompt.key, f"{prompt.tag}other", prompt.count))
        elif drawn < 0.50:
            await self._user.cancel(reader.generation_id)

    def _when(self, reader: Reader, seq: int) -> asyncio.Event:
        """Set once `reader` was given frame `seq` or a later one."""
        reached = asyncio.Event()

        def on_frame(got: int) -> None:
            if got >= seq:
                reached.set()

        reader.on_frame = on_frame
        return reached

    async def _join(self, at: asyncio.Event, first: Reader, second: Reader) -> None:
        await at.wait()
        if not first.generation_id:
            return
        if self._random.random() < 0.5:
            second.after = max(first.after - 1, -1)
        await self._user.follow(second)

    async def _cancel_at(self, at: asyncio.Event, generation: str, seen: int | None) -> None:
        await at.wait()
        await self._user.cancel(generation, seen)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all acknowledged turns have ended; 1: some have not; 2: there is no stack, or the journal is in use."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.workload", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder of a running stack")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--journal", type=Path, required=True, help="appended to; use a new seed for a new run")
    given = parser.parse_args(arguments)
    try:
        api = json.loads((given.state / "stack.json").read_text())["api"]
    except OSError as error:
        print(f"There is no running stack: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(given, api["url"], api["key"]))
    except JournalInUse as error:
        print(error, file=sys.stderr)
        return 2


async def _run(given: argparse.Namespace, url: str, key: str) -> int:
    load = Workload(url, key, given.journal, given.seed, clients=given.clients)
    try:
        began_s = monotonic_s()
        await load.run(prompts=given.prompts)
        open_ones = await load.quiesce()
        print(f"{load.sent} prompts in {monotonic_s() - began_s:.1f} s, {len(open_ones)} acknowledged turns still open")
        for name in open_ones:
            print(f"open: {name}")
        return 1 if open_ones else 0
    finally:
        await load.aclose()


if __name__ == "__main__":
    sys.exit(main())
