"""What processes count: shown before it happens, per consumer, without a word of anybody."""

from __future__ import annotations

from prometheus_client import REGISTRY

from infra.runtime.metrics import ConsumerMetrics, bound, tell_build


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_bound_is_shown_before_it_is_reached_and_counted_when_it_is() -> None:
    reached = bound("test.bound")
    assert value("verbatim_bounds_reached_total", bound="test.bound") == 0
    reached()
    assert value("verbatim_bounds_reached_total", bound="test.bound") == 1


def test_a_consumer_counts_batches_records_letters_and_commits() -> None:
    metrics = ConsumerMetrics("test.consumer")
    assert value("verbatim_dead_letters_total", consumer="test.consumer") == 0
    metrics.batch(7)
    metrics.handled(5)
    metrics.parked()
    metrics.commit(taken=False)
    assert value("verbatim_last_commit_timestamp_seconds", consumer="test.consumer") == 0
    metrics.commit(taken=True)
    assert value("verbatim_records_handled_total", consumer="test.consumer") == 5
    assert value("verbatim_batch_records_sum", consumer="test.consumer") == 7
    assert value("verbatim_dead_letters_total", consumer="test.consumer") == 1
    assert value("verbatim_commits_total", consumer="test.consumer", result="taken") == 1
    assert value("verbatim_commits_total", consumer="test.consumer", result="refused") == 1
    assert (value("verbatim_last_commit_timestamp_seconds", consumer="test.consumer") or 0) > 0


def test_the_run_of_dead_letters_is_asked_at_each_look() -> None:
    run = [3]
    ConsumerMetrics("test.run").limits(lambda: run[0], 100)
    assert value("verbatim_dead_letters_limit", consumer="test.run") == 100
    assert value("verbatim_dead_letters_in_a_row", consumer="test.run") == 3
    run[0] = 0
    assert value("verbatim_dead_letters_in_a_row", consumer="test.run") == 0


def test_the_lag_of_a_partition_that_was_given_away_is_shown_no_more() -> None:
    metrics = ConsumerMetrics("test.lag")
    metrics.lag({("t", 0): 4, ("t", 1): 0})
    assert value("verbatim_lag_records", consumer="test.lag", topic="t", partition="0") == 4
    metrics.lag({("t", 1): 2})
    assert value("verbatim_lag_records", consumer="test.lag", topic="t", partition="0") is None
    assert value("verbatim_lag_records", consumer="test.lag", topic="t", partition="1") == 2


def test_a_stand_in_is_shown_as_who_it_became() -> None:
    tell_build("worker", "spare-0", 2)
    tell_build("worker", "worker-1", 2)
    found = [s.labels for family in REGISTRY.collect() if family.name == "verbatim_build_info" for s in family.samples]
    assert [labels["instance"] for labels in found] == ["worker-1"]
