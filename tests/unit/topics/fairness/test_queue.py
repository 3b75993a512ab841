"""Fair queueing by work: shares by weight, the bound, no user in another's way, nothing lost. In virtual time."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.topics.fairness.engine import Asked, Machine, flow
from topics.fairness.flows import Flow, Rules
from topics.fairness.queue import FairQueue


def queue(slots: int = 1000, user_limit: int = 1000, lowest_share: int = 0, held_back: int = 0) -> FairQueue[str]:
    return FairQueue(Rules(slots, user_limit, held_back, lowest_share, tier_weights_milli={"gold": 3000}))


def add(q: FairQueue[str], job: str, user: str, service_class: str = "interactive", tier: str = "default") -> None:
    q.add(job, flow(user, service_class, tier), 10)


def drain(q: FairQueue[str], most: int = 1000) -> list[str]:
    out = []
    for _ in range(most):
        picked = q.next()
        if picked is None:
            break
        out.append(picked.job)
    return out


def jain(shares: list[float]) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def test_one_users_jobs_keep_their_order() -> None:
    q = queue()
    for n in range(5):
        add(q, f"a{n}", "a")
    assert drain(q) == ["a0", "a1", "a2", "a3", "a4"]


def test_a_backlog_does_not_delay_another_user() -> None:
    q = queue()
    for n in range(50):
        add(q, f"a{n}", "a")
    assert drain(q, 10) == [f"a{n}" for n in range(10)]
    add(q, "b0", "b")
    assert "b0" in drain(q, 2)


def test_interactive_goes_before_background_without_starving_it() -> None:
    q = queue()
    for n in range(90):
        add(q, f"i{n}", "a")
        add(q, f"b{n}", "b", "background")
    first = Counter(job[0] for job in drain(q, 45))
    assert first == {"i": 40, "b": 5}


def test_tiers_weigh() -> None:
    q = queue()
    for n in range(40):
        add(q, f"g{n}", "a", tier="gold")
        add(q, f"n{n}", "b")
    assert Counter(job[0] for job in drain(q, 20)) == {"g": 15, "n": 5}


def test_long_prompts_weigh_as_much_as_they_take() -> None:
    q = queue()
    for n in range(40):
        q.add(f"l{n}", flow("a"), 90)
        q.add(f"s{n}", flow("b"), 10)
    assert Counter(job[0] for job in drain(q, 30)) == {"l": 3, "s": 27}


def test_output_is_charged_as_it_comes() -> None:
    q = queue()
    for n in range(9):
        add(q, f"a{n}", "a")
        add(q, f"b{n}", "b")
    assert drain(q, 2) == ["a0", "b0"]
    q.served(flow("a"), 20)  # the work of four prompts
    assert drain(q, 5) == ["b1", "b2", "b3", "b4", "a1"]


def test_a_user_at_the_limit_waits_for_own_jobs() -> None:
    q = queue(user_limit=2)
    for n in range(4):
        add(q, f"a{n}", "a")
    add(q, "b0", "b")
    assert sorted(drain(q)) == ["a0", "a1", "b0"]
    q.finished("a")
    assert drain(q) == ["a2"]


def test_idle_time_earns_nothing() -> None:
    q = queue()
    for n in range(20):
        add(q, f"a{n}", "a")
    drain(q, 10)
    for n in range(10):
        add(q, f"b{n}", "b")
    assert 4 <= Counter(job[0] for job in drain(q, 10))["b"] <= 6


def test_what_is_taken_out_is_not_picked() -> None:
    q = queue()
    first = q.add("first", flow("a"), 1)
    q.add("second", flow("a"), 1)
    q.remove(first)
    assert (len(q), drain(q), len(q)) == (1, ["second"], 0)


def test_a_pick_that_began_nothing_costs_nothing() -> None:
    q = queue()
    for n in range(3):
        add(q, f"a{n}", "a")
        add(q, f"b{n}", "b")
    assert drain(q, 1) == ["a0"]
    q.refund(flow("a"), 10)
    assert drain(q, 3) == ["b0", "a1", "b1"]


def test_a_slot_is_held_back_for_light_users() -> None:
    q = queue(slots=4, user_limit=4, held_back=1)
    for n in range(9):
        add(q, f"a{n}", "a")
        add(q, f"b{n}", "b")
    assert sorted(drain(q)) == ["a0", "a1", "b0"]
    q.add("deferred", flow("d"), 10, overflow=True)
    assert drain(q) == []  # whose backlog is in an overflow lane is not light
    add(q, "c0", "c")
    picked = q.next()
    assert picked is not None
    assert (picked.job, picked.reason) == ("c0", "held_back")


def test_the_lowest_band_gets_its_share_however_many_others_wait() -> None:
    machine = Machine(Rules(4, 4, lowest_share=10, tier_weights_milli={"plus": 20000, "free": 1000}))
    for user in range(50):
        machine.ask(Asked(flow(f"p{user}", tier="plus")))
    machine.ask(Asked(flow("f", tier="free")))
    for _ in range(4000):
        for ended in machine.tick():
            machine.ask(ended)
    assert machine.work["f"] / sum(machine.work.values()) > 0.095
    assert {picked.reason for picked in machine.picks} == {"fair", "aged"}


def test_nobody_starves_without_a_share_too() -> None:
    machine = Machine(Rules(4, 4, lowest_share=0, tier_weights_milli={"plus": 20000}))
    for user in range(20):
        machine.ask(Asked(flow(f"p{user}", tier="plus")))
    machine.ask(Asked(flow("f", tier="free", service_class="background")))
    for _ in range(30_000):
        for ended in machine.tick():
            machine.ask(ended)
    assert len(machine.waited["f"]) > 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 60), st.sampled_from([1, 2, 4])), min_size=2, max_size=6),
    st.integers(2, 6),
)
def test_shares_follow_weights(users: list[tuple[int, int, int]], slots: int) -> None:
    """Who always has enough that waits is served by weight, whatever its jobs look like."""
    weights = {f"t{weight}": weight * 1000 for weight in (1, 2, 4)}
    # A limit that binds nobody: no share is more than it.
    machine = Machine(Rules(slots, slots, lowest_share=0, tier_weights_milli=weights))
    asked = {}
    for number, (prompt, answer, weight) in enumerate(users):
        asked[f"u{number}"] = Asked(flow(f"u{number}", tier=f"t{weight}"), prompt, answer)
        for _ in range(slots):
            machine.ask(asked[f"u{number}"])
    for _ in range(6000):
        for ended in machine.tick():
            machine.ask(ended)
    total = sum(machine.work.values())
    of_weights = sum(weight for _, _, weight in users)
    longest = max(prompt + 2 * answer for prompt, answer, _ in users) * slots
    for number, (_, _, weight) in enumerate(users):
        fair = total * weight / of_weights
        assert abs(machine.work[f"u{number}"] - fair) <= max(0.05 * fair, 2 * longest)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 300), st.integers(1, 40)), min_size=5, max_size=120),
    st.integers(1, 5),
    st.data(),
)
def test_the_bound_holds_at_every_pick(jobs: list[tuple[str, int, int]], slots: int, data: st.DataObject) -> None:
    """Of users of one class and tier who wait below their limit, none was served more than the bound above another."""
    limit = data.draw(st.integers(1, slots))
    machine = Machine(Rules(slots, limit))
    q = machine.queue
    longest = max(prompt for _, prompt, _ in jobs)
    most = limit * max(prompt + answer for _, prompt, answer in jobs)
    bound = max(longest, 2 * most) + 1
    gaps = iter(jobs)
    while len(q) or machine.running or machine.now == 0:
        for user, prompt, answer in [job for _, job in zip(range(data.draw(st.integers(0, 9))), gaps, strict=False)]:
            machine.ask(Asked(flow(user), prompt, answer))
        machine.tick()
        assert q.gap() <= bound


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 12), st.integers(2, 6), st.integers(1, 60))
def test_equals_are_served_equally(users: int, slots: int, answer: int) -> None:
    machine = Machine(Rules(slots, max(1, slots - 1)))
    for user in range(users):
        for _ in range(4):
            machine.ask(Asked(flow(f"u{user}"), 1 + 7 * user, answer + user))
    for _ in range(4000):
        for ended in machine.tick():
            machine.ask(ended)
    assert jain([float(machine.work[f"u{user}"]) for user in range(users)]) >= 0.95


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["interactive", "background"]), st.booleans()), max_size=60
    )
)
def test_every_job_starts_exactly_once(steps: list[tuple[str, str, bool]]) -> None:
    q, added, started = queue(slots=9, user_limit=3), [], []
    for number, (user, service_class, start) in enumerate(steps):
        job = f"{user}{number}"
        add(q, job, user, service_class)
        added.append(job)
        if start and (got := q.next()) is not None:
            started.append(got.job)
            q.finished(got.job[0])
    while (got := q.next()) is not None:
        started.append(got.job)
        q.finished(got.job[0])
    assert sorted(started) == sorted(added)
    assert len(q) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 30)), max_size=60), st.integers(1, 4))
def test_no_slot_is_idle_while_a_job_may_run(jobs: list[tuple[str, int]], slots: int) -> None:
    machine = Machine(Rules(slots, slots))
    for user, answer in jobs:
        machine.ask(Asked(flow(user), answer=answer))
    while len(machine.queue) or machine.running:
        machine.tick()
    assert machine.idle == 0
    assert sum(map(len, machine.waited.values())) == len(jobs)


def test_many_flows_that_come_and_go_are_forgotten() -> None:
    q = queue(slots=1)
    for number in range(5000):
        add(q, "job", f"u{number}")
        assert q.next() is not None
        q.finished(f"u{number}")
    assert len(q._flows) < 400


def test_a_flow_is_of_class_tier_account_and_user() -> None:
    assert Flow("interactive", "free", "acme", "ada").band == ("interactive", "free")
