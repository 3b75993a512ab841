from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from infra.settings.servers import KafkaSettings
from infra.stack.children import ROLES, own_children, scale_problem, spare_worker, with_metrics
from infra.stack.layout import Layout

LAYOUT = Layout.at(Path("/s"))
SETTINGS = Settings(kafka=KafkaSettings(bootstrap="k:1", sasl_password=SecretStr("hunter2")))


def test_every_role_runs_once_under_a_stable_name() -> None:
    names = [child.name for child in own_children(SETTINGS, LAYOUT, {}, {})]
    assert names == [f"{role.name}-0" for role in ROLES]


def test_a_role_can_be_scaled_or_left_out() -> None:
    names = [child.name for child in own_children(SETTINGS, LAYOUT, {"worker": 2, "metering": 0}, {})]
    assert {"worker-0", "worker-1"} <= set(names)
    assert "metering-0" not in names


def test_children_are_told_who_they_are_and_where_to_beat() -> None:
    worker = next(c for c in own_children(SETTINGS, LAYOUT, {"worker": 2}, {}) if c.name == "worker-1")
    assert worker.env["VERBATIM_INSTANCE"] == "worker-1"
    assert worker.env["VERBATIM_LIFESIGN"] == "/s/run/worker-1.beat"


def test_secrets_travel_in_the_environment_never_on_a_command_line() -> None:
    for child in own_children(SETTINGS, LAYOUT, {}, {}):
        assert child.env["VERBATIM_KAFKA__SASL_PASSWORD"] == "hunter2"
        assert not any("hunter2" in argument for argument in child.argv)
        assert "hunter2" not in repr(child)


def test_the_callers_environment_is_inherited_less_our_own_names() -> None:
    inherited = {
        "UPSTREAM_KEY": "u",
        "VERBATIM_API__PORT": "1",
        "VERBATIM_CONFIG": "/gone.toml",
    }
    child = own_children(SETTINGS, LAYOUT, {}, inherited)[0]
    assert child.env["UPSTREAM_KEY"] == "u"
    assert child.env["VERBATIM_API__PORT"] == "8080"
    assert "VERBATIM_CONFIG" not in child.env


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ({"wroker": 1}, "no role is called wroker: choose from api, conversation, metering, projector"),
        ({"worker": 17}, "worker=17: from 0 to 16 are possible"),
        ({"api": 2}, "api=2: from 0 to 1 are possible"),
    ],
)
def test_wrong_counts_are_said(scale: dict[str, int], said: str) -> None:
    assert (scale_problem(scale) or "").startswith(said)


def test_right_counts_are_no_problem() -> None:
    assert scale_problem({"worker": 16, "api": 0}) is None


def test_a_spare_waits_for_orders_and_has_no_name_of_a_worker() -> None:
    spare = spare_worker(SETTINGS, LAYOUT, {}, {})
    assert spare is not None
    assert (spare.name, spare.role, spare.takes_orders, spare.is_required) == ("spare-0", "spare", True, False)
    assert spare.argv[-2:] == ("infra.processes.worker", "--spare")
    assert spare.env["VERBATIM_LIFESIGN"] == "/s/run/spare-0.beat"


def test_no_spare_where_the_settings_or_the_counts_want_none() -> None:
    without = SETTINGS.model_copy(update={"worker": SETTINGS.worker.model_copy(update={"spare": False})})
    assert spare_worker(without, LAYOUT, {}, {}) is None
    assert spare_worker(SETTINGS, LAYOUT, {"worker": 0}, {}) is None


def test_each_process_is_told_of_a_port_of_its_own_for_its_metrics() -> None:
    asked: list[tuple[str, ...]] = []

    def ports(names: tuple[str, ...]) -> dict[str, int]:
        asked.append(names)
        return {name: 20_000 + number for number, name in enumerate(names)}

    children = with_metrics(own_children(SETTINGS, LAYOUT, {"worker": 2}, {}), ports)
    assert len({child.metrics_port for child in children}) == len(children)
    for child in children:
        assert child.env["VERBATIM_METRICS__PORT"] == str(child.metrics_port)
    assert [name.removesuffix(" metrics") for name in asked[0]] == [child.name for child in children]


def test_agents_that_share_a_process_stand_in_the_place_of_the_first() -> None:
    shared = ("conversation", "metering", "projector")
    children = own_children(SETTINGS, LAYOUT, {}, {}, shared=shared)
    assert [child.name for child in children] == ["recorder-0", "worker-0", "agents-0", "watchdog-0", "api-0"]
    process = children[2]
    assert [child.name for child in process.carries] == ["conversation-0", "metering-0", "projector-0"]
    assert process.env["VERBATIM_CARRIES"] == "conversation-0,metering-0,projector-0"
    assert process.env["VERBATIM_INSTANCE"] == "agents-0"
    alone = {child.name: child for child in own_children(SETTINGS, LAYOUT, {}, {})}
    assert all(child.env == alone[child.name].env and child.argv == alone[child.name].argv for child in process.carries)


def test_each_of_them_has_a_metrics_port_for_when_it_is_alone() -> None:
    children = own_children(SETTINGS, LAYOUT, {}, {}, shared=("conversation", "metering"))
    given = with_metrics(children, lambda names: {name: 1000 + number for number, name in enumerate(names)})
    process = next(child for child in given if child.carries)
    ports = [each.metrics_port for child in given for each in (child, *child.carries)]
    assert len(set(ports)) == len(ports)
    for each in (process, *process.carries):
        assert each.env["VERBATIM_METRICS__PORT"] == str(each.metrics_port)
