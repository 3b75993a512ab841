from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infra.cli.bench import streams_of
from infra.cli.bench_carried import FIRST, MOST, NEAR, RAMP_S, TOKENS, keeps_pace, most_carried, next_streams
from infra.cli.bench_figures import Proxied, Row, Spread, notes_of, object_of, row_of, table_of
from infra.cli.bench_goals import Carried, Figures, Real, goal_objects, goals_of, goals_table
from infra.cli.bench_load import Load, Sample
from infra.cli.bench_medians import median_row
from infra.cli.bench_ratios import ratios_of, ratios_table
from infra.cli.bench_run import load_for, unpaced_loads
from infra.cli.terminal import UserError

MS = 1_000_000


def sample(first_ms: list[int], latency_ms: list[int], wall_s: float, errors: tuple[str, ...] = ()) -> Sample:
    return Sample([n * MS for n in first_ms], [n * MS for n in latency_ms], list(errors), int(wall_s * 1e9))


def row(errors: tuple[str, ...] = (), foreign: float = 0.0, api_ns: int = 40_000) -> Row:
    via, direct = sample([7, 9], [3] * 8, 2.0, errors), sample([2, 3], [1] * 8, 1.0)
    proxy = Proxied.of(sample([2, 4], [1] * 4 + [2] * 4, 1.0), 64_000)
    cpu = {"api": api_ns, "worker": 80_000, "supervisor": 8_000, "kafka": 16_000, "cassandra": 24_000}
    return row_of(Load(2, 1, 4, 0), via, direct, proxy, cpu, 0.5, foreign)


def test_percentiles_are_nearest_ranks() -> None:
    assert Spread.of_ns([n * MS for n in range(1, 101)]) == Spread(50, 99)
    assert Spread.of_ns([5 * MS]) == Spread(5, 5)
    assert Spread.of_ns([]) == Spread(0, 0)


def test_added_is_what_remains_after_the_direct_way() -> None:
    found = object_of(row())
    assert found["ttft_ms"] == {"p50": 7.0, "p99": 9.0}
    assert found["ttft_added_ms"] == {"p50": 5.0, "p99": 6.0}
    assert found["token_added_ms"] == {"p50": 2.0, "p99": 2.0}
    assert (found["tokens_per_s"], found["tokens_per_s_direct"]) == (4.0, 8.0)


def test_cpu_is_counted_by_role_and_servers_apart() -> None:
    found = object_of(row())
    assert found["cpu_us_per_token"]["kafka"] == 2.0
    assert found["cpu_us_per_token_own"] == 16.0
    assert found["cpu_us_per_token_hot_path"] == 15.0


def test_the_table_holds_every_row() -> None:
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(table_of([row(), row(foreign=0.5)]))
    assert "2 x 4" in captured.get()
    assert "2*" in captured.get()


def test_figures_are_multiples_of_the_bare_proxys() -> None:
    assert ratios_of(row()) == {
        "cpu_own": 2.0,
        "cpu_kafka": 0.25,
        "cpu_cassandra": 0.375,
        "ttft_p50": 3.5,
        "token_p50": 3.0,
        "token_p99": 1.5,
        "tokens_per_s": 0.5,
    }
    assert object_of(row())["proxy"]["cpu_us_per_token"] == 8.0


def test_a_proxy_that_sent_nothing_gives_no_ratio() -> None:
    proxy = Proxied.of(sample([], [], 0), 0)
    found = row_of(Load(2, 1, 4, 0), sample([7], [3], 1), sample([2], [1], 1), proxy, {"api": 1}, 0.5, 0)
    assert set(ratios_of(found).values()) == {0.0}


def test_the_ratios_are_printed_a_row_each() -> None:
    console = Console(width=140)
    with console.capture() as captured:
        console.print(ratios_table([row(), row(foreign=0.5)]))
    assert "2.00 x" in captured.get()
    assert "3.0 / 1.5 x" in captured.get()
    assert "2*" in captured.get()


def test_repeats_give_the_median_of_each_figure() -> None:
    found = median_row([row(api_ns=40_000), row(("away",), 0.3, 48_000), row(("away",), 0.2, 80_000)])
    assert found.cpu_us_per_token["api"] == 6.0
    assert found.first_token == Spread(7, 9)
    assert (found.foreign_share, found.errors) == (0.3, {"away": 2})
    assert median_row([row()]) == row()


