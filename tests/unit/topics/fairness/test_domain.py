"""What each pick says is enough to work it out again, whatever happens in between; what is changed shows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from schemas.conversation import Sampling
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptStarted, GenerationRequested, TokenChunk, Turn
from schemas.picks import FlowLead, JobRead, Pick
from schemas.price import Attribution, Price
from topics.fairness.domain import Domain
from topics.fairness.flows import Rules, flow_of
from topics.fairness.heirs import Leads
from topics.fairness.replay import Picks

TIERS = {"default": 1000, "plus": 4000}


def job(number: int, user: str, tier: str, prompt: int, service_class: str = "interactive") -> GenerationRequested:
    turn = Turn(
        generation_id=f"g{number}",
        conversation_id=f"c{number}",
        user_id=user,
        message_id=f"m{number}",
        prompt_message_id=f"m{number}",
        kind="chat",
        model="m",
        price=Price("1", "USD", 0, 0, 0),
        request_hash="",
        cause=Position(0, 0, number),
        tail=Position(0, 0, 0),
        attribution=Attribution(account=user, tier=tier),
    )
    return GenerationRequested(
        envelope=Envelope(f"e{number}", 0, None, "", "system:test"),
        turn=turn,
        messages=(),
        prompt_tokens=prompt,
        sampling=Sampling(),
        service_class=service_class,  # type: ignore[arg-type]  # one of both
        tier=tier,
        maybe_repeat=False,
        first_token_timeout_ms=1,
        inter_token_timeout_ms=1,
        deadline_at_us=0,
    )


class Log:
    """A worker's days at random: jobs come, are picked, make tokens, end, vanish, and begin nothing."""

    def __init__(self, seed: int, held_back: int = 0, name: str = "d1") -> None:
        self.rng = Random(seed)
        self.domain: Domain[str] = Domain(name, Rules(3, 2, held_back, 10, tier_weights_milli=TIERS))
        self.jobs: dict[str, tuple[GenerationRequested, JobRead]] = {}
        self.chunks: list[object] = []
        self.running: dict[int, str] = {}
        self.unwritten: dict[int, int] = {}
        self.picks: list[Pick] = []

    def run(self, steps: int) -> None:
        for _ in range(steps):
            getattr(
                self, self.rng.choice(["ask", "ask", "speak", "speak", "speak", "end", "vanish", "start", "heir"])
            )()

    def ask(self) -> None:
        rng, number = self.rng, len(self.jobs)
        service_class = rng.choice(["interactive", "interactive", "background"])
        asked = job(number, rng.choice("abcde"), rng.choice(list(TIERS)), rng.randrange(200), service_class)
        place = JobRead(f"generation-jobs.default.{service_class}", 0, number)
        self.jobs[asked.turn.generation_id] = asked, place
        self.domain.read(asked.turn.generation_id, place, flow_of(asked), asked.prompt_tokens)

    def vanish(self) -> None:
        if self.jobs and self.rng.random() < 0.3:
            self.domain.left(self.rng.choice(list(self.jobs)))

    def heir(self) -> None:
        if self.rng.random() < 0.1:
            self.domain.inherit([FlowLead("interactive", "default", "a", "a", 1000)])

    def speak(self) -> None:
        for number, tokens in self.unwritten.items():
            self.domain.served(number, tokens)
        self.unwritten = {}
        if speaking := sorted(self.running.keys() & {pick.number for pick in self.picks}):
            number, tokens = self.rng.choice(speaking), self.rng.randrange(20)
            self.chunks.append(TokenChunk("g", f"{self.domain.name}/{number}", 1, 0, tokens, "x"))
            self.unwritten[number] = tokens

    def start(self) -> None:
        for number, tokens in self.unwritten.items():
            self.domain.served(number, tokens)
        self.unwritten = {}
        self.domain.counted(0, len(self.chunks))
        while (found := self.domain.next()) is not None:
            generation, pick = found
            if self.rng.random() < 0.9:
                asked, place = self.jobs[generation]
                self.domain.told(pick.number)
                self.picks.append(pick)
                self.chunks.append(started(asked, place, pick))
            self.running[pick.number] = generation

    def end(self) -> None:
        if self.running:
            told = {pick.number for pick in self.picks}
            number = min(self.running, key=lambda number: (number in told, self.rng.random()))
            del self.running[number]
            self.domain.ended(number)

    def read(self) -> Picks:
        picks = Picks()
        for asked, place in self.jobs.values():
            picks.take_job(asked, place)
        for offset, record in enumerate(self.chunks):
            picks.take(record, 0, offset)
        return picks


