"""What may have been cut in its middle is not shown: emoji, flags, accents, Hangul."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.content import PREVIEW_CHARACTERS, excerpt, shown_excerpt, shown_title
from schemas.envelope import Sealed
from schemas.graphemes import MAX_CLUSTER, without_last_cluster

CLUSTERS = (
    "a",
    "漢",
    "🧘",
    "👩‍👩‍👧‍👦",
    "🤦🏽‍♂️",
    "👍🏿",
    "❤️",
    "🇩🇪",
    "e\u0301\u0323",
    "각",
    "\u1112\u1161\u11ab",
    "\r\n",
    "🏴\U000e0067\U000e0062\U000e007f",
    "1️⃣",
)


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("before", ["x", "漢", "🧘"])
def test_the_last_cluster_goes_as_a_whole(before: str, cluster: str) -> None:
    assert without_last_cluster(before + cluster) == before
    for cut in range(1, len(cluster)):
        assert without_last_cluster(before + cluster[:cut]) == before


def test_flags_are_pairs() -> None:
    assert without_last_cluster("🇩🇪🇫🇷") == "🇩🇪"
    assert without_last_cluster("🇩🇪🇫") == "🇩🇪"


@given(st.text())
def test_something_goes_and_the_rest_stays(text: str) -> None:
    shorter = without_last_cluster(text)
    assert text.startswith(shorter)
    assert len(shorter) < len(text) or text == ""
    assert len(text) - len(shorter) <= MAX_CLUSTER


@given(st.lists(st.sampled_from(CLUSTERS[:-4]), min_size=1, max_size=200))
def test_an_excerpt_as_shown_is_whole_clusters(clusters: list[str]) -> None:
    text = "".join(clusters)
    shown = shown_excerpt(excerpt(text)) or ""
    whole = ["".join(clusters[:n]) for n in range(len(clusters) + 1)]
    assert shown in whole
    assert len(shown) <= PREVIEW_CHARACTERS


def test_short_excerpts_stay_and_blank_titles_are_none() -> None:
    assert shown_excerpt("hi 👩‍👩‍👧‍👦") == "hi 👩‍👩‍👧‍👦"
    assert shown_excerpt("") is shown_excerpt(None) is None
    assert shown_excerpt("x" * 113 + "👩‍👩‍👧‍👦") == "x" * 113
    assert shown_title(" \n") is shown_title("") is shown_title(None) is None
    assert shown_title("t") == "t"
    assert shown_title('\0s["k", "", ""]') == Sealed("k", b"", b"")
