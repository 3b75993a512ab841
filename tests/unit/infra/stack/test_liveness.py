from __future__ import annotations

from infra.stack.liveness import EXCUSED_AT_MAX_S, MAX_A_TURN_S, QUERIES_AT_LEAST, Silence, Unanswered

TURN_S = 0.25


def hung_after(
    silence: Silence, *, excused: bool = False, turn_s: float = TURN_S, most_s: float = 60.0
) -> float | None:
    """Seconds of one unchanging beat until the child is taken for hung, or None if it is not within `most_s`."""
    now_s = 0.0
    while now_s < most_s:
        now_s += turn_s
        if silence.look(1, now_s, excused=excused) is not None:
            return now_s
    return None


def test_a_stopped_child_is_hung_after_its_limit() -> None:
    assert hung_after(Silence(2.0, 1, 0.0)) == 2.0 + TURN_S


def test_a_child_that_beats_is_not() -> None:
    silence = Silence(2.0, 0, 0.0)
    assert [silence.look(n // 2, n * 1.0, excused=False) for n in range(1, 50)] == [None] * 49


def test_a_child_that_never_beats_is_never_hung() -> None:
    silence = Silence(2.0, None, 0.0)
    assert [silence.look(None, float(n), excused=False) for n in range(1, 50)] == [None] * 49


def test_starving_is_excused_but_not_for_ever() -> None:
    took_s = hung_after(Silence(2.0, 1, 0.0), excused=True)
    assert took_s is not None
    assert took_s > EXCUSED_AT_MAX_S


def test_a_stall_of_the_whole_host_counts_as_one_turn() -> None:
    silence = Silence(2.0, 1, 0.0)
    assert silence.look(1, 30.0, excused=False) is None  # the listener itself was away for 30 s
    assert silence.look(1, 30.0 + MAX_A_TURN_S, excused=False) is None
    assert silence.look(1, 30.5 + MAX_A_TURN_S, excused=False) is not None


def test_whether_it_is_excused_is_asked_only_of_the_silent() -> None:
    silence = Silence(2.0, 1, 0.0)
    asked = []
    for beat, now_s in ((1, 0.25), (1, 0.5), (1, 0.75), (2, 1.0), (2, 1.25)):
        silence.look(beat, now_s, excused=False)
        asked.append(silence.doubtful)
    assert asked == [False, False, True, False, False]


def test_a_server_that_answers_nothing_for_long_is_hung() -> None:
    unanswered = Unanswered(30.0)
    assert unanswered.failed(0.0, 31.0) is None  # long enough, but only the first query
    assert unanswered.failed(32.0, 33.0) == "hung: no query answered for 33 s"


def test_one_answer_begins_the_count_anew() -> None:
    unanswered = Unanswered(30.0)
    for n in range(QUERIES_AT_LEAST + 5):
        assert unanswered.failed(n * 20.0, n * 20.0 + 15.0) is None
        unanswered.answered()


def test_without_a_limit_no_silence_is_a_hang() -> None:
    unanswered = Unanswered(None)
    assert [unanswered.failed(0.0, n * 100.0) for n in range(10)] == [None] * 10
