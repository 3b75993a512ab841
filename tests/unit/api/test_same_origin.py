"""Which requests by cookie are our own page's."""

from __future__ import annotations

import pytest

from api.access.same_origin import refuse_other_sites
from api.http.cross_origin import is_of_host
from api.http.errors import ApiError

MARK = {"x-verbatim-csrf": "1"}
HERE = {"host": "127.0.0.1:8080"}


@pytest.mark.parametrize(
    "headers",
    [
        MARK,
        MARK | HERE,
        MARK | HERE | {"sec-fetch-site": "same-origin"},
        MARK | HERE | {"origin": "http://127.0.0.1:8080"},
        MARK | {"host": "chat.example.org", "origin": "https://chat.example.org"},
        MARK | {"host": "chat.example.org:443", "origin": "https://chat.example.org"},
        MARK | {"host": "Chat.Example.org", "origin": "https://chat.example.org"},
        MARK | {"host": "[::1]:8080", "origin": "http://[::1]:8080"},
        # a proxy that changes Host: the browser has compared what it sees
        MARK | HERE | {"sec-fetch-site": "same-origin", "origin": "https://chat.example.org"},
    ],
)
def test_our_own_pages(headers: dict[str, str]) -> None:
    refuse_other_sites(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HERE | {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8080"},
        {"x-verbatim-csrf": ""},
        {"x-verbatim-csrf": "0"},
        {"x-verbatim-csrf": "1, 1"},
        *(MARK | HERE | {"sec-fetch-site": site} for site in ("same-site", "cross-site", "none", "", "SAME-ORIGIN")),
        MARK | HERE | {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"},
        *(
            MARK | HERE | {"origin": origin}
            for origin in (
                "null",
                "",
                "http://evil.example",
                "http://127.0.0.1",
                "http://127.0.0.1:8081",
                "http://127.0.0.1:8080.evil.example",
                "http://127.0.0.1:8080@evil.example",
                "http://evil.example@127.0.0.1:8080",
                "http://127.0.0.1:99999999",
                "ftp://127.0.0.1:8080",
                "127.0.0.1:8080",
                "http://[::1",
            )
        ),
        MARK | {"origin": "http://127.0.0.1:8080"},
    ],
)
def test_whatever_another_site_may_have_sent(headers: dict[str, str]) -> None:
    with pytest.raises(ApiError) as caught:
        refuse_other_sites(headers)
    assert (caught.value.status, caught.value.code) == (403, "csrf")


def test_hosts_that_are_none() -> None:
    for host in ("", "[::1", "a:b", "a:99999999"):
        assert not is_of_host("http://a", host)