def test_errors_and_other_programs_are_told() -> None:
    notes = notes_of([row(("HTTP 503: away", "HTTP 503: away"), 0.3)])
    assert "error, 2 times: HTTP 503: away" in notes
    assert any("other programs used up to 30%" in note for note in notes)


@pytest.mark.parametrize(("text", "counts"), [("1,16,100", [1, 16, 100]), ("4", [4]), (" 2 , 2 ", [2])])
def test_numbers_of_streams(text: str, counts: list[int]) -> None:
    assert streams_of(text) == counts


@pytest.mark.parametrize("text", ["", "0", "1,", "x", "1001", "-1"])
def test_other_numbers_of_streams_are_told(text: str) -> None:
    with pytest.raises(UserError, match="--streams"):
        streams_of(text)


def test_loads_are_those_of_the_reference_measurements() -> None:
    assert load_for(1, None) == Load(1, 50, 5, 0)
    assert load_for(16, None) == Load(16, 3, 100, 0.32)
    assert load_for(100, None) == Load(100, 2, 100, 2.0)
    assert load_for(100, 20).tokens == 20


def at(streams: int, tokens: int = 100) -> Row:
    return replace(row(), load=Load(streams, 1, tokens, 0))


def test_each_figure_stands_beside_its_goal() -> None:
    figures = Figures(
        paced=[at(1), at(16), at(100)],
        unpaced=[at(16, 200), at(16, 2000)],
        carried=Carried(streams=70, proxy_streams=100),
        idle_cpu_s_a_minute=3.5,
        real=Real(up_s=26.0, tokens_per_s=38.0, alone_tokens_per_s={1: 40.0, 2: 30.0}, threads=1),
    )
    goals = goals_of(figures)
    assert [goal.reached for goal in goals] == [
        False,  # 2.0 times the proxy's CPU at 100 streams
        True,  # and at 16
        True,  # 0.625 of Kafka and Cassandra
        True,  # 70 of 100 streams
        True,
        True,
        True,
        True,
        None,
        False,  # half of the proxy's unpaced tokens
        False,
        None,
        False,  # 26 s
        True,  # 0.95 of the best thread count
    ]
    console = Console(width=140)
    with console.capture() as captured:
        console.print(goals_table(goals))
    said = captured.get()
    assert "0.95" in said
    assert "<= 25 s" in said
    assert "38 tokens/s on 1 thread(s) / llama.cpp alone (40 with 1, 30 with 2)" in said
    assert (said.count("reached"), said.count("missed")) == (8, 4)
    assert goal_objects(goals)[0] == {
        "what": "CPU a token, ours, 100 streams, / proxy's",
        "value": 2.0,
        "unit": "x",
        "most": 1.5,
        "least": None,
        "reached": False,
    }


def test_a_goal_without_a_figure_is_left_out() -> None:
    assert goals_of(Figures(paced=[at(8)])) == []
    assert all("100 streams" in goal.what for goal in goals_of(Figures(paced=[at(100)])))


@given(st.integers(0, 2 * MOST))
def test_the_number_that_is_carried_is_found_in_few_tries(true: int) -> None:
    tried: dict[int, bool] = {}
    while (streams := next_streams(tried)) is not None:
        assert 1 <= streams <= MOST
        assert streams not in tried
        tried[streams] = streams <= true
    found = most_carried(tried)
    assert len(tried) <= 11
    assert found <= min(true, MOST)
    assert min(true, MOST) <= max(found * NEAR, found + 1)


def test_one_bad_try_below_good_ones_counts() -> None:
    assert most_carried({FIRST: True, 50: False, 100: True}) == FIRST
    assert most_carried({FIRST: False}) == 0


@pytest.mark.parametrize(
    ("late_ms", "wall_s", "tokens", "holds"),
    [(20, 9.1, 2 * TOKENS, True), (150, 9.1, 2 * TOKENS, False), (20, 9.3, 2 * TOKENS, False), (20, 9.0, 1, False)],
)
def test_pace_is_kept_with_every_token_in_time(late_ms: int, wall_s: float, tokens: int, holds: bool) -> None:
    assert RAMP_S / 2 + TOKENS * 0.02 == 9.0
    told = Sample([MS], [late_ms * MS] * tokens, [], int(wall_s * 1e9))
    assert keeps_pace(2, told) == holds


def test_unpaced_loads_are_short_and_long_answers() -> None:
    assert [(load.streams, load.tokens) for load in unpaced_loads()] == [(16, 200), (16, 2000)]
