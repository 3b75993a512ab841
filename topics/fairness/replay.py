"""Works the picks of a log out again, and says which are not what the rule gives. Pure.

It takes all jobs, attempts and chunks of a span, then `check` goes through the picks of each domain in their order.
What the span does not hold cannot be checked: picks of a domain that began before it, behind a pick that never reached
the log, or behind a record of which the log did not say whether it took it. They are counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.generation import AttemptStarted, GenerationRequested, TokenChunk
from schemas.picks import JobRead, LostPick, Pick, Seen
from topics.fairness.domain import rules_of
from topics.fairness.flows import Flow, flow_of
from topics.fairness.queue import FairQueue, Waiting

MAX_WRONG = 100
"""So many wrong picks are told; all are counted."""


@dataclass(frozen=True, slots=True)
class WrongPick:
    """A pick that is not what the rule gives, in words."""

    domain: str
    number: int
    generation_id: str
    problem: str


@dataclass(slots=True)
class Report:
    """`most_gap`: the most by which users of one class and tier who waited below their limit differed in work, and
    `bound` the most that they may. `work`: served to each flow by checked picks."""

    domains: int = 0
    checked: int = 0
    unchecked: int = 0
    wrong: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    found: list[WrongPick] = field(default_factory=list)
    most_gap: int = 0
    bound: int = 0
    work: dict[Flow, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Job:
    generation_id: str
    flow: Flow
    prompt_tokens: int
    overflow: bool


class Picks:
    """The picks of a span of the log."""

    def __init__(self) -> None:
        self._jobs: dict[JobRead, _Job] = {}
        self._picks: dict[str, dict[int, Pick]] = defaultdict(dict)
        self._attempts: dict[str, tuple[str, int]] = {}
        self._chunks: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)

    def take_raw(self, topic: str, partition: int, offset: int, value: bytes | None) -> None:
        """A record of a jobs topic or of token-chunks, in the order of its partition. What cannot be read, or is of a
        newer release, is passed over: what depends on it is not checked."""
        try:
            record = decode(value)
        except (UndecodableRecord, NewerRecord):
            return
        if isinstance(record, GenerationRequested):
            self.take_job(record, JobRead(topic, partition, offset))
        else:
            self.take(record, partition, offset)

    def take_job(self, job: GenerationRequested, place: JobRead) -> None:
        """A record of a jobs topic."""
        self._jobs[place] = _Job(job.turn.generation_id, flow_of(job), job.prompt_tokens, bool(job.lane))

    def take(self, record: object, partition: int, offset: int) -> None:
        """A record of token-chunks, in the order of its partition."""
        if type(record) is TokenChunk:
            started = self._attempts.get(record.attempt_id)
            if started is not None:
                domain, number = started
                self._chunks[domain, partition].append((offset, number, max(record.tokens, 0)))
        elif isinstance(record, AttemptStarted) and (pick := record.pick) is not None:
            self._attempts[record.attempt_id] = pick.domain, pick.number
            self._picks[pick.domain].setdefault(pick.number, pick)

    def check(self) -> Report:
        """Work out all picks again."""
        report = Report(domains=len(self._picks))
        for name, picks in self._picks.items():
            _Domain(name, self._jobs, self._chunks, report).check(picks)
        return report


class _Domain:
    def __init__(
        self,
        name: str,
        jobs: dict[JobRead, _Job],
        chunks: dict[tuple[str, int], list[tuple[int, int, int]]],
        report: Report,
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._chunks = chunks
        self._report = report
        self._numbers: dict[int, tuple[Flow, int]] = {}
        self._counted: dict[int, int] = {}
        self._waiting: dict[JobRead, Waiting[JobRead]] = {}
        self._longest_prompt = self._largest = 0
        self._tokens: dict[int, int] = defaultdict(int)

    def check(self, picks: dict[int, Pick]) -> None:
        report = self._report
        lost = {each.number: each for pick in picks.values() for each in pick.lost}
        told = next((pick.rules for _, pick in sorted(picks.items()) if pick.rules is not None), None)
        if told is None:
            report.unchecked += len(picks)
            return
        self._rules = rules_of(told)
        self._queue: FairQueue[JobRead] = FairQueue(self._rules)
        in_order = self._in_order(picks, lost)
        checked, gap = 0, 0
        for number, step in in_order:
            if isinstance(step, Pick) and step.doubtful:
                break
            problem = self._step(number, step, lost)
            if problem is None:
                break
            checked += isinstance(step, Pick)
            if problem:
                self._wrong(number, step, problem)
                break
            if isinstance(step, Pick):
                report.reasons[step.reason] = report.reasons.get(step.reason, 0) + 1
                gap = max(gap, self._queue.gap())
        report.checked += checked
        report.unchecked += len(picks) - checked
        self._measure(gap)

    def _in_order(self, picks: dict[int, Pick], lost: dict[int, LostPick]) -> Iterator[tuple[int, Pick | LostPick]]:
        """Up to the first that is missing."""
        for number in range(1, max(picks) + 1):
            step = picks.get(number) or lost.get(number)
            if step is None:
                return
            yield number, step

    def _step(self, number: int, step: Pick | LostPick, lost: dict[int, LostPick]) -> str | None:
        """What is wrong with a pick, in words; empty: nothing; None: the span does not hold what it depends on."""
        if not self._see(step.seen, lost):
            return None
        picked = self._queue.next()
        if picked is None:
            return "no job may be started at this pick"
        job = self._jobs.get(picked.job)
        if job is None:
            return None
        if picked.job != step.job:
            at, said = picked.job, step.job
            return (
                f"the rule gives the job at {at.topic}[{at.partition}]@{at.offset}, "
                f"the record names {said.topic}[{said.partition}]@{said.offset}"
            )
        self._waiting.pop(picked.job, None)
        self._numbers[number] = picked.flow, picked.work
        self._longest_prompt = max(self._longest_prompt, job.prompt_tokens)
        self._tokens[number] += job.prompt_tokens
        if isinstance(step, Pick):
            told = (step.reason, step.charged, step.work, step.weight_milli, step.floor)
            found = (picked.reason, picked.charged, picked.work, picked.weight_milli, picked.floor)
            if told != found:
                return f"(reason, charged, work, weight, floor) is {told}, the rule gives {found}"
            self._report.work[picked.flow] = self._report.work.get(picked.flow, 0) + picked.work
        return ""

    def _see(self, seen: Seen, lost: dict[int, LostPick]) -> bool:
        queue, rules = self._queue, self._rules
        for place in seen.left:
            waiting = self._waiting.pop(place, None)
            if waiting is not None:
                queue.remove(waiting)
        for place in seen.reads:
            job = self._jobs.get(place)
            if job is None:
                return False
            work = rules.start_work(job.prompt_tokens)
            self._waiting[place] = queue.add(place, job.flow, work, overflow=job.overflow)
        for upto in seen.counted:
            self._count(upto.partition, upto.offset)
        for number in seen.ended:
            flow, work = self._numbers[number]
            queue.finished(flow.user_id)
            if number in lost:
                queue.refund(flow, work)
        for lead in seen.inherited:
            queue.inherit(Flow(lead.service_class, lead.tier, lead.account, lead.user_id), lead.lead)
        return True

    def _count(self, partition: int, upto: int) -> None:
        chunks = self._chunks.get((self._name, partition), [])
        at = bisect_left(chunks, (self._counted.get(partition, 0),))
        stop = bisect_left(chunks, (upto,))
        self._counted[partition] = upto
        work = self._report.work
        for _, number, tokens in chunks[at:stop]:
            flow = self._numbers[number][0]
            self._queue.served(flow, tokens)
            self._tokens[number] += tokens
            self._largest = max(self._largest, self._tokens[number])
            work[flow] = work.get(flow, 0) + tokens * self._rules.output_weight

    def _wrong(self, number: int, step: Pick | LostPick, problem: str) -> None:
        self._report.wrong += 1
        if len(self._report.found) < MAX_WRONG:
            job = self._jobs.get(step.job)
            generation = "" if job is None else job.generation_id
            self._report.found.append(WrongPick(self._name, number, generation, problem))

    def _measure(self, gap: int) -> None:
        rules = self._rules
        most = rules.user_limit * max(self._largest, self._longest_prompt)
        bound = max(rules.input_weight * self._longest_prompt, rules.output_weight * most)
        self._report.most_gap = max(self._report.most_gap, gap)
        self._report.bound = max(self._report.bound, bound)
