"""Every process of a running stack serves metrics at the port that stack.json lists, also in its next life."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.client import Client
from tests.e2e.stack import CANARY, Stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(240)

CONSUMER = {
    "verbatim_records_handled_total",
    "verbatim_batch_records_count",
    "verbatim_dead_letters_total",
    "verbatim_dead_letters_in_a_row",
    "verbatim_dead_letters_limit",
    "verbatim_commits_total",
    "verbatim_last_commit_timestamp_seconds",
    "verbatim_bounds_reached_total",
}
AGENT = CONSUMER | {"verbatim_retries_total", "verbatim_given_up_total", "verbatim_lag_records"}
EXPECTED = {
    "api": {
        "verbatim_api_requests_total",
        "verbatim_bounds_reached_total",
        "verbatim_embeddings_texts_total",
        "verbatim_embeddings_tokens_total",
        "verbatim_embeddings_seconds_count",
    },
    "conversation": AGENT,
    "metering": AGENT,
    "watchdog": AGENT,
    "projector": AGENT
    | {
        "verbatim_projector_write_records_count",
        "verbatim_projector_rows_total",
        "verbatim_projector_waiting_records",
    },
    "recorder": CONSUMER
    | {"verbatim_lag_records", "verbatim_recorder_open_generations", "verbatim_recorder_outcomes_total"},
    "worker": CONSUMER
    | {
        "verbatim_worker_running_jobs",
        "verbatim_worker_slots",
        "verbatim_worker_waiting_jobs",
        "verbatim_worker_held_jobs",
        "verbatim_worker_attempts_total",
        "verbatim_worker_tick_seconds",
        "verbatim_worker_tokens_total",
        "verbatim_retries_total",
    },
    "spare": {"verbatim_build_info"},
}
OF_EACH = {"verbatim_build_info", "process_cpu_seconds_total", "process_resident_memory_bytes", "python_info"}
WORKING = {
    "conversation": "streams.conversation",
    "metering": "streams.metering",
    "watchdog": "streams.watchdog",
    "projector": "streams.projections",
    "recorder": "streams.recorder",
    "worker": "",
}
"""What each calls itself as a consumer: those that share a process are told apart by it."""
FORBIDDEN_LABELS = {"user", "user_id", "key", "key_id", "conversation", "conversation_id", "prompt"}

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def addresses(stack: Stack) -> dict[str, str]:
    """Where stack.json lists the metrics of each child of ours."""
    return {child["name"]: child["metrics"] for child in stack.description["children"] if "metrics" in child}


def scraped(url: str) -> Samples:
    answer = httpx.get(url, timeout=5)
    assert answer.status_code == 200
    assert CANARY not in answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, consumer: str = "") -> float:
    """Of all consumers, or of one."""
    return sum(
        value
        for (found, labels), value in samples.items()
        if found == name and (not consumer or ("consumer", consumer) in labels)
    )


def processes(stack: Stack) -> dict[str, str]:
    """The process of each child: its own, or the one that carries it together with others."""
    return {child["name"]: child.get("within", child["name"]) for child in stack.description["children"]}


def instance(samples: Samples) -> str:
    """Which process answered."""
    return next(dict(labels)["instance"] for name, labels in samples if name == "verbatim_build_info")


def test_every_process_serves_its_metrics_at_the_listed_port(stack: Stack, client: Client) -> None:
    conversation = client.new_conversation(title="Counting")

    def all_listed() -> None:
        # The test before may have used the spare up: the next one starts after a pause.
        assert {name.rpartition("-")[0] for name in addresses(stack)} >= set(EXPECTED)

    eventually_sync(all_listed, 60)
    listed = addresses(stack)
    assert all(url.startswith("http://127.0.0.1:") for url in listed.values())
    process = processes(stack)
    assert len(set(listed.values())) == len({process[name] for name in listed})

    def counted() -> None:
        # Asked again each time: a test before may have ended a process, which shows what it did in this life.
        client.ask(conversation["id"], f"Count to 5. ({CANARY})")
        for name, url in listed.items():
            role, samples = name.rpartition("-")[0], scraped(url)
            names = {found for found, _ in samples}
            assert names >= EXPECTED[role] | OF_EACH, f"{name}: {EXPECTED[role] - names}"
            assert not {label for _, labels in samples for label, _ in labels} & FORBIDDEN_LABELS
            assert all(conversation["id"] not in value for _, labels in samples for _, value in labels)
            assert instance(samples) == process[name]
            if role in WORKING:
                assert total(samples, "verbatim_records_handled_total", WORKING[role]) > 0, name
                assert total(samples, "verbatim_last_commit_timestamp_seconds", WORKING[role]) > 0, name

    eventually_sync(counted, 30)
    worker = scraped(listed["worker-0"])
    assert total(worker, "verbatim_worker_tokens_total") > 0
    assert total(scraped(listed["recorder-0"]), "verbatim_recorder_outcomes_total") > 0
    assert httpx.get(listed["recorder-0"].removesuffix("/metrics"), timeout=5).status_code == 404


def test_status_shows_the_ports(stack: Stack) -> None:
    said = stack.verbatim("status").stdout
    for url in addresses(stack).values():
        assert url.removeprefix("http://127.0.0.1:").removesuffix("/metrics") in said


def test_a_restarted_process_serves_at_the_listed_port(stack: Stack) -> None:
    before = scraped(addresses(stack)["recorder-0"])
    done = stack.verbatim("restart", "recorder-0")
    assert done.returncode == 0, done.stderr

    def again() -> None:
        samples = scraped(addresses(stack)["recorder-0"])
        assert instance(samples) == "recorder-0"
        assert total(samples, "process_start_time_seconds") > total(before, "process_start_time_seconds")

    eventually_sync(again, 30)


def test_a_stand_in_serves_at_the_port_of_the_worker_it_became(stack: Stack) -> None:
    listed, pid = addresses(stack), stack.pid("worker")
    os.kill(pid, signal.SIGKILL)

    def stood_in() -> None:
        assert stack.pid("worker") != pid
        assert addresses(stack)["worker-0"] == listed["worker-0"]
        assert instance(scraped(listed["worker-0"])) == "worker-0"
        assert instance(scraped(addresses(stack)["spare-0"])) == "spare-0"

    eventually_sync(stood_in, 60)
