"""Fair queueing: shares by weight, no user in another's way, nothing lost."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from inference_workers.scheduling import FairQueue


def queue(window: int = 100, user_limit: int = 100, **tiers: float) -> FairQueue[str]:
    return FairQueue(window, user_limit, tiers)


def add(q: FairQueue[str], job: str, user: str, service_class: str = "interactive", tier: str = "") -> None:
    q.add(job, user_id=user, service_class=service_class, tier=tier)


def drain(q: FairQueue[str], most: int = 1000) -> list[str]:
    out = []
    for _ in range(most):
        job = q.next()
        if job is None:
            break
        out.append(job)
    return out


def test_one_users_jobs_keep_their_order() -> None:
    q = queue()
    for n in range(5):
        add(q, f"a{n}", "a")
    assert drain(q) == ["a0", "a1", "a2", "a3", "a4"]


def test_a_backlog_does_not_delay_another_user() -> None:
    q = queue()
    for n in range(50):
        add(q, f"a{n}", "a")
    assert [q.next() for _ in range(10)] == [f"a{n}" for n in range(10)]
    add(q, "b0", "b")
    assert "b0" in [q.next(), q.next()]


def test_interactive_goes_before_background_without_starving_it() -> None:
    q = queue(window=1000)
    for n in range(90):
        add(q, f"i{n}", "a")
        add(q, f"b{n}", "b", "background")
    first = Counter(job[0] for job in drain(q, 45))
    assert first["i"] == 40
    assert first["b"] == 5


def test_tiers_weigh() -> None:
    q = queue(gold=3.0)
    for n in range(40):
        add(q, f"g{n}", "a", tier="gold")
        add(q, f"n{n}", "b")
    first = Counter(job[0] for job in drain(q, 20))
    assert first == {"g": 15, "n": 5}


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
    first = Counter(job[0] for job in drain(q, 10))
    assert 4 <= first["b"] <= 6


def test_the_window_is_told_and_removal_counts() -> None:
    q = queue(window=2)
    jobs = ["first job", "second job"]
    for job in jobs:
        add(q, job, "a")
    assert [q.full, q.remove({id(jobs[0])}), q.full] == [True, ["first job"], False]
    assert drain(q) == ["second job"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["interactive", "background"]), st.booleans()), max_size=60
    )
)
def test_every_job_starts_exactly_once(steps: list[tuple[str, str, bool]]) -> None:
    q, added, started = queue(window=8, user_limit=3), [], []
    for number, (user, service_class, start) in enumerate(steps):
        job = f"{user}{number}"
        add(q, job, user, service_class)
        added.append(job)
        if start and (got := q.next()) is not None:
            started.append(got)
            q.finished(got[0])
    while (got := q.next()) is not None:
        started.append(got)
        q.finished(got[0])
    assert sorted(started) == sorted(added)
    assert len(q) == 0
