"""`verify`, `show` and `diff` refuse in one line what cannot be, before anything is connected."""

from __future__ import annotations

from itertools import pairwise

import pytest
from typer.testing import CliRunner

from infra.cli.__main__ import command_line
from projections.replay.ring import FIRST_TOKEN, LAST_TOKEN, BadSample, Span, parse_sample

NOWHERE = ("--state", "/nowhere")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "nothing"), "verbatim: 'nothing' is not a projection: use "),
        (("verify", "messages", "usage", "--version", "2"), "--version and --dump need exactly one projection"),
        (("verify", "--sample", "half"), "'half' is not a sample: use 5% (of all partitions) or 3/16"),
        (("verify", "messages"), "no stack is running in /nowhere"),
        (("show", "thing", "x"), "'thing' cannot be looked at: conversation, generation, user can"),
        (("show", "conversation", "x\x1b[2J"), "'x[2J' is not the id of a conversation"),
        (("show", "user", " "), "'' is not the id of a user"),
        (("diff", "generation", "y", "--from", "1m"), "'y' is not the id of a generation"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    command = ["replay", *arguments, *NOWHERE]
    done = CliRunner().invoke(command_line(command), command)
    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "0%", "100%", "4", "", "-1%", "1/0"])
def test_what_names_no_part_is_no_sample(text: str) -> None:
    with pytest.raises(BadSample):
        parse_sample(text)


def test_samples_are_parts_of_the_ring() -> None:
    sixteenths = [parse_sample(f"{n}/16") for n in range(1, 17)]
    assert (sixteenths[0].after, sixteenths[-1].last) == (FIRST_TOKEN, LAST_TOKEN)
    assert all(one.last == other.after for one, other in pairwise(sixteenths))
    assert parse_sample("1/1") == Span()
    assert parse_sample("50%").last == 0
