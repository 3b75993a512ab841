"""A sign-in through an issuer is bound to its browser; one-time links say what they are worth."""

from __future__ import annotations

import pytest

from api.signin.flow import FLOW_S, Flow, Flows, own_path
from api.signin.one_time import hash_of_link, link_refused, state_of
from projections.sign_ins.queries import LinkRow

NOW_S = 1_800_000_000
FLOW = Flow("google", "ab" * 24, NOW_S, "/c/1", "vl_x")


def test_a_flow_comes_back_as_it_was_and_only_to_who_made_it() -> None:
    flows = Flows("s" * 43)
    cookie = flows.sealed(FLOW)
    assert flows.opened(cookie, NOW_S + FLOW_S - 1) == FLOW
    assert flows.opened(cookie, NOW_S + FLOW_S) is None
    assert flows.opened(cookie, NOW_S - 61) is None
    assert Flows("t" * 43).opened(cookie, NOW_S) is None
    for wrong in ("", "x", cookie[:-1], cookie + "A", "\u00e9", "a" * 3000):
        assert flows.opened(wrong, NOW_S) is None


def test_state_nonce_and_verifier_differ_and_are_of_one_flow() -> None:
    flows = Flows("s" * 43)
    mine = {flows.state(FLOW), flows.nonce(FLOW), flows.verifier(FLOW), flows.challenge(FLOW)}
    other = Flow(FLOW.issuer, "cd" * 24, NOW_S)
    assert len(mine) == 4
    assert not mine & {flows.state(other), flows.nonce(other), flows.verifier(other), flows.challenge(other)}
    assert flows.state(Flow("other", FLOW.drawn, NOW_S)) != flows.state(FLOW), "of one issuer"
    assert 43 <= len(flows.verifier(FLOW)) <= 128
    assert all(value not in flows.sealed(FLOW) for value in mine)


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/", "/"),
        ("/c/0189-ab", "/c/0189-ab"),
        ("/settings/keys", "/settings/keys"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("/a?b#c", "/"),
        ("javascript:alert(1)", "/"),
        ("/%0d%0aset-cookie", "/"),
        ("/" + "a" * 400, "/"),
        ("", "/"),
    ],
)
def test_one_comes_back_to_our_own_page_alone(asked: str, path: str) -> None:
    assert own_path(asked) == path


def test_a_link_says_what_it_is_worth() -> None:
    link = LinkRow("d" * 64, "l", "invitation", "", "", (), "", "", "", "user:a", 0, 100)
    used = LinkRow("d" * 64, "l", "invitation", "", "", (), "", "", "", "user:a", 0, 100, used_by="e", revoked_at_us=1)
    revoked = LinkRow("d" * 64, "l", "invitation", "", "", (), "", "", "", "user:a", 0, 100, revoked_at_us=1)
    assert [state_of(link, 99), state_of(link, 100), state_of(used, 1), state_of(revoked, 1)] == [
        "good",
        "expired",
        "used",
        "revoked",
    ]
    assert {link_refused(state).status for state in ("used", "revoked", "expired")} == {410}
    assert link_refused("unknown").status == 404
    digest = hash_of_link("vl_" + "a" * 43)
    assert digest is not None
    assert len(digest) == 64
    assert hash_of_link("vk_" + "a" * 43) is None
