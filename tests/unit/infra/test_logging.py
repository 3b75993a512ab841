from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from infra.logging import WITHHELD, configure, get_logger


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_process(output: io.StringIO) -> None:
    configure("worker-0", "info", output)
    get_logger("a.b").info("started", slots=3)
    (line,) = lines(output)
    assert line["event"] == "started"
    assert (line["process"], line["logger"], line["slots"], line["level"]) == ("worker-0", "a.b", 3, "info")


def test_secrets_and_what_people_wrote_are_withheld(output: io.StringIO) -> None:
    configure("api-0", "info", output)
    get_logger("a").warning("odd", key="vk_1", text="dear diary", prompt="p", delta="d", authorization="Bearer x")
    (line,) = lines(output)
    assert {line[name] for name in ("key", "text", "prompt", "delta", "authorization")} == {WITHHELD}


def test_libraries_go_the_same_way_and_levels_hold(output: io.StringIO) -> None:
    configure("p", "warning", output)
    logging.getLogger("faust").warning("from %s", "faust")
    logging.getLogger("faust").info("unheard")
    assert [line["event"] for line in lines(output)] == ["from faust"]


def test_configuring_twice_does_not_double_lines(output: io.StringIO) -> None:
    configure("p", "info", output)
    configure("p", "info", output)
    get_logger("a").info("once")
    assert len(lines(output)) == 1
