from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.crash_points import EXIT_STATUS, POINTS, Countdown, UnknownCrashPoint
from infra.planted import Planted, fault_file, plant, take

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("schemas", "topics", "infra", "streams", "inference_workers", "projections", "api")
CALL = re.compile(r"(?<!def )crash_point\(\s*([^)]*?)\s*\)")


def test_every_point_is_passed_somewhere_and_every_call_is_registered() -> None:
    called = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if file.name != "crash_points.py":
                called |= set(CALL.findall(file.read_text()))
    assert called == {f'"{name}"' for name in POINTS}
    assert len(set(POINTS)) == len(POINTS)


def test_the_nth_pass_is_struck_and_no_other() -> None:
    countdown = Countdown("worker.mid_stream:3")
    passes = ["worker.mid_stream", "worker.before_commit", *["worker.mid_stream"] * 3]
    assert [countdown.struck(name) for name in passes] == [False, False, False, True, False]


@pytest.mark.parametrize(("wanted", "error"), [("no.such", UnknownCrashPoint), ("worker.mid_stream:0", ValueError)])
def test_what_is_no_point_is_said_at_the_start(wanted: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Countdown(wanted)


def test_a_planted_process_is_gone_at_its_point() -> None:
    code = "from infra.crash_points import crash_point as c; c('api.after_cancel'); c('api.after_command'); print('on')"
    done = _python(code, VERBATIM_CRASHPOINT="api.after_command")
    assert (done.returncode, done.stdout) == (EXIT_STATUS, "")
    assert _python(code).stdout == "on\n"


def test_a_planted_clock_is_wrong_and_differences_stay_right() -> None:
    code = (
        "import time; from infra import clock; print(round(clock.now_us() / 1e6 - time.time()), "
        "round(clock.utc_now().timestamp() - time.time()), round(clock.monotonic_s() - time.monotonic()))"
    )
    assert _python(code, VERBATIM_CLOCK_SKEW_S="-7200").stdout == "-7200 -7200 0\n"


def test_a_fault_file_strikes_one_life_of_one_child(tmp_path: Path) -> None:
    plant(tmp_path, "worker-1", Planted("worker.mid_stream:2", 5.5, 30))
    other, same = {"VERBATIM_LIFESIGN": f"{tmp_path}/worker-0.beat"}, {"VERBATIM_LIFESIGN": f"{tmp_path}/worker-1.beat"}
    assert take(other) == Planted()
    assert take(same) == Planted("worker.mid_stream:2", 5.5, 30)
    assert take(same) == Planted()
    assert not fault_file(tmp_path, "worker-1").exists()


def test_a_fault_for_a_child_strikes_the_process_that_carries_it(tmp_path: Path) -> None:
    process = {"VERBATIM_LIFESIGN": f"{tmp_path}/agents-0.beat", "VERBATIM_CARRIES": "conversation-0,projector-0"}
    plant(tmp_path, "projector-0", Planted("projector.after_write"))
    assert take(process) == Planted("projector.after_write")
    assert take(process) == Planted()
    plant(tmp_path, "metering-0", Planted("metering.after_usage"))
    assert take(process) == Planted()


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