def started(asked: GenerationRequested, place: JobRead, pick: Pick) -> AttemptStarted:
    return AttemptStarted(
        envelope=asked.envelope,
        turn=asked.turn,
        attempt_id=f"{pick.domain}/{pick.number}",
        number=1,
        prompt_tokens=asked.prompt_tokens,
        worker="w",
        job=Position(0, place.partition, place.offset),
        pick=pick,
    )


@pytest.mark.parametrize("seed", range(40))
def test_every_pick_is_worked_out_again(seed: int) -> None:
    log = Log(seed, held_back=seed % 2)
    log.run(600)
    report = log.read().check()
    assert (report.found, report.wrong) == ([], 0)
    # Those behind the last that told of a pick which began nothing may be unknown.
    assert report.checked >= len(log.picks) * 3 // 4
    assert report.most_gap <= report.bound


def test_a_pick_out_of_turn_is_told() -> None:
    log = Log(3)
    log.run(400)
    pick = log.picks[len(log.picks) // 2]
    at, record = next(
        (at, each) for at, each in enumerate(log.chunks) if isinstance(each, AttemptStarted) and each.pick == pick
    )
    other = next(place for _, place in log.jobs.values() if place != pick.job)
    log.chunks[at] = replace(record, pick=replace(pick, job=other))
    report = log.read().check()
    assert report.wrong == 1
    assert report.found[0].number == pick.number
    assert "the rule gives the job at" in report.found[0].problem
    log.chunks[at] = replace(record, pick=replace(pick, charged=pick.charged + 1))
    assert [found.number for found in log.read().check().found] == [pick.number]


def test_what_the_log_does_not_hold_is_counted() -> None:
    log = Log(5)
    log.run(300)
    log.chunks = [each for each in log.chunks if not isinstance(each, AttemptStarted) or each.pick != log.picks[8]]
    report = log.read().check()
    assert (report.wrong, report.checked, report.unchecked) == (0, 8, len(log.picks) - 9)


def test_an_heir_goes_on_with_who_was_served_more() -> None:
    old = Log(0)
    heavy, light = job(0, "heavy", "default", 900), job(1, "light", "default", 10)
    places = [JobRead("generation-jobs.default.interactive", 0, n) for n in (0, 1)]
    for asked, place in zip((heavy, light), places, strict=True):
        old.domain.read(asked.turn.generation_id, place, flow_of(asked), asked.prompt_tokens)
    leads = Leads(frozenset({("generation-jobs.default.interactive", 0)}), "d2")
    for asked, place in zip((heavy, light), places, strict=True):
        found = old.domain.next()
        assert found is not None
        leads.take(started(asked, place, found[1]))
    leads.take(TokenChunk("g0", "d1/1", 1, 0, 50, "x"))
    found_leads = leads.found()
    # 900 of the prompt and 100 of the answer, at weight 8; light: 10 at weight 8.
    assert [(lead.user_id, lead.lead) for lead in found_leads] == [("heavy", 125_000), ("light", 1250)]
    heir = Domain[str]("d2", Rules(3, 3))
    heir.inherit(found_leads)
    for number, user in enumerate(("heavy", "light", "light", "new")):
        asked = job(number, user, "default", 10)
        heir.read(str(number), JobRead("t", 0, number), flow_of(asked), 10)
    order = []
    while (picked := heir.next()) is not None:
        order.append(picked[0])
    assert order == ["3", "1", "2"]


def test_leads_of_others_jobs_and_of_its_own_picks_are_none() -> None:
    old = Log(0)
    asked = job(0, "a", "default", 90)
    place = JobRead("generation-jobs.default.interactive", 0, 0)
    old.domain.read("g0", place, flow_of(asked), 90)
    found = old.domain.next()
    assert found is not None
    for places, besides in ((frozenset({(place.topic, 1)}), "d2"), (frozenset({(place.topic, 0)}), "d1")):
        leads = Leads(places, besides)
        leads.take(started(asked, place, found[1]))
        assert leads.found() == ()
